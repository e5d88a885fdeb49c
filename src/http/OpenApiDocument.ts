/**
 * The API as an OpenAPI 3.1 document.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Predicate from "effect/Predicate"
import { Api } from "./Api.ts"
import { securitySchemes } from "./api/AdminSecurity.ts"

/** HttpApi's own error for what it decodes, which is nothing here: see Query. */
const FOREIGN_SCHEMAS = new Set(["HttpApiDecodeError", "Issue", "PropertyKey"])
const FOREIGN_REFERENCE = "#/components/schemas/HttpApiDecodeError"

const isForeign = (schema: unknown): boolean =>
  Predicate.isRecord(schema) && schema["$ref"] === FOREIGN_REFERENCE

/** A response that nothing but the foreign error would give. */
const isForeignResponse = (response: unknown): boolean =>
  Predicate.isRecord(response) &&
  Predicate.isRecord(response["content"]) &&
  Object.values(response["content"]).every((media) => Predicate.isRecord(media) && isForeign(media["schema"]))

const cleaned = (part: unknown): unknown => {
  if (Array.isArray(part)) return part.filter((item) => !isForeign(item)).map(cleaned)
  if (!Predicate.isRecord(part)) return part
  const result = Object.fromEntries(
    Object.entries(part)
      // Answers may have further fields, says the contract.
      .filter(([key, value]) => !(key === "additionalProperties" && value === false))
      // Effect names each "anything" the same, and a name must be unique in a document.
      .filter(([key, value]) => !(key === "$id" && value === "/schemas/unknown"))
      .filter(([key, value]) => !FOREIGN_SCHEMAS.has(key) && !isForeignResponse(value))
      .map(([key, value]) => [key, cleaned(value)] as const)
  )
  const { anyOf, ...others } = result
  return Array.isArray(anyOf) && anyOf.length === 1 ? { ...others, ...anyOf[0] } : result
}

/** The document of an API of ours; `schemes` are the ways to authenticate that no middleware of it names. */
export const describe = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  schemes: Readonly<Record<string, unknown>> = {}
): Readonly<Record<string, unknown>> => {
  const spec = OpenApi.fromApi(api)
  const document = cleaned({
    ...spec,
    components: { ...spec.components, securitySchemes: { ...spec.components.securitySchemes, ...schemes } }
  })
  return Predicate.isRecord(document) ? document : {}
}

/** The server's. Made afresh at each call; the same for every process of a version. */
export const make = (): Readonly<Record<string, unknown>> => describe(Api, securitySchemes)

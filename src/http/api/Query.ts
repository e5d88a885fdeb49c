/**
 * Query parameters: described in the API here, and decoded by the handlers, which first check who asks. HttpApi itself
 * would decode before any handler runs, and reflect the values in its errors.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { describeIssue } from "../Expectation.ts"
import { badRequest, type Refusal } from "../Refusal.ts"
import { closest, describeUnknown } from "../Suggestion.ts"

/** `true` or `false`, as text. */
export const Flag = Schema.transformLiterals(["true", true], ["false", false]).annotations({
  description: "true or false",
  jsonSchema: { type: "boolean" }
})

/** A whole number within bounds, as text. */
export const wholeNumber = (minimum: number, maximum: number) =>
  Schema.String.pipe(
    Schema.pattern(/^\d{1,9}$/),
    Schema.compose(Schema.NumberFromString),
    Schema.between(minimum, maximum)
  ).annotations({
    description: `a whole number from ${minimum} to ${maximum}`,
    jsonSchema: { type: "integer", minimum, maximum }
  })

/** Text of bounded length. */
export const shortText = (maxLength: number) =>
  Schema.String.pipe(Schema.maxLength(maxLength)).annotations({
    description: `a text of at most ${maxLength} characters`,
    jsonSchema: { type: "string", maxLength }
  })

interface Operation {
  readonly parameters?: ReadonlyArray<unknown>
}

/** Adds the parameters of a query to an operation's description (for the annotation `OpenApi.Transform`). */
export const describeQuery = <A, I>(schema: Schema.Schema<A, I>) => {
  const definitions: Record<string, JSONSchema.JsonSchema7> = {}
  const described = JSONSchema.fromAST(schema.ast, { definitions, target: "openApi3.1" })
  // A parameter is described in place: what it refers to is not among the document's components.
  const inPlace = (property: JSONSchema.JsonSchema7) =>
    "$ref" in property ? definitions[property.$ref.replace(/^.*\//, "")] : property
  const properties = "properties" in described ? described.properties : {}
  const parameters = Object.entries(properties).map(([name, property]) => ({
    name,
    in: "query",
    required: false,
    schema: inPlace(property)
  }))
  return (operation: Operation) => ({
    ...operation,
    parameters: [...(operation.parameters ?? []), ...parameters]
  })
}

const SUBJECT = "the query"

/** The names of a struct's fields, as they are sent. */
export const fieldsOf = <A, I>(schema: Schema.Schema<A, I>): ReadonlyArray<string> =>
  SchemaAST.getPropertySignatures(SchemaAST.encodedAST(schema.ast)).map(({ name }) => String(name))

/** What narrows an answer anywhere in this API: asked of a call that does not know it, it would be ignored. */
const FILTERS = [
  "storeId",
  "status",
  "limit",
  "cursor",
  "before",
  "after",
  "action",
  "verify",
  "olderThanMs",
  "strict"
]

export interface QueryOptions {
  /**
   * What becomes of parameters that the call does not know. A call that changes something refuses them (the default): what
   * is ignored may have been meant as protection. One that only reads refuses what looks like a filter, and lets pass what
   * browsers and load balancers add.
   */
  readonly call?: "changes" | "reads"
}

/** The query of the request being handled; 400 with the parameter and what belongs there. */
export const decodeQuery = <A, I>(
  schema: Schema.Schema<A, I>,
  { call = "changes" }: QueryOptions = {}
): Effect.Effect<A, Refusal, HttpServerRequest.ParsedSearchParams> => {
  const decode = Schema.decodeUnknown(schema, { errors: "all" })
  const known = fieldsOf(schema)
  return Effect.flatMap(HttpServerRequest.ParsedSearchParams, (parameters) => {
    const given = Object.keys(parameters).filter(
      (name) => call === "changes" || closest(name, [...known, ...FILTERS]) !== undefined
    )
    const unknown = describeUnknown(given, { subject: SUBJECT, part: "parameter", known })
    return unknown === undefined
      ? Effect.mapError(decode(parameters), ({ issue }) => badRequest(describeIssue(issue, SUBJECT)))
      : Effect.fail(badRequest(unknown))
  })
}

/** 400 for a call that only reads, takes no query, and is asked with a filter. */
export const noFilter = decodeQuery(Schema.Struct({}), { call: "reads" })

/** 400 for a call that has a query and takes none. `inBody` are the names that belong in its body. */
export const noQuery = (
  inBody: ReadonlyArray<string> = []
): Effect.Effect<void, Refusal, HttpServerRequest.ParsedSearchParams> =>
  Effect.flatMap(HttpServerRequest.ParsedSearchParams, (parameters) => {
    const given = Object.keys(parameters)
    if (given.length === 0) return Effect.void
    const misplaced = inBody.filter((name) => given.some((one) => closest(one, [name]) !== undefined))
    return Effect.fail(
      badRequest(
        misplaced.length > 0
          ? `${misplaced.join(", ")} must be in the JSON body: this call takes no query.`
          : "This call takes no query parameters."
      )
    )
  })

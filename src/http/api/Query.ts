/**
 * Query parameters: described in the API here, and decoded by the handlers, which first check who asks. HttpApi itself
 * would decode before any handler runs, and reflect the values in its errors.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"
import { describeIssue } from "../Expectation.ts"
import { badRequest, type Refusal } from "../Refusal.ts"

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

/** The query of the request being handled; 400 with the parameter and what belongs there. Others are ignored. */
export const decodeQuery = <A, I>(
  schema: Schema.Schema<A, I>
): Effect.Effect<A, Refusal, HttpServerRequest.ParsedSearchParams> => {
  const decode = Schema.decodeUnknown(schema, { errors: "all" })
  return Effect.flatMap(HttpServerRequest.ParsedSearchParams, (parameters) =>
    Effect.mapError(decode(parameters), ({ issue }) => badRequest(describeIssue(issue, "the query")))
  )
}

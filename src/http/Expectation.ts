/**
 * What was wrong with an input, in words that name the place and what belongs there, and never what was there: an
 * input is as long and as hostile as its sender likes.
 */
import type * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as SchemaAST from "effect/SchemaAST"

/** No more than this many places are named. */
const MAX_PLACES = 5

const words = (alternatives: ReadonlyArray<string>): string => {
  const distinct = [...new Set(alternatives)]
  const last = distinct.pop() ?? "nothing"
  return distinct.length === 0 ? last : `${distinct.join(", ")} or ${last}`
}

/** What belongs at a place, in plain words: never the name of a schema, nor how this program writes it down. */
const expectation = (ast: SchemaAST.AST): string => {
  const description = SchemaAST.getDescriptionAnnotation(ast)
  if (description._tag === "Some") return description.value
  // That a field may be left out is no value which its sender could write.
  if (SchemaAST.isUnion(ast)) {
    return words(ast.types.filter((type) => !SchemaAST.isUndefinedKeyword(type)).map(expectation))
  }
  if (SchemaAST.isLiteral(ast)) return String(ast.literal)
  if (SchemaAST.isRefinement(ast) || SchemaAST.isTransformation(ast)) return expectation(ast.from)
  if (SchemaAST.isSuspend(ast)) return expectation(ast.f())
  if (SchemaAST.isTypeLiteral(ast)) return "a JSON object"
  return SchemaAST.isTupleType(ast) ? "a list" : "another value"
}

const isIssues = (
  issues: ParseResult.SingleOrNonEmpty<ParseResult.ParseIssue>
): issues is readonly [ParseResult.ParseIssue, ...ReadonlyArray<ParseResult.ParseIssue>] =>
  Array.isArray(issues)

const places = (
  issue: ParseResult.ParseIssue,
  path: ReadonlyArray<PropertyKey>,
  subject: string
): ReadonlyArray<string> => {
  const place = path.length === 0 ? subject : path.map(String).join(".")
  switch (issue._tag) {
    case "Pointer": {
      const further =
        Predicate.isIterable(issue.path) && typeof issue.path !== "string" ? issue.path : [issue.path]
      return places(issue.issue, [...path, ...further], subject)
    }
    case "Composite":
      // The members of a union say the same place many times over: the union itself is what belongs there.
      return SchemaAST.isUnion(issue.ast)
        ? [`${place} must be ${expectation(issue.ast)}`]
        : (isIssues(issue.issues) ? issue.issues : [issue.issues]).flatMap((inner) =>
            places(inner, path, subject)
          )
    case "Missing":
      return [`${place} is missing`]
    case "Unexpected":
      return [`${place} has a field that does not belong there`]
    case "Refinement":
    case "Transformation":
    case "Type":
    case "Forbidden":
      return [`${place} must be ${expectation(issue.ast)}`]
  }
}

/** One sentence; `subject` names the input as a whole, such as "the body". */
export const describeIssue = (issue: ParseResult.ParseIssue, subject: string): string =>
  `${[...new Set(places(issue, [], subject))].slice(0, MAX_PLACES).join("; ")}.`

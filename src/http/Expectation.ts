/**
 * What was wrong with an input, in words that name the place and what belongs there, and never what was there: an
 * input is as long and as hostile as its sender likes.
 */
import type * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as SchemaAST from "effect/SchemaAST"

/** No more than this many places are named. */
const MAX_PLACES = 5

const expectation = (ast: SchemaAST.AST): string => {
  const description = SchemaAST.getDescriptionAnnotation(ast)
  return description._tag === "Some" ? description.value : String(ast)
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

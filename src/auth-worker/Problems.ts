import * as ParseResult from "effect/ParseResult"

/**
 * What is wrong with decoded input, one phrase per field: the path and what was expected there, never the value
 * (the answer must not reflect input, and a log must not hold a secret).
 */
export const describeProblems = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map((issue) => {
      const path = issue.path.map(String).join(".")
      const expectation = issue.message.split(", actual ")[0] ?? "invalid"
      return path === "" ? expectation : `${path}: ${expectation}`
    })
    .join("; ")

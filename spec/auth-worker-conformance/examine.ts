import * as Effect from "effect/Effect"
import { wholeList } from "./Answers.ts"
import { AuthWorker, type Unreachable } from "./AuthWorker.ts"
import { type Driver, drivenLines } from "./drivenLines.ts"
import { changesLines, pagesLines, revisionLines } from "./featureLines.ts"
import type { Line, Verdict } from "./Line.ts"
import { changesToken, getLines, instancesLines, listLines } from "./listLines.ts"

/** Parts that count only where `metadata.features` announces them. */
const announcedParts = new Set(["revision", "pages", "changes", "get"])

const judge = (
  line: Line,
  features: ReadonlyArray<string>
): Effect.Effect<Verdict, Unreachable, AuthWorker> =>
  Effect.gen(function* () {
    const { check, id, part, text } = line
    if (announcedParts.has(part) && !features.includes(part)) {
      return {
        id,
        part,
        text,
        verdict: "absent",
        reason: `metadata.features does not announce ${part}`
      } as const
    }
    const worker = yield* AuthWorker
    yield* worker.takeExchanges
    return yield* check.pipe(
      Effect.as<Verdict>({ id, part, text, verdict: "holds" }),
      Effect.catchTags({
        Absent: ({ message }) =>
          Effect.succeed<Verdict>({ id, part, text, verdict: "absent", reason: message }),
        Violation: ({ message }) =>
          Effect.map(worker.takeExchanges, (exchanges): Verdict => ({
            id,
            part,
            text,
            verdict: "violated",
            reason: message,
            exchanges
          }))
      })
    )
  })

/**
 * Examines an Auth Worker line by line. It only reads, unless a driver is given, with which it creates and deletes workspaces
 * of its own. What is not announced is absent, which is no fault.
 */
export const examine = (driver?: Driver): Effect.Effect<ReadonlyArray<Verdict>, Unreachable, AuthWorker> =>
  Effect.gen(function* () {
    const list = yield* Effect.option(wholeList)
    const features = list._tag === "Some" ? (list.value.metadata?.features ?? []) : []
    const lines = [
      ...listLines,
      ...revisionLines,
      ...pagesLines,
      ...changesLines,
      changesToken,
      ...getLines,
      ...instancesLines,
      ...(driver === undefined ? [] : drivenLines(driver))
    ]
    return yield* Effect.forEach(lines, (line) => judge(line, features))
  })

/** What is not well with the whole server, as each command shows it below its own answer. */
import type { Check } from "../../http/api/Common.ts"
import type { Screen, Tone } from "../Screen.ts"
import { relative } from "../Words.ts"

type Paint = (typeof Screen)["Service"]["paint"]
type CheckView = typeof Check.Type

const tones: Readonly<Record<CheckView["status"], Tone>> = { ok: "good", warn: "warning", fail: "bad" }

/** Without the admin token, in production, only which checks are not ok is told. */
const UNTOLD = "ask with the admin token for more"

export const isUnwell = ({ status }: CheckView): boolean => status !== "ok"

/** Each that is not ok: since when, what was found, and what to do. `now` is in epoch milliseconds. */
export const checkLines = (
  checks: ReadonlyArray<CheckView>,
  now: number,
  paint: Paint
): ReadonlyArray<string> =>
  checks
    .filter(isUnwell)
    .flatMap(({ found = UNTOLD, name, next, since, status }) => [
      `${paint(status.toUpperCase(), tones[status])} ${name}${since === null ? "" : ` (since ${relative(since, now)})`}: ${found}`,
      ...(next == null ? [] : [`     next: ${next}`])
    ])

/** One line for a table of findings. */
export const checkDetail = ({ found = UNTOLD, next }: CheckView): string =>
  next == null ? found : `${found}. Next: ${next}`

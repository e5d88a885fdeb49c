/**
 * How many reports leave: an outage of a thousand stores is one incident, and must not send a thousand reports, nor the
 * same one with each retry.
 */

export interface Report {
  /** What was being done. */
  readonly operation: string
  /** The error's `_tag`. */
  readonly error: string
  /** What it was done to: a store, a request, or the loop as a whole. */
  readonly subject: string
}

export interface Verdict {
  readonly isAdmitted: boolean
  /** Reports of the same operation and error that were held back since the last one that left. */
  readonly heldBack: number
}

export interface ReportBudget {
  /** `now` is in milliseconds. */
  readonly ask: (report: Report, now: number) => Verdict
}

/** The same error of the same subject is reported this often. */
const SAME_SUBJECT_EVERY_MS = 600_000
/** The same error is reported so many times in this time, whatever its subjects. */
const MAX_OF_ERROR = 5
const ERROR_WINDOW_MS = 60_000
/** Subjects that are remembered; a forgotten one may be reported again. */
const MAX_SUBJECTS = 10_000

/** A wall clock that was set back to before `since` begins every wait anew, rather than to make it last for hours. */
const isWithin = (since: number, now: number, ms: number): boolean => now >= since && now - since < ms

interface Kind {
  windowStart: number
  inWindow: number
  heldBack: number
}

export const make = (): ReportBudget => {
  const lastOfSubject = new Map<string, number>()
  const kinds = new Map<string, Kind>()

  const kindOf = (key: string, now: number): Kind => {
    const kind = kinds.get(key) ?? { windowStart: now, inWindow: 0, heldBack: 0 }
    kinds.set(key, kind)
    if (isWithin(kind.windowStart, now, ERROR_WINDOW_MS)) return kind
    kind.windowStart = now
    kind.inWindow = 0
    return kind
  }

  return {
    ask: ({ error, operation, subject }, now) => {
      const ofKind = `${operation}\n${error}`
      const ofSubject = `${ofKind}\n${subject}`
      const kind = kindOf(ofKind, now)
      const last = lastOfSubject.get(ofSubject) ?? -Infinity
      if (isWithin(last, now, SAME_SUBJECT_EVERY_MS) || kind.inWindow >= MAX_OF_ERROR) {
        kind.heldBack++
        return { isAdmitted: false, heldBack: kind.heldBack }
      }
      const { heldBack } = kind
      kind.inWindow++
      kind.heldBack = 0
      lastOfSubject.delete(ofSubject)
      lastOfSubject.set(ofSubject, now)
      if (lastOfSubject.size > MAX_SUBJECTS) {
        const oldest = lastOfSubject.keys().next()
        if (oldest.done !== true) lastOfSubject.delete(oldest.value)
      }
      return { isAdmitted: true, heldBack }
    }
  }
}

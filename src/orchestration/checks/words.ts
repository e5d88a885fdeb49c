/** Figures in the words of the checks. */
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

export const percent = (ratio: number): string =>
  `${(ratio * 100).toFixed(ratio > 0 && ratio < 0.1 ? 1 : 0)} %`

export const duration = (ms: number): string =>
  ms < MINUTE_MS
    ? `${Math.round(ms / 1_000)} s`
    : ms < 2 * HOUR_MS
      ? `${Math.round(ms / MINUTE_MS)} min`
      : `${Math.round(ms / HOUR_MS)} h`

export const days = (ms: number): string => `${Math.floor(ms / DAY_MS)} days`

/** A clock that was set back since makes what it stamped younger than now. */
export const age = (ms: number): string =>
  ms < 0 || ms === Infinity
    ? "of a time that is yet to come: look at this server's clock"
    : `${duration(ms)} old`

export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`

export const workspaces = (number: number): string => count(number, "workspace")

/** How fast stores are being opened: what the time that is left is computed from. Plain mutable data. */

/** Openings of the last half minute tell the rate. */
const WINDOW_MS = 30_000
/** More of them than this are not remembered: the rate is that of the newest. */
const MAX_REMEMBERED = 512

export interface Pace {
  /** A store was opened at this time, in milliseconds. */
  readonly opened: (at: number) => void
  /** How long it takes to open so many more, in milliseconds; null while there is no rate. */
  readonly etaMs: (remaining: number, now: number) => number | null
}

export const makePace = (): Pace => {
  const times: Array<number> = []
  return {
    opened: (at) => {
      times.push(at)
      if (times.length > MAX_REMEMBERED) times.shift()
    },
    etaMs: (remaining, now) => {
      while ((times[0] ?? Infinity) < now - WINDOW_MS) times.shift()
      const [first] = times
      if (first === undefined) return null
      // One opening tells no rate; the time since the first tells at least how slow it is.
      const perStoreMs = (now - first) / Math.max(1, times.length - 1)
      return times.length < 2 && now <= first ? null : Math.round(perStoreMs * remaining)
    }
  }
}

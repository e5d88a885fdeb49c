/**
 * Whether the observed set equals the desired one, and since when not. What is stale is not converged: an old list
 * proves nothing about now (law 10).
 */
import type { Drift } from "./Drift.ts"

/** The age of the accepted snapshot. */
export interface Freshness {
  readonly fresh: boolean
  /** From when on it is stale, or has been, in milliseconds since the epoch. Null: there is no snapshot at all. */
  readonly staleFrom: number | null
}

/** Times are milliseconds since the epoch. */
export interface Convergence {
  readonly converged: boolean
  readonly lastConvergedAt: number | null
  readonly notConvergedForMs: number
}

export interface Tracker {
  /** To be called whenever the drift or the snapshot may have changed. */
  readonly update: (now: number) => void
  readonly read: (now: number) => Convergence
}

/** Tracks from `startedAt` on, when nothing is converged yet. */
export const track = (drift: Drift, freshness: (now: number) => Freshness, startedAt: number): Tracker => {
  let lastConvergedAt: number | null = null
  let notSince: number | null = startedAt
  const update = (now: number): void => {
    const { fresh, staleFrom } = freshness(now)
    if (drift.size() === 0 && fresh) {
      lastConvergedAt = now
      notSince = null
    } else if (notSince === null) {
      // Nothing tells us the moment a snapshot grows stale, but it is known afterwards.
      notSince = drift.size() > 0 ? now : Math.min(now, staleFrom ?? now)
      lastConvergedAt = notSince
    }
  }
  return {
    update,
    read: (now) => {
      update(now)
      return {
        converged: notSince === null,
        lastConvergedAt,
        notConvergedForMs: notSince === null ? 0 : now - notSince
      }
    }
  }
}

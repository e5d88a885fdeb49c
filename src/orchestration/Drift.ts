/**
 * Where desired and observed differ, kept up to date key by key, so that asking for it costs nothing however many
 * workspaces there are.
 */
import type { Desired } from "../workspaces/DesiredState.ts"

export interface Drift {
  /** Looks at one key again, after its desired or its observed state may have changed. */
  readonly update: (id: string) => void
  /** Desired, but not monitored: since when, in milliseconds since the epoch. */
  readonly missing: ReadonlyMap<string, number>
  /** Monitored, but not desired: since when. */
  readonly orphaned: ReadonlyMap<string, number>
  /** How many are monitored. */
  readonly monitored: () => number
  readonly has: (id: string) => boolean
  /** Known to be both desired and monitored. */
  readonly isSettled: (id: string) => boolean
  readonly size: () => number
}

export const make = (
  desired: (id: string) => Desired,
  isMonitored: (id: string) => boolean,
  owns: (id: string) => boolean,
  now: () => number
): Drift => {
  const missing = new Map<string, number>()
  const orphaned = new Map<string, number>()
  const all = new Set<string>()
  const put = (map: Map<string, number>, id: string, belongs: boolean): void => {
    if (!belongs) map.delete(id)
    else if (!map.has(id)) map.set(id, now())
  }
  return {
    update: (id) => {
      const isDesired = desired(id)._tag === "Present" && owns(id)
      const monitored = isMonitored(id)
      if (monitored) all.add(id)
      else all.delete(id)
      put(missing, id, isDesired && !monitored)
      put(orphaned, id, monitored && !isDesired)
    },
    missing,
    orphaned,
    monitored: () => all.size,
    has: (id) => missing.has(id) || orphaned.has(id),
    isSettled: (id) =>
      all.has(id) && (missing.size === 0 || !missing.has(id)) && (orphaned.size === 0 || !orphaned.has(id)),
    size: () => missing.size + orphaned.size
  }
}

/**
 * Where desired and observed differ, kept up to date key by key, so that asking for it costs nothing however many
 * workspaces there are.
 */
import type { Desired } from "../workspaces/DesiredState.ts"

export interface Drift {
  /** Looks at one key again, after its desired or its observed state may have changed. */
  readonly update: (id: string) => void
  /** Desired, but not monitored. */
  readonly missing: ReadonlySet<string>
  /** Monitored, but not desired. */
  readonly orphaned: ReadonlySet<string>
  readonly has: (id: string) => boolean
  readonly size: () => number
}

export const make = (
  desired: (id: string) => Desired,
  isMonitored: (id: string) => boolean,
  owns: (id: string) => boolean
): Drift => {
  const missing = new Set<string>()
  const orphaned = new Set<string>()
  const put = (set: Set<string>, id: string, belongs: boolean): void => {
    if (belongs) set.add(id)
    else set.delete(id)
  }
  return {
    update: (id) => {
      const isDesired = desired(id)._tag === "Present" && owns(id)
      const monitored = isMonitored(id)
      put(missing, id, isDesired && !monitored)
      put(orphaned, id, monitored && !isDesired)
    },
    missing,
    orphaned,
    has: (id) => missing.has(id) || orphaned.has(id),
    size: () => missing.size + orphaned.size
  }
}

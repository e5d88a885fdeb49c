/** The newest errors, grouped by what they are: what an operator asks for first. Bounded, and kept in memory only. */

export interface ErrorGroup {
  readonly component: string
  readonly code: string
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly firstSeenAt: number
  readonly lastSeenAt: number
  readonly lastMessage: string
  readonly lastStoreId: string | null
}

/** Groups that are remembered; the one not seen for longest goes first. */
const MAX_GROUPS = 200

export interface RecentErrors {
  readonly record: (
    component: string,
    error: { readonly code: string; readonly message: string; readonly at: number },
    storeId: string | null
  ) => void
  /** The newest first. */
  readonly list: () => ReadonlyArray<ErrorGroup>
}

export const make = (): RecentErrors => {
  const groups = new Map<string, ErrorGroup>()
  return {
    record: (component, error, storeId) => {
      const key = `${component}\n${error.code}`
      const known = groups.get(key)
      // Put behind all others, so that the map's order is the order of age.
      groups.delete(key)
      groups.set(key, {
        component,
        code: error.code,
        count: (known?.count ?? 0) + 1,
        firstSeenAt: known?.firstSeenAt ?? error.at,
        lastSeenAt: error.at,
        lastMessage: error.message,
        lastStoreId: storeId
      })
      if (groups.size <= MAX_GROUPS) return
      const oldest = groups.keys().next()
      if (oldest.done !== true) groups.delete(oldest.value)
    },
    list: () => [...groups.values()].reverse()
  }
}

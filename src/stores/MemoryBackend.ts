/**
 * What stands for the sync backend, and for every other client, behind the memory driver: a plain value with the
 * controls that a test needs. Everything is synchronous.
 */
import type { StoreCommit, StoreDied, StoreOpenError } from "./StoreDriver.ts"

/** What becomes of the attempts to open a store: an error's reason, or no answer at all. */
export type OpenFault = StoreOpenError["reason"] | "hang"

/** How an attached store hears of its backend. */
export interface MemoryListener {
  readonly onEvents: (count: number) => void
  readonly onConnected: (isConnected: boolean) => void
  readonly onDeath: (reason: StoreDied["reason"]) => void
}

export interface MemoryBackend {
  /** Appends an event as any client would; open, connected stores hear of it. */
  readonly write: (storeId: string, event: StoreCommit) => void
  /** Every confirmed event, oldest first. */
  readonly history: (storeId: string) => ReadonlyArray<StoreCommit>
  /** Lets an open store die by itself. Its claim stays until its owner closes it. */
  readonly kill: (storeId: string, reason?: StoreDied["reason"]) => void
  /** Cuts or restores the connection of one store, now and for later opens. */
  readonly setConnected: (storeId: string, isConnected: boolean) => void
  readonly isConnected: (storeId: string) => boolean
  /** Lets attempts to open the store fail or hang from now on; undefined lets them succeed. */
  readonly setOpenFault: (storeId: string, fault: OpenFault | undefined) => void
  readonly openFault: (storeId: string) => OpenFault | undefined
  /** Lets commits to the store stay unconfirmed. */
  readonly setDropsCommits: (storeId: string, drops: boolean) => void
  readonly dropsCommits: (storeId: string) => boolean
  /** The stores that are open or being opened at this moment. */
  readonly claimed: () => ReadonlyArray<string>
  /** How often an open of the store has begun. */
  readonly openCount: (storeId: string) => number
  /** The most stores that were ever claimed at once. */
  readonly maxClaimed: () => number

  /** For the driver: marks the store as in use; false when it is already. */
  readonly claim: (storeId: string) => boolean
  /** For the driver: the store is closed. Its listener hears nothing any more. */
  readonly release: (storeId: string) => void
  /** For the driver: the claimed store is open and listens. */
  readonly attach: (storeId: string, listener: MemoryListener) => void
}

const noEvents: ReadonlyArray<StoreCommit> = []

/** A backend without any history, to which everything succeeds. */
export const makeMemoryBackend = (): MemoryBackend => {
  const histories = new Map<string, Array<StoreCommit>>()
  const claims = new Map<string, MemoryListener | undefined>()
  const openCounts = new Map<string, number>()
  const disconnected = new Set<string>()
  const faults = new Map<string, OpenFault>()
  const dropping = new Set<string>()
  let maxClaimed = 0

  const mark = (set: Set<string>, storeId: string, marked: boolean) => {
    if (marked) set.add(storeId)
    else set.delete(storeId)
  }

  return {
    write: (storeId, event) => {
      const history = histories.get(storeId) ?? []
      histories.set(storeId, history)
      history.push({ name: event.name, args: event.args })
      claims.get(storeId)?.onEvents(history.length)
    },
    history: (storeId) => histories.get(storeId) ?? noEvents,
    kill: (storeId, reason = "shutdown") => claims.get(storeId)?.onDeath(reason),
    setConnected: (storeId, isConnected) => {
      mark(disconnected, storeId, !isConnected)
      claims.get(storeId)?.onConnected(isConnected)
    },
    isConnected: (storeId) => !disconnected.has(storeId),
    setOpenFault: (storeId, fault) => {
      if (fault === undefined) faults.delete(storeId)
      else faults.set(storeId, fault)
    },
    openFault: (storeId) => faults.get(storeId),
    setDropsCommits: (storeId, drops) => mark(dropping, storeId, drops),
    dropsCommits: (storeId) => dropping.has(storeId),
    claimed: () => [...claims.keys()],
    openCount: (storeId) => openCounts.get(storeId) ?? 0,
    maxClaimed: () => maxClaimed,
    claim: (storeId) => {
      if (claims.has(storeId)) return false
      claims.set(storeId, undefined)
      openCounts.set(storeId, (openCounts.get(storeId) ?? 0) + 1)
      maxClaimed = Math.max(maxClaimed, claims.size)
      return true
    },
    release: (storeId) => {
      claims.delete(storeId)
    },
    attach: (storeId, listener) => {
      if (claims.has(storeId)) claims.set(storeId, listener)
    }
  }
}

/**
 * One store as `/health` and `/stores` show it (wire contract, section 3).
 */
import type { Processing } from "../stores/EventProcessor.ts"
import type { StoreView } from "../stores/StoreManager.ts"
import type { WorkspaceStatus } from "./WorkspaceStatus.ts"

/** ISO 8601 of milliseconds since the epoch. */
export const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

const noProcessing: Processing = {
  userMessages: 0,
  processedUserMessages: 0,
  pendingUserMessages: 0,
  parkedUserMessages: 0,
  activeHandlers: 0,
  lastUserMessageAt: null
}

/** A store that is desired, but that nobody has begun to open. */
const unopened = (storeId: string): StoreView => ({
  storeId,
  status: "connecting",
  connectedAt: null,
  lastConnectedAt: null,
  lastDisconnectedAt: null,
  statusHistory: [],
  lastActivity: null,
  errorCount: 0,
  reconnectAttempts: 0,
  lastError: null,
  connectivity: null,
  sync: null
})

const common = (view: StoreView, processing: Processing) => ({
  status: view.status,
  connectedAt: iso(view.connectedAt),
  lastConnectedAt: iso(view.lastConnectedAt),
  lastDisconnectedAt: iso(view.lastDisconnectedAt),
  statusHistory: view.statusHistory.map(({ at, status }) => ({ status, timestamp: iso(at) })),
  lastActivity: iso(view.lastActivity),
  errorCount: view.errorCount,
  lastError: view.lastError,
  reconnectAttempts: view.reconnectAttempts,
  networkStatus: {
    isConnected: view.connectivity?.isConnected ?? false,
    lastUpdatedAt: iso(view.connectivity?.since ?? null)
  },
  processing: {
    userMessages: processing.userMessages,
    processedUserMessages: processing.processedUserMessages,
    pendingUserMessages: processing.pendingUserMessages,
    parkedUserMessages: processing.parkedUserMessages,
    activeHandlers: processing.activeHandlers
  }
})

/** The row of `/health`. `now` is when it was read (law 10). */
export const healthRow = (
  storeId: string,
  view: StoreView | undefined,
  processing: Processing | undefined,
  now: number
) => {
  const seen = view ?? unopened(storeId)
  const done = processing ?? noProcessing
  return {
    storeId,
    ...common(seen, done),
    syncStatus: {
      pendingCount: seen.sync?.pendingCount ?? 0,
      localHead: seen.sync?.localHead ?? null,
      upstreamHead: seen.sync?.upstreamHead ?? null,
      isSynced: seen.sync !== null && seen.sync.pendingCount === 0 && seen.connectivity?.isConnected === true,
      lastUpdatedAt: iso(now)
    },
    liveStore: {
      userMessages: done.userMessages,
      processedUserMessages: done.processedUserMessages,
      pendingUserMessages: done.pendingUserMessages,
      lastUserMessageAt: iso(done.lastUserMessageAt)
    }
  }
}

/** The row of `/stores`. */
export const storesRow = (
  storeId: string,
  view: StoreView | undefined,
  processing: Processing | undefined,
  status: WorkspaceStatus,
  isMonitored: boolean
) => ({
  id: storeId,
  ...common(view ?? unopened(storeId), processing ?? noProcessing),
  orchestrator: {
    storeId,
    status: isMonitored ? "monitoring" : "stopped",
    firstMonitoredAt: iso(status.firstMonitoredAt),
    lastEnsuredAt: iso(status.lastEnsuredAt),
    lastStoppedAt: iso(status.lastStoppedAt),
    provisionDurationMs: status.provisionDurationMs,
    blocked:
      status.blocked === null ? null : { reason: status.blocked.reason, until: iso(status.blocked.until) },
    conditions: status.conditions
  }
})

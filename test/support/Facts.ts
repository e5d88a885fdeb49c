/** The facts of a server that does well: tests change what they are about. */
import type { Facts } from "../../src/orchestration/checks/Facts.ts"

export const NOW = 1_000_000_000_000

export const well: Facts = {
  now: NOW,
  reconciler: {
    disabled: null,
    pinned: 0,
    intervalMs: 300_000,
    isRunning: false,
    sinceRunBeganMs: 1_000,
    waitMs: 300_000,
    consecutiveFailures: 0
  },
  convergence: {
    converged: true,
    desired: 10,
    monitored: 10,
    missing: 0,
    orphaned: 0,
    notConvergedForMs: 0,
    storeIds: []
  },
  opening: null,
  source: { name: "auth-worker", fresh: true, ageMs: 1_000, error: null },
  stores: {
    total: 10,
    connected: 10,
    connecting: 0,
    disconnected: 0,
    error: 0,
    unheardSince: null,
    everHeard: true,
    failing: 0,
    failingIds: []
  },
  queue: { depth: 0, oldestMs: 0 },
  guard: { tripped: false, planHash: null, storeIds: [] },
  pauses: [],
  lockdown: null,
  messages: { isHandled: true, pending: 0, parked: 0, active: 0, oldestOpenAt: null, errorRate: 0 },
  breakers: [{ name: "auth-worker", state: "closed", openedAt: null, willResetAt: null, lastError: null }],
  state: { healthy: true, error: null, auditIntact: true },
  machine: {
    disk: { freeBytes: 9e9, totalBytes: 10e9 },
    memoryRatio: 0.1,
    eventLoopDelayMs: 5,
    logLinesDropped: 0,
    telemetryDropped: 0
  },
  newestBackupAgeMs: null,
  notifications: { configured: false, pending: 0, lastError: null },
  webhooks: { configured: true, rejections: 0 },
  oldestSecret: { variable: "WEBHOOK_SECRET", ageMs: 1_000 },
  day: {
    since: NOW - 86_400_000,
    runs: { completed: 100, failed: 0 },
    reconciles: { done: 100, failed: 0 },
    breakerOpenings: 0,
    errors: 0,
    longestStallMs: 5
  }
}

/** A breaker that is open. */
export const openBreaker = (name: string): Facts["breakers"][number] => ({
  name,
  state: "open",
  openedAt: NOW - 1_000,
  willResetAt: NOW + 29_000,
  lastError: "DirectoryUnavailable"
})

import type { LiveStoreSchema } from "@livestore/livestore"
import type * as Redacted from "effect/Redacted"

/** How the LiveStore driver is set up. */
export interface LiveStoreOptions {
  /** `ws:` or `wss:` URL of the sync backend. */
  readonly syncUrl: string
  /** The secret by which the sync backend knows this server. */
  readonly bypassToken: Redacted.Redacted
  /** The server's data folder; the stores live in `stores/` below it. */
  readonly dataPath: string
  /** `filesystem` keeps a cache of every store's history between starts; `in-memory` replays it at each open. */
  readonly storage: "filesystem" | "in-memory"
  /** Bound of one attempt to open a store, in milliseconds. */
  readonly openTimeoutMs: number
  /** Stable for this replica and distinct from every other client of the same stores. */
  readonly clientId: string
  /**
   * Stores booting at the same time. Defaults to 6: each boot is up to 370 ms of CPU on the one event loop, and
   * measured throughput does not grow beyond 4 to 8.
   */
  readonly bootConcurrency?: number
  /**
   * How long an opening store waits to catch up with the backend before it is handed out as it is. Defaults to
   * 2,000 ms: a catch-up takes tens of milliseconds, and an outage must not hold the boot slots (law 12).
   */
  readonly initialSyncTimeoutMs?: number
  /** Bound of waiting for a commit's confirmation, in milliseconds. Defaults to 10,000. */
  readonly commitTimeoutMs?: number
  /** How long a closing store may take to send what it has not sent, in milliseconds. Defaults to 2,000. */
  readonly flushTimeoutMs?: number
  /**
   * How long a store must have been disconnected before the backend is asked whether it rejects us, and between
   * two such questions, in milliseconds. Defaults to 5,000.
   */
  readonly probeIntervalMs?: number
  /** The schema of the stores. Called once, when the driver starts. Defaults to the built-in one. */
  readonly loadSchema?: () => Promise<LiveStoreSchema>
}

/** The options with every default filled in. */
export type ResolvedLiveStoreOptions = Required<Omit<LiveStoreOptions, "loadSchema" | "bootConcurrency">>

/** Fills in the defaults named at `LiveStoreOptions`. */
export const resolveOptions = (options: LiveStoreOptions): ResolvedLiveStoreOptions => ({
  syncUrl: options.syncUrl,
  bypassToken: options.bypassToken,
  dataPath: options.dataPath,
  storage: options.storage,
  openTimeoutMs: options.openTimeoutMs,
  clientId: options.clientId,
  initialSyncTimeoutMs: options.initialSyncTimeoutMs ?? 2_000,
  commitTimeoutMs: options.commitTimeoutMs ?? 10_000,
  flushTimeoutMs: options.flushTimeoutMs ?? 2_000,
  probeIntervalMs: options.probeIntervalMs ?? 5_000
})

/**
 * What the edges (HTTP, and through it the command line) may ask of the running loop. One service, so that an
 * edge never reaches into the machinery behind it.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { News } from "../workspaces/DesiredState.ts"
import type { RunResult } from "./Views.ts"

/** The answer to a webhook: the state of that workspace as the source of truth has it. */
export type NudgeOutcome =
  | {
      readonly status: "monitoring_started" | "already_monitored" | "monitoring_stopped" | "already_stopped"
    }
  | {
      /** Not settled in time, held, or the source is unreachable: the loop will converge. */
      readonly status: "reconcile_queued"
      readonly reason: string
    }

/** A manual run cannot start: no Auth Worker or no token is configured, or the loop is switched off. */
export class ReconcilerDisabled extends Schema.TaggedError<ReconcilerDisabled>()("ReconcilerDisabled", {
  reason: Schema.String
}) {}

/** A run, scheduled or manual, is in flight. */
export class RunInFlight extends Schema.TaggedError<RunInFlight>()("RunInFlight", {
  startedAt: Schema.String
}) {}

/** The last successful manual run is too recent. */
export class RunTooSoon extends Schema.TaggedError<RunTooSoon>()("RunTooSoon", {
  retryAfterMs: Schema.Number
}) {}

/** The run could not read the source of truth; nothing was changed. */
export class RunFailed extends Schema.TaggedError<RunFailed>()("RunFailed", {
  code: Schema.String,
  message: Schema.String,
  durationMs: Schema.Number
}) {}

export interface ManualRun {
  readonly status: "completed" | "partial"
  readonly durationMs: number
  readonly driftCount: number
  readonly result: RunResult
  readonly incidentDashboardUrl: string | null
  readonly triggeredAt: string
}

export interface StoresQuery {
  readonly limit: Option.Option<number>
  readonly cursor: Option.Option<string>
  readonly status: Option.Option<"connected" | "connecting" | "disconnected" | "error">
}

/** Who asks, for logs and the audit trail. */
export interface Actor {
  readonly name: string
  readonly address: string
}

export class Operations extends Context.Tag("workspace-orchestrator/orchestration/Operations")<
  Operations,
  {
    /** A hint that `storeId` may have changed. Waits until it is settled, at most `WEBHOOK_WAIT_MS`. */
    readonly nudge: (storeId: string, news?: News) => Effect.Effect<NudgeOutcome>
    /** One whole run: fresh list, every drifting key attempted once, the result. */
    readonly reconcile: (
      actor: Actor
    ) => Effect.Effect<ManualRun, ReconcilerDisabled | RunInFlight | RunTooSoon | RunFailed>
    /** The body of `GET /health` but `timestamp`, `uptime`, `version`: cheap, and never fails. */
    readonly health: Effect.Effect<
      { readonly status: "healthy" | "degraded" | "unhealthy" } & Record<string, unknown>
    >
    /** The same, at most half a second old: for anybody, however often they ask. */
    readonly recentHealth: Effect.Effect<
      { readonly status: "healthy" | "degraded" | "unhealthy" } & Record<string, unknown>
    >
    /** The body of `GET /stores`, paged by id. */
    readonly stores: (query: StoresQuery) => Effect.Effect<Record<string, unknown>>
    /** 200 once a snapshot is accepted and its first pass has been made, and not when stopping. */
    readonly ready: Effect.Effect<{ readonly ready: boolean; readonly reason: string }>
  }
>() {}

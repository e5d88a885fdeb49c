/**
 * The server as one layer graph over the simulated world: everything of src/server.ts but the socket, the telemetry and
 * the message handlers.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as CircuitBreaker from "../../src/controller/CircuitBreaker.ts"
import { Administration } from "../../src/orchestration/Administration.ts"
import * as AdministrationLayer from "../../src/orchestration/AdministrationLayer.ts"
import * as ChecksLayer from "../../src/orchestration/checks/ChecksLayer.ts"
import * as FactSources from "../../src/orchestration/checks/FactSources.ts"
import * as DataRetention from "../../src/orchestration/DataRetention.ts"
import * as EventFeed from "../../src/orchestration/EventFeed.ts"
import * as Lockdown from "../../src/orchestration/Lockdown.ts"
import { Operations } from "../../src/orchestration/Operations.ts"
import * as OperationsLayer from "../../src/orchestration/OperationsLayer.ts"
import * as Pauses from "../../src/orchestration/Pauses.ts"
import { defaultLimits } from "../../src/orchestration/RemovalGuard.ts"
import * as WorkspaceController from "../../src/orchestration/WorkspaceController.ts"
import * as WorkspaceOrchestrator from "../../src/orchestration/WorkspaceOrchestrator.ts"
import * as WorkspaceReconciler from "../../src/orchestration/WorkspaceReconciler.ts"
import * as SqliteMessageLedger from "../../src/persistence/SqliteMessageLedger.ts"
import * as SqliteSnapshotStore from "../../src/persistence/SqliteSnapshotStore.ts"
import * as SqliteStateStore from "../../src/persistence/SqliteStateStore.ts"
import type { StateDatabase } from "../../src/persistence/StateDatabase.ts"
import * as EventProcessor from "../../src/stores/EventProcessor.ts"
import * as MessageHandler from "../../src/stores/messages/MessageHandler.ts"
import type { StoreDriver } from "../../src/stores/StoreDriver.ts"
import * as StoreManager from "../../src/stores/StoreManager.ts"
import * as AuthWorkerDirectory from "../../src/workspaces/AuthWorkerDirectory.ts"
import * as DesiredState from "../../src/workspaces/DesiredState.ts"

/** What an operator may set, as far as it matters here. Times are in milliseconds. */
export interface Settings {
  readonly intervalMs: number
  readonly openTimeoutMs: number
  readonly concurrency: number
  readonly confirmations: number
  readonly graceMs: number
  readonly guardWindowMs: number
  readonly retentionMs: number
  readonly pinned: ReadonlyArray<string>
}

/** As in src/server.ts. */
export const SHUTDOWN_GRACE_MS = 30_000
const WEBHOOK_WAIT_MS = 2_000
const MANUAL_MIN_INTERVAL_MS = 60_000
const DISCONNECTED_LIMIT_MS = 120_000
const FLAPPING_MAX_MS = 300_000
const BREAKER_OPEN_MS = 30_000
const BREAKER_MAX_OPEN_MS = 300_000
const RECONCILE_OVERHEAD_MS = 30_000

/** What the world talks to. */
export const parts = Effect.gen(function* () {
  return {
    administration: yield* Administration,
    controller: yield* WorkspaceController.WorkspaceController,
    desired: yield* DesiredState.DesiredState,
    operations: yield* Operations,
    orchestrator: yield* WorkspaceOrchestrator.WorkspaceOrchestrator,
    reconciler: yield* WorkspaceReconciler.WorkspaceReconciler
  }
})
export type Parts = Effect.Effect.Success<typeof parts>

export const layer = (
  settings: Settings,
  disk: Layer.Layer<StateDatabase>,
  client: Layer.Layer<HttpClient.HttpClient>,
  driver: Layer.Layer<StoreDriver>
) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const { confirmations, graceMs, intervalMs } = settings
      const disabled = Option.none<string>()
      const breaker = yield* CircuitBreaker.make({
        name: "auth-worker",
        openMs: Math.min(BREAKER_OPEN_MS, intervalMs),
        maxOpenMs: Math.min(BREAKER_MAX_OPEN_MS, intervalMs)
      })
      const state = Layer.mergeAll(
        SqliteSnapshotStore.layer,
        SqliteStateStore.layer,
        SqliteMessageLedger.layer
      ).pipe(Layer.provide(disk))
      return AdministrationLayer.layer({
        disabled,
        breakers: [breaker],
        workers: settings.concurrency,
        removalConfirmations: confirmations,
        removalGraceMs: graceMs
      }).pipe(
        Layer.provideMerge(
          OperationsLayer.layer({
            intervalMs,
            disabled,
            webhookWaitMs: WEBHOOK_WAIT_MS,
            manualMinIntervalMs: MANUAL_MIN_INTERVAL_MS,
            incidentDashboardUrl: Option.none(),
            dataPath: "simulated",
            storage: "memory",
            breakers: [breaker]
          })
        ),
        Layer.provideMerge(
          ChecksLayer.layer({
            breakers: [breaker],
            disabled: null,
            pinned: settings.pinned.length,
            intervalMs,
            handlesMessages: false,
            webhooksConfigured: true
          })
        ),
        Layer.provideMerge(WorkspaceReconciler.layer({ intervalMs, disabled })),
        Layer.provideMerge(
          WorkspaceController.layer({
            policy: {
              removalConfirmations: confirmations,
              removalGraceMs: graceMs,
              disconnectedLimitMs: DISCONNECTED_LIMIT_MS,
              flappingBaseMs: 1_000,
              flappingMaxMs: Math.min(FLAPPING_MAX_MS, intervalMs)
            },
            guard: { windowMs: settings.guardWindowMs, ...defaultLimits },
            concurrency: settings.concurrency,
            reconcileTimeoutMs: settings.openTimeoutMs + RECONCILE_OVERHEAD_MS,
            shutdownGraceMs: SHUTDOWN_GRACE_MS * 0.3,
            maxBackoffMs: intervalMs,
            freshForMs: 2 * intervalMs
          })
        ),
        Layer.provide(DataRetention.layer({ retentionMs: settings.retentionMs })),
        Layer.provideMerge(WorkspaceOrchestrator.layer),
        Layer.provideMerge(EventProcessor.layer({ shutdownGraceMs: SHUTDOWN_GRACE_MS * 0.1 })),
        Layer.provide(MessageHandler.layerNone),
        Layer.provideMerge(StoreManager.layer({ openTimeoutMs: settings.openTimeoutMs })),
        Layer.provide(driver),
        Layer.provideMerge(
          DesiredState.layer({
            staticOnly: false,
            removalConfirmations: confirmations,
            pinned: settings.pinned,
            breaker
          })
        ),
        Layer.provide(
          AuthWorkerDirectory.layer({ baseUrl: "http://auth.test", token: Redacted.make("simulated") }).pipe(
            Layer.provide(client)
          )
        ),
        Layer.provideMerge(Layer.mergeAll(Pauses.layer, Lockdown.layer, EventFeed.layer, FactSources.layer)),
        Layer.provide(state),
        Layer.provide(driver)
      )
    })
  )

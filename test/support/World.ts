/** The whole loop in one process: real controller, stores of the memory driver, a source of truth to be made sick. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CircuitBreaker from "../../src/controller/CircuitBreaker.ts"
import * as AdministrationLayer from "../../src/orchestration/AdministrationLayer.ts"
import * as ChecksLayer from "../../src/orchestration/checks/ChecksLayer.ts"
import * as FactSources from "../../src/orchestration/checks/FactSources.ts"
import * as EventFeed from "../../src/orchestration/EventFeed.ts"
import * as Lockdown from "../../src/orchestration/Lockdown.ts"
import * as OperationsLayer from "../../src/orchestration/OperationsLayer.ts"
import * as Pauses from "../../src/orchestration/Pauses.ts"
import * as StateStore from "../../src/orchestration/StateStore.ts"
import * as WorkspaceController from "../../src/orchestration/WorkspaceController.ts"
import * as WorkspaceOrchestrator from "../../src/orchestration/WorkspaceOrchestrator.ts"
import * as WorkspaceReconciler from "../../src/orchestration/WorkspaceReconciler.ts"
import type { StateError } from "../../src/persistence/StateDatabase.ts"
import * as EventProcessor from "../../src/stores/EventProcessor.ts"
import { makeMemoryBackend } from "../../src/stores/MemoryBackend.ts"
import * as MemoryDriver from "../../src/stores/MemoryDriver.ts"
import * as MessageHandler from "../../src/stores/messages/MessageHandler.ts"
import { StoreDriver } from "../../src/stores/StoreDriver.ts"
import * as StoreManager from "../../src/stores/StoreManager.ts"
import * as DesiredState from "../../src/workspaces/DesiredState.ts"
import * as SnapshotStore from "../../src/workspaces/SnapshotStore.ts"
import { makeFakeDirectory } from "./FakeDirectory.ts"
import { ledgerInMemory } from "./State.ts"

export interface WorldOptions {
  /** Where the state is kept; in memory when absent. */
  readonly state?: Layer.Layer<SnapshotStore.SnapshotStore | StateStore.StateStore, StateError>
  readonly workspaces?: ReadonlyArray<string>
  readonly pinned?: ReadonlyArray<string>
  readonly intervalMs?: number
  readonly openMs?: number
  readonly graceMs?: number
  readonly confirmations?: number
  readonly concurrency?: number
  readonly disabled?: string
  readonly webhookWaitMs?: number
  /** Hears whose local data is deleted. */
  readonly onPurge?: (storeId: string) => void
}

export const makeWorld = (options: WorldOptions = {}) => {
  const directory = makeFakeDirectory(options.workspaces)
  const backend = makeMemoryBackend()
  const intervalMs = options.intervalMs ?? 60_000
  const disabled = Option.fromNullable(options.disabled)
  const onPurge = options.onPurge ?? (() => undefined)
  const driver = Layer.effect(
    StoreDriver,
    Effect.map(StoreDriver, ({ purge, ...others }) =>
      StoreDriver.of({
        ...others,
        purge: (storeId) =>
          Effect.tap(purge(storeId), () => {
            onPurge(storeId)
          })
      })
    )
  ).pipe(Layer.provide(MemoryDriver.layer({ openMs: options.openMs ?? 0, backend })))

  const layer = Layer.unwrapEffect(
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        name: "auth-worker",
        openMs: Math.min(30_000, intervalMs),
        maxOpenMs: Math.min(300_000, intervalMs)
      })
      return AdministrationLayer.layer({
        disabled,
        breakers: [breaker],
        workers: options.concurrency ?? 8,
        removalConfirmations: options.confirmations ?? 2,
        removalGraceMs: options.graceMs ?? 0
      }).pipe(
        Layer.provideMerge(
          OperationsLayer.layer({
            intervalMs,
            disabled,
            webhookWaitMs: options.webhookWaitMs ?? 2_000,
            manualMinIntervalMs: 60_000,
            incidentDashboardUrl: Option.none(),
            dataPath: "none",
            storage: "memory",
            breakers: [breaker]
          })
        ),
        Layer.provideMerge(
          ChecksLayer.layer({
            breakers: [breaker],
            disabled:
              options.disabled === undefined ? null : { because: "switched-off", reason: options.disabled },
            pinned: (options.pinned ?? []).length,
            intervalMs,
            handlesMessages: false,
            webhooksConfigured: true
          })
        ),
        Layer.provideMerge(WorkspaceReconciler.layer({ intervalMs, disabled })),
        Layer.provideMerge(
          WorkspaceController.layer({
            policy: {
              removalConfirmations: options.confirmations ?? 2,
              removalGraceMs: options.graceMs ?? 0,
              disconnectedLimitMs: 60_000,
              flappingBaseMs: 1_000,
              flappingMaxMs: 300_000
            },
            guard: { windowMs: 600_000, alwaysAllowed: 3, allowedRatio: 0.2 },
            concurrency: options.concurrency ?? 8,
            reconcileTimeoutMs: 40_000,
            shutdownGraceMs: 1_000,
            maxBackoffMs: intervalMs,
            freshForMs: 2 * intervalMs
          })
        ),
        Layer.provideMerge(WorkspaceOrchestrator.layer),
        Layer.provideMerge(EventProcessor.layer({ shutdownGraceMs: 1_000 })),
        Layer.provide([MessageHandler.layerNone, ledgerInMemory]),
        Layer.provideMerge(StoreManager.layer({ openTimeoutMs: 30_000 })),
        Layer.provideMerge(
          DesiredState.layer({
            staticOnly: Option.isSome(disabled),
            removalConfirmations: options.confirmations ?? 2,
            pinned: options.pinned ?? [],
            breaker
          })
        ),
        Layer.provide(directory.layer),
        Layer.provideMerge(Layer.mergeAll(Pauses.layer, Lockdown.layer, EventFeed.layer, FactSources.layer)),
        Layer.provide(options.state ?? Layer.merge(SnapshotStore.layerMemory, StateStore.layerMemory)),
        Layer.provideMerge(driver)
      )
    })
  )
  return { directory, backend, layer }
}

import { it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { describe, expect } from "vitest"
import * as WorkspaceOrchestrator from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import * as EventProcessor from "../../../src/stores/EventProcessor.ts"
import { makeMemoryBackend } from "../../../src/stores/MemoryBackend.ts"
import * as MemoryDriver from "../../../src/stores/MemoryDriver.ts"
import * as MessageHandler from "../../../src/stores/messages/MessageHandler.ts"
import * as StoreManager from "../../../src/stores/StoreManager.ts"
import { ledgerInMemory } from "../../support/State.ts"

/** The real parts over stores in memory; `calls` has what the orchestrator asks of them, in order. */
const makeParts = () => {
  const backend = makeMemoryBackend()
  const calls: Array<string> = []
  const noting = (call: string) => Effect.sync(() => void calls.push(call))
  const layer = Layer.effectContext(
    Effect.gen(function* () {
      const manager = yield* StoreManager.StoreManager
      const processor = yield* EventProcessor.EventProcessor
      return Context.make(StoreManager.StoreManager, {
        ...manager,
        addStore: (id) => Effect.zipRight(noting(`addStore ${id}`), manager.addStore(id)),
        removeStore: (id) => Effect.zipRight(noting(`removeStore ${id}`), manager.removeStore(id))
      }).pipe(
        Context.add(EventProcessor.EventProcessor, {
          ...processor,
          startMonitoring: (id) =>
            Effect.zipRight(noting(`startMonitoring ${id}`), processor.startMonitoring(id)),
          stopMonitoring: (id) =>
            Effect.zipRight(noting(`stopMonitoring ${id}`), processor.stopMonitoring(id))
        })
      )
    })
  ).pipe(
    Layer.provide(EventProcessor.layer({ shutdownGraceMs: 0 })),
    Layer.provide([MessageHandler.layerNone, ledgerInMemory]),
    Layer.provide(StoreManager.layer({ openTimeoutMs: 1_000 })),
    Layer.provide(MemoryDriver.layer({ openMs: 0, backend }))
  )
  return { backend, calls, layer: WorkspaceOrchestrator.layer.pipe(Layer.provide(layer)) }
}

interface Line {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly hasCause: boolean
}

const intoLines = (lines: Array<Line>) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ annotations, cause, message }) => {
      const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
      const [first, ...others] = parts
      const hasError = others.some((part) => part instanceof Error)
      lines.push({
        message: String(first),
        fields: Object.fromEntries(HashMap.toEntries(annotations)),
        hasCause: hasError || !Cause.isEmpty(cause)
      })
    })
  )

describe("WorkspaceOrchestrator", () => {
  it("and its neighbours have the names that the runbook uses", () => {
    const services = [
      WorkspaceOrchestrator.WorkspaceOrchestrator,
      StoreManager.StoreManager,
      EventProcessor.EventProcessor,
      WorkspaceReconciler
    ]
    expect(services.map(({ key }) => key.split("/").at(-1))).toEqual([
      "WorkspaceOrchestrator",
      "StoreManager",
      "EventProcessor",
      "WorkspaceReconciler"
    ])
  })

  it.effect("opens the store, then starts its event processor, and does neither twice", () => {
    const { backend, calls, layer } = makeParts()
    return Effect.gen(function* () {
      const orchestrator = yield* WorkspaceOrchestrator.WorkspaceOrchestrator
      expect(yield* orchestrator.ensureMonitored("ws-a")).toBe("monitoring_started")
      expect(calls).toEqual(["addStore ws-a", "startMonitoring ws-a"])
      expect(yield* orchestrator.ensureMonitored("ws-a")).toBe("already_monitored")
      expect(calls).toHaveLength(2)
      expect(backend.openCount("ws-a")).toBe(1)
      expect(orchestrator.stats()).toMatchObject({ totalProvisioned: 1, provisionFailures: 0 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("stops the event processor, then closes the store, and does neither twice", () => {
    const { backend, calls, layer } = makeParts()
    return Effect.gen(function* () {
      const orchestrator = yield* WorkspaceOrchestrator.WorkspaceOrchestrator
      yield* orchestrator.ensureMonitored("ws-a")
      calls.length = 0
      expect(yield* orchestrator.stopMonitoring("ws-a")).toBe("monitoring_stopped")
      expect(calls).toEqual(["stopMonitoring ws-a", "removeStore ws-a"])
      expect(backend.claimed()).toEqual([])
      expect(yield* orchestrator.stopMonitoring("ws-a")).toBe("already_stopped")
      expect(orchestrator.stats()).toMatchObject({ totalProvisioned: 1, totalDeprovisioned: 1 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("lists what is monitored, sorted, read off the stores and the event processor", () => {
    const { backend, layer } = makeParts()
    return Effect.gen(function* () {
      const orchestrator = yield* WorkspaceOrchestrator.WorkspaceOrchestrator
      for (const id of ["ws-c", "ws-a", "ws-b"]) yield* orchestrator.ensureMonitored(id)
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b", "ws-c"])
      backend.kill("ws-b")
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-c"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("logs how long opening took, whether it succeeded or not", () => {
    const { backend, layer } = makeParts()
    const lines: Array<Line> = []
    return Effect.gen(function* () {
      const orchestrator = yield* WorkspaceOrchestrator.WorkspaceOrchestrator
      yield* orchestrator.ensureMonitored("ws-a")
      backend.setOpenFault("ws-b", "rejected")
      yield* Effect.flip(orchestrator.ensureMonitored("ws-b"))
      const common = { category: "workspace_orchestration", operation: "provision", durationMs: 0 }
      expect(lines).toEqual([
        {
          message: "workspace_orchestration.monitoring_started",
          fields: { ...common, outcome: "succeeded", storeId: "ws-a", openMs: 0, startMs: 0 },
          hasCause: false
        },
        {
          message: "workspace_orchestration.provision_failed",
          fields: { ...common, phase: "open", outcome: "failed", storeId: "ws-b", reason: "rejected" },
          hasCause: true
        }
      ])
    }).pipe(Effect.provide(layer), Effect.provide(intoLines(lines)))
  })
})

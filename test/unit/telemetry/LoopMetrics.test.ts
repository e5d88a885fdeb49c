import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { Administration } from "../../../src/orchestration/Administration.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import * as Prometheus from "../../../src/telemetry/Prometheus.ts"
import { complaints, parse, type Sample } from "../../support/PrometheusText.ts"
import { makeWorld, type WorldOptions } from "../../support/World.ts"

const actor = { name: "ada", address: "127.0.0.1" }
const settle = TestClock.adjust(10)
const resync = TestClock.adjust(66_000)

type Labels = Readonly<Record<string, string>>

/** What a scraper reads: the value of a sample, 0 where there is none. */
const scrape = Effect.gen(function* () {
  yield* (yield* Administration).measure
  const metrics = parse(yield* Prometheus.render)
  const samples = [...metrics.values()].flatMap((family) => family.samples)
  const matches = (wanted: Labels) => (sample: Sample) =>
    Object.entries(wanted).every(([label, value]) => sample.labels[label] === value)
  return {
    metrics,
    value: (name: string, labels: Labels = {}): number =>
      samples.filter((sample) => sample.name === name && matches(labels)(sample))[0]?.value ?? 0
  }
})

const inWorld = <A, E>(
  options: WorldOptions,
  body: (world: ReturnType<typeof makeWorld>) => Effect.Effect<A, E, Administration | WorkspaceReconciler>
) => {
  const world = makeWorld(options)
  return Effect.gen(function* () {
    const reconciler = yield* WorkspaceReconciler
    yield* reconciler.start
    yield* settle
    return yield* body(world)
  }).pipe(Effect.provide(world.layer))
}

/** Counters and histograms are the process's: what a test adds to them is a difference. */
const increaseOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* scrape
    yield* effect
    const after = yield* scrape
    return (name: string, labels: Labels = {}) => after.value(name, labels) - before.value(name, labels)
  })

describe("the metrics of the loop", () => {
  it.effect("say that it is converged, with how many workspaces, and from where", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"], pinned: ["ws-c"] }, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust(5_000)
        const { value } = yield* scrape
        expect([value("wso_converged"), value("wso_stores_desired"), value("wso_stores_monitored")]).toEqual([
          1, 3, 3
        ])
        expect(value("wso_stores", { status: "connected" })).toBe(3)
        expect(value("wso_desired_source", { source: "auth-worker" })).toBe(1)
        expect(value("wso_desired_source", { source: "snapshot" })).toBe(0)
        expect(value("wso_desired_age_seconds")).toBeCloseTo(5, 1)
        expect([value("wso_desired_fresh"), value("wso_ready"), value("wso_state_healthy")]).toEqual([
          1, 1, 1
        ])
        expect(value("wso_circuit_state", { dependency: "auth-worker", state: "closed" })).toBe(1)
        expect([value("wso_workers"), value("wso_workers_busy")]).toEqual([8, 0])
        for (const dependency of ["auth-worker", "livestore-sync"]) {
          expect([dependency, value("wso_dependency_up", { dependency })]).toEqual([dependency, 1])
        }
        expect(value("wso_approvals_pending")).toBe(0)
      })
    )
  )

  it.effect("show drift by kind, its age, why nothing is done about it, and the pause", () =>
    inWorld({ workspaces: ["ws-a"] }, (world) =>
      Effect.gen(function* () {
        const administration = yield* Administration
        yield* administration.pause({ storeId: null, reason: "test", expiresInMs: null }, actor)
        world.directory.create("ws-b")
        yield* resync
        yield* TestClock.adjust(30_000)
        const { value } = yield* scrape
        expect([value("wso_converged"), value("wso_stores_drift", { kind: "missing" })]).toEqual([0, 1])
        expect(value("wso_stores_drift", { kind: "orphaned" })).toBe(0)
        expect(value("wso_oldest_unconverged_seconds", { kind: "missing" })).toBeGreaterThanOrEqual(30)
        expect(value("wso_oldest_unconverged_seconds", { kind: "orphaned" })).toBe(0)
        expect(value("wso_not_converged_seconds")).toBeGreaterThanOrEqual(30)
        expect(value("wso_stores_blocked", { reason: "paused" })).toBeGreaterThanOrEqual(1)
        expect([value("wso_paused", { scope: "loop" }), value("wso_paused", { scope: "workspace" })]).toEqual(
          [1, 0]
        )
        yield* administration.resume(null, actor)
        yield* settle
        const after = yield* scrape
        expect([
          after.value("wso_converged"),
          after.value("wso_oldest_unconverged_seconds", { kind: "missing" })
        ]).toEqual([1, 0])
        expect(after.value("wso_stores_blocked", { reason: "paused" })).toBe(0)
      })
    )
  )

  it.effect("show what the tripped guard holds", () =>
    inWorld({ workspaces: Array.from({ length: 10 }, (_, index) => `ws-${index}`) }, (world) =>
      Effect.gen(function* () {
        for (let index = 0; index < 8; index++) world.directory.remove(`ws-${index}`)
        yield* resync
        yield* resync
        const { value } = yield* scrape
        expect([value("wso_removal_guard_tripped"), value("wso_removal_guard_held_removals")]).toEqual([1, 8])
        expect(value("wso_removal_guard_limit")).toBe(3)
        expect(value("wso_approvals_pending")).toBe(1)
        expect(value("wso_stores_drift", { kind: "orphaned" })).toBe(8)
      })
    )
  )

  it.effect("count what was opened and closed, from when it was wanted, and the runs", () =>
    inWorld({ workspaces: ["ws-a"], openMs: 700, confirmations: 1 }, (world) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1_000)
        const reconciler = yield* WorkspaceReconciler
        const increase = yield* increaseOf(
          Effect.gen(function* () {
            world.directory.create("ws-b")
            yield* reconciler.nudge("ws-b").pipe(Effect.fork)
            yield* TestClock.adjust(1_000)
            world.directory.remove("ws-b")
            yield* resync
          })
        )
        const opened = { operation: "provision", result: "succeeded" }
        expect(increase("wso_store_operations_total", opened)).toBe(1)
        expect(
          increase("wso_store_operations_total", { operation: "deprovision", result: "succeeded" })
        ).toBe(1)
        expect(increase("wso_store_provision_duration_seconds_count")).toBe(1)
        expect(increase("wso_store_provision_duration_seconds_sum")).toBeCloseTo(0.7, 2)
        expect(increase("wso_store_provision_duration_seconds_bucket", { le: "0.5" })).toBe(0)
        expect(increase("wso_store_provision_duration_seconds_bucket", { le: "1" })).toBe(1)
        expect(
          increase("wso_reconcile_total", { trigger: "scheduled", result: "completed" })
        ).toBeGreaterThan(0)
        expect(increase("wso_workspace_reconciles_total", { result: "done" })).toBeGreaterThanOrEqual(2)
        expect(increase("wso_workqueue_adds_total", { priority: "nudge" })).toBe(1)
        expect(increase("wso_workqueue_work_duration_seconds_sum")).toBeGreaterThanOrEqual(0.7)
        expect(increase("wso_events_total", { type: "monitoring_started" })).toBe(1)
      })
    )
  )

  it.effect("count what failed, by what it was, and what waits because of it", () =>
    inWorld({ workspaces: ["ws-a"] }, (world) =>
      Effect.gen(function* () {
        world.backend.setOpenFault("ws-b", "rejected")
        world.directory.create("ws-b")
        const failing = yield* increaseOf(resync)
        expect(
          failing("wso_store_operations_total", { operation: "provision", result: "rejected" })
        ).toBeGreaterThan(0)
        expect(failing("wso_workspace_reconciles_total", { result: "failed" })).toBeGreaterThan(0)
        expect(
          failing("wso_errors_total", { component: "workspaces", code: "StoreOpen_rejected" })
        ).toBeGreaterThan(0)
        expect(failing("wso_workqueue_retries_total")).toBeGreaterThan(0)
        const { value } = yield* scrape
        expect([value("wso_stores_failing"), value("wso_stores", { status: "error" })]).toEqual([1, 1])
        expect(value("wso_workqueue_waiting")).toBe(1)

        world.directory.break()
        const down = yield* increaseOf(resync)
        expect(down("wso_reconcile_total", { trigger: "scheduled", result: "failed" })).toBeGreaterThan(0)
        expect(
          down("wso_errors_total", { component: "source", code: "DirectoryUnavailable" })
        ).toBeGreaterThan(0)
        expect((yield* scrape).value("wso_reconcile_consecutive_failures")).toBeGreaterThan(0)
        expect((yield* scrape).value("wso_dependency_up", { dependency: "auth-worker" })).toBe(0)
      })
    )
  )

  it.effect("show that the sync backend is down once no store hears it any more", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"] }, (world) =>
      Effect.gen(function* () {
        const isUp = Effect.map(scrape, ({ value }) =>
          value("wso_dependency_up", { dependency: "livestore-sync" })
        )
        world.backend.setConnected("ws-a", false)
        yield* settle
        expect(yield* isUp).toBe(1)
        world.backend.setConnected("ws-b", false)
        // A moment without a connection is ordinary.
        yield* TestClock.adjust("30 seconds")
        expect(yield* isUp).toBe(0)
      })
    )
  )

  it.effect("count the nudges that shared a refresh", () =>
    inWorld({ workspaces: ["ws-a"] }, () =>
      Effect.gen(function* () {
        const reconciler = yield* WorkspaceReconciler
        const increase = yield* increaseOf(
          Effect.gen(function* () {
            const nudges = Array.from({ length: 10 }, () => reconciler.nudge("ws-a"))
            const all = yield* Effect.fork(Effect.all(nudges, { concurrency: "unbounded" }))
            yield* TestClock.adjust(1_000)
            yield* all
          })
        )
        // The first has one of its own; the others share it, or the one after it.
        expect(increase("wso_nudges_coalesced_total")).toBeGreaterThanOrEqual(8)
        expect(increase("wso_nudges_coalesced_total")).toBeLessThan(10)
      })
    )
  )

  it.effect("are named as Prometheus wants them, and name no workspace", () =>
    inWorld({ workspaces: ["ws-secret-a"], pinned: ["ws-secret-b"] }, (world) =>
      Effect.gen(function* () {
        world.backend.kill("ws-secret-a")
        yield* resync
        const { metrics } = yield* scrape
        expect(complaints(metrics)).toEqual([])
        expect(yield* Prometheus.render).not.toContain("ws-secret")
      })
    )
  )
})

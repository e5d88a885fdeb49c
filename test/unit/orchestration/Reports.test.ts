/** The daily report and the deep verification over the whole loop. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { Administration } from "../../../src/orchestration/Administration.ts"
import { Backups, type StateReport, UnknownBackup } from "../../../src/orchestration/Backups.ts"
import * as Credentials from "../../../src/orchestration/Credentials.ts"
import { Reports } from "../../../src/orchestration/Reports.ts"
import * as ReportsLayer from "../../../src/orchestration/ReportsLayer.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { StoreManager } from "../../../src/stores/StoreManager.ts"
import { makeWorld, type WorldOptions } from "../../support/World.ts"

const whole: StateReport = {
  intact: true,
  problems: [],
  schemaVersion: 2,
  counts: {},
  audit: { intact: true, records: 0, firstBrokenSeq: null },
  snapshot: null
}

/** A server with reports, on virtual time; nothing but the loop's own trouble is in them. */
const reported = (options: WorldOptions, report: StateReport = whole) => {
  const world = makeWorld(options)
  const backups = Layer.succeed(
    Backups,
    Backups.of({
      create: () => Effect.dieMessage("not asked for"),
      list: Effect.succeed([]),
      verify: () => Effect.fail(new UnknownBackup()),
      inspect: Effect.succeed(report)
    })
  )
  const layer = ReportsLayer.layer({ dataPath: "." }).pipe(
    Layer.provide([backups, Credentials.layer([])]),
    Layer.provide(StateStore.layerMemory),
    Layer.provideMerge(world.layer)
  )
  return { ...world, layer }
}

const started = Effect.gen(function* () {
  yield* Effect.flatMap(WorkspaceReconciler, ({ start }) => start)
  yield* TestClock.adjust("1 seconds")
})

const daily = Effect.flatMap(Reports, (reports) => reports.daily)
const statusOf = (report: Effect.Effect.Success<typeof daily>, check: string) =>
  report.checks.find((one) => one.check === check)?.status

const verified = Effect.gen(function* () {
  const { verify } = yield* Reports
  const { invariants, status } = yield* verify
  return { status, broken: invariants.filter(({ holds }) => !holds), all: invariants }
})

const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))

describe("the daily report", () => {
  it.scoped("says of a converged loop that it is converged, from a fresh list", () => {
    const { layer } = reported({ workspaces: ["ws-a", "ws-b"] })
    return Effect.gen(function* () {
      yield* started
      const report = yield* daily
      expect(report.checks.find(({ check }) => check === "convergence")?.value).toBe(
        "2 of 2 monitored, drift 0"
      )
      for (const check of ["convergence", "source", "queue", "errors", "state"]) {
        expect([check, statusOf(report, check)]).toEqual([check, "ok"])
      }
    }).pipe(Effect.provide(layer), quietly)
  })

  it.scoped("counts the errors of its own day by kind, with what the newest said", () => {
    const { directory, layer } = reported({ workspaces: ["ws-a"], intervalMs: 10_000 })
    return Effect.gen(function* () {
      yield* started
      directory.break()
      yield* TestClock.adjust("15 seconds")
      const report = yield* daily
      expect(report.errors[0]).toMatchObject({ component: "source", code: "DirectoryUnavailable" })
      expect(report.errors[0]?.lastMessage).toBe("The directory answers 500")
    }).pipe(Effect.provide(layer), quietly)
  })

  it.scoped("counts the runs that failed, and remembers what the source failed with", () => {
    const { directory, layer } = reported({ workspaces: ["ws-a"], intervalMs: 10_000 })
    return Effect.gen(function* () {
      yield* started
      directory.break()
      yield* TestClock.adjust("60 seconds")
      const report = yield* daily
      expect(statusOf(report, "runs")).toBe("fail")
      expect(report.checks.find(({ check }) => check === "runs")?.value).toMatch(
        /^\d+(\.\d)? % of \d+ runs succeeded/
      )
      const errors = yield* Effect.flatMap(Administration, ({ recentErrors }) => recentErrors)
      expect(errors.map(({ code, component }) => [component, code])).toContainEqual([
        "source",
        "DirectoryUnavailable"
      ])
    }).pipe(Effect.provide(layer), quietly)
  })

  it.scoped("shows pauses and a tripped guard", () => {
    const { directory, layer } = reported({
      workspaces: Array.from({ length: 10 }, (_, index) => `ws-${index}`),
      intervalMs: 10_000
    })
    return Effect.gen(function* () {
      yield* started
      const { pause } = yield* Administration
      yield* pause({ storeId: "ws-9", reason: "test", expiresInMs: null }, { name: "ada", address: "" })
      for (let index = 0; index < 8; index++) directory.remove(`ws-${index}`)
      yield* TestClock.adjust("40 seconds")
      const report = yield* daily
      expect(statusOf(report, "pauses")).toBe("warn")
      expect(statusOf(report, "removal-guard")).toBe("fail")
      expect(report.status).toBe("fail")
    }).pipe(Effect.provide(layer), quietly)
  })
})

describe("the deep verification", () => {
  it.scoped("finds everything in order where it is", () => {
    const { layer } = reported({ workspaces: ["ws-a", "ws-b"] })
    return Effect.gen(function* () {
      yield* started
      const { all, broken, status } = yield* verified
      expect([status, broken]).toEqual(["ok", []])
      expect(all.map(({ name }) => name)).toEqual([
        "store-open-once",
        "desired-equals-observed",
        "figures-are-true",
        "state-database",
        "audit-chain",
        "stores-answer"
      ])
      expect(all.at(-1)?.detail).toBe("2 of 2 stores were read")
    }).pipe(Effect.provide(layer), quietly)
  })

  it.scoped("finds a store that was closed behind the loop's back, and one that nobody wants", () => {
    const { layer } = reported({ workspaces: ["ws-a", "ws-b"] })
    return Effect.gen(function* () {
      yield* started
      yield* Effect.flatMap(StoreManager, ({ removeStore }) => removeStore("ws-a"))
      yield* Effect.flatMap(WorkspaceOrchestrator, ({ ensureMonitored }) => ensureMonitored("ws-stranger"))
      const { broken, status } = yield* verified
      expect(status).toBe("violated")
      expect(broken.find(({ name }) => name === "desired-equals-observed")?.detail).toBe(
        "missing: ws-a; orphaned: ws-stranger"
      )
    }).pipe(Effect.provide(layer), quietly)
  })

  it.scoped("says what is wrong with the state database and its trail", () => {
    const problems = ["row 3 missing from index"]
    const audit = { intact: false, records: 7, firstBrokenSeq: 7 }
    const { layer } = reported({}, { ...whole, intact: false, problems, audit })
    return Effect.gen(function* () {
      yield* started
      const { broken } = yield* verified
      expect(broken.map(({ detail, name }) => [name, detail])).toEqual([
        ["state-database", "row 3 missing from index"],
        ["audit-chain", "broken at record 7"]
      ])
    }).pipe(Effect.provide(layer), quietly)
  })
})

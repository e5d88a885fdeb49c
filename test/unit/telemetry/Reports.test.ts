import { describe, expect, it } from "@effect/vitest"
import * as ReportBudget from "../../../src/telemetry/ReportBudget.ts"
import * as Trails from "../../../src/telemetry/Trails.ts"

const MINUTE = 60_000

describe("the budget of reports", () => {
  const report = (subject: string, error = "StoreOpenError", operation = "provision") => ({
    operation,
    error,
    subject
  })
  const admitted = (verdicts: ReadonlyArray<ReportBudget.Verdict>) =>
    verdicts.filter(({ isAdmitted }) => isAdmitted).length

  it("reports an outage of a thousand stores a few times, and says how many were held back", () => {
    const budget = ReportBudget.make()
    const stores = Array.from({ length: 1_000 }, (_, index) => `ws-${index}`)
    expect(admitted(stores.map((id) => budget.ask(report(id), 0)))).toBe(5)
    expect(budget.ask(report("ws-late"), MINUTE)).toEqual({ isAdmitted: true, heldBack: 995 })
    expect(budget.ask(report("ws-later"), MINUTE)).toEqual({ isAdmitted: true, heldBack: 0 })
  })

  it("reports one failing store once in ten minutes, however often it is tried", () => {
    const budget = ReportBudget.make()
    const verdicts = Array.from({ length: 60 }, (_, minute) => budget.ask(report("ws-a"), minute * MINUTE))
    expect(admitted(verdicts)).toBe(6)
    expect(verdicts[10]).toEqual({ isAdmitted: true, heldBack: 9 })
  })

  it("begins anew when the clock is set back, rather than to be silent until it has caught up", () => {
    const budget = ReportBudget.make()
    for (let store = 0; store < 10; store++) budget.ask(report(`ws-${store}`), 100 * MINUTE)
    expect(budget.ask(report("ws-0"), 0)).toEqual({ isAdmitted: true, heldBack: 5 })
    expect(budget.ask(report("ws-0"), MINUTE).isAdmitted).toBe(false)
  })

  it("keeps other errors and other operations apart", () => {
    const budget = ReportBudget.make()
    for (let index = 0; index < 100; index++) budget.ask(report(`ws-${index}`), 0)
    expect(budget.ask(report("ws-a", "ReconcileTimeout"), 0).isAdmitted).toBe(true)
    expect(budget.ask(report("ws-a", "StoreOpenError", "reconcile"), 0).isAdmitted).toBe(true)
    expect(budget.ask(report("ws-a"), 0).isAdmitted).toBe(false)
  })
})

describe("trails", () => {
  it("are of one store and the loop, not of the others", () => {
    const trails = Trails.make<string>()
    trails.add("ws-a", "a opened")
    trails.add("ws-b", "b opened")
    trails.add(undefined, "a run")
    expect(trails.of("ws-a")).toEqual(["a run", "a opened"])
    expect(trails.of(undefined)).toEqual(["a run"])
    expect(trails.of("ws-unknown")).toEqual(["a run"])
  })

  it("keep the newest steps of the stores that something has happened to of late", () => {
    const trails = Trails.make<number>()
    for (let step = 0; step < 100; step++) {
      trails.add("ws-a", step)
      trails.add(undefined, step)
    }
    expect(trails.of(undefined)).toHaveLength(30)
    expect(trails.of("ws-a")).toHaveLength(50)
    expect(trails.of("ws-a").at(-1)).toBe(99)
    for (let store = 0; store < 1_500; store++) {
      if (store % 100 === 0) trails.add("ws-a", store)
      trails.add(`ws-${store}`, store)
    }
    expect(trails.of("ws-0")).toHaveLength(30)
    expect(trails.of("ws-1499")).toHaveLength(31)
    expect(trails.of("ws-a")).toHaveLength(50)
  })
})

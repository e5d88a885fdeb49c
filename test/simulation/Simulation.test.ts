import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { regressions } from "./Regressions.ts"
import { failureReport, Totals } from "./Report.ts"
import { planOf, type Plan } from "./Schedule.ts"
import { shrink } from "./Shrink.ts"
import { simulate } from "./Simulation.ts"

const src = join(import.meta.dirname, "..", "..", "src")

/** Another number for every other code: its seeds are fresh, and whoever runs the same code runs the same seeds. */
const seedOfTheCode = (): string => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))
  const hash = createHash("sha256")
  for (const path of files.sort()) hash.update(path).update(readFileSync(join(src, path)))
  return String(hash.digest().readUInt32BE())
}

/** Fresh ones for every change of the code, or those behind SIMULATION_SEED. */
const BASE = process.env["SIMULATION_SEED"] ?? seedOfTheCode()
const FRESH_SEEDS = 100

const keepsEveryLaw = (plan: Plan) => {
  const outcome = simulate(plan)
  if (outcome.violations.length > 0) {
    throw new Error(failureReport(plan.seed, outcome, shrink(plan)?.plan))
  }
  return outcome
}

describe("the simulation", () => {
  it.each(["1", "2", "3", "4", "5", "6"])("has one outcome for one seed (%s)", (seed) => {
    const [first, second] = [simulate(planOf(seed), true), simulate(planOf(seed), true)]
    expect(second.lines).toEqual(first.lines)
    expect(second.hash).toBe(first.hash)
    expect(second.steps).toBe(first.steps)
  })

  it("has another outcome for another seed", () => {
    const hashes = ["1", "2", "3"].map((seed) => simulate(planOf(seed)).hash)
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it("is another run when the fibers run in another order", () => {
    const plan = planOf("7")
    const shuffled = simulate({ ...plan, interleaving: { shuffle: 1, preempt: 0.02 } })
    expect(simulate({ ...plan, interleaving: { shuffle: 0, preempt: 0 } }).hash).not.toBe(shuffled.hash)
  })

  it.each(Object.entries(regressions))("keeps every law where it once did not: %s", (_, plan) => {
    keepsEveryLaw(plan)
  })

  it(`keeps every law for ${FRESH_SEEDS} fresh seeds from ${BASE} on`, { timeout: 600_000 }, async () => {
    const totals = new Totals()
    const startedAt = performance.now()
    for (let index = 0; index < FRESH_SEEDS; index++) {
      totals.add(keepsEveryLaw(planOf(`${BASE}-${index}`)))
      // The runner's own messages have their turn.
      await new Promise(setImmediate)
    }
    console.log(`SIMULATION_SEED=${BASE}\n${totals.report((performance.now() - startedAt) / 1_000)}`)
    expect(totals.failures).toBe(0)
  })
})

/**
 * The simulation from the command line:
 *   npm run simulate -- --seed N [--trace] [--save]    one seed; a failure is made smaller, and shown as a regression
 *   npm run simulate -- --regression NAME [--trace]    a schedule of Regressions.ts
 *   npm run simulate -- --seeds N [--from M]           N seeds from M on
 *   npm run simulate -- --hours H [--from M]           for so long; with --first, until something fails
 */
import { randomInt } from "node:crypto"
import { parseArgs } from "node:util"
import { regressions } from "./Regressions.ts"
import { failureReport, Totals } from "./Report.ts"
import { planOf, type Plan } from "./Schedule.ts"
import { shrink } from "./Shrink.ts"
import { simulate } from "./Simulation.ts"

const MAX_SEED = 2 ** 31
const PROGRESS_EVERY_MS = 10_000
const MS_PER_HOUR = 3_600_000
/** A hunt that finds as much has found enough. */
const MAX_FAILURES = 20

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    regression: { type: "string" },
    save: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    seeds: { type: "string" },
    hours: { type: "string" },
    from: { type: "string" },
    first: { type: "boolean", default: false }
  }
})

const startedAt = performance.now()
const seconds = (): number => (performance.now() - startedAt) / 1_000

const runOne = (plan: Plan, again: string): boolean => {
  const outcome = simulate(plan, values.trace)
  for (const line of outcome.lines ?? []) console.log(line)
  const totals = new Totals()
  totals.add(outcome)
  console.log(totals.report(seconds()))
  if (outcome.violations.length === 0) {
    console.log(`${plan.seed} (trace ${outcome.hash}): every law holds`)
    return true
  }
  const shrunk = shrink(plan)
  console.log(failureReport(plan.seed, outcome, shrunk?.plan, again))
  if (values.save && shrunk !== undefined) console.log(JSON.stringify(shrunk.plan))
  return false
}

const runMany = (from: number, goesOn: (seeds: number) => boolean): boolean => {
  const totals = new Totals()
  console.log(`seeds from ${from} on`)
  let nextLine = PROGRESS_EVERY_MS
  for (let seed = from; goesOn(totals.seeds); seed++) {
    const outcome = simulate(planOf(String(seed)))
    totals.add(outcome)
    if (outcome.violations.length > 0) {
      console.log(failureReport(String(seed), outcome))
      if (values.first || totals.failures >= MAX_FAILURES) break
    }
    if (performance.now() - startedAt > nextLine) {
      console.log(totals.line(seconds()))
      nextLine += PROGRESS_EVERY_MS
    }
  }
  console.log(totals.report(seconds()))
  return totals.failures === 0
}

const run = (): boolean => {
  const { hours, regression, seed } = values
  if (regression !== undefined) {
    const plan = regressions[regression]
    if (plan !== undefined) return runOne(plan, `--regression ${regression}`)
    console.error(`The regressions are: ${Object.keys(regressions).join(", ")}`)
    return false
  }
  if (seed !== undefined) return runOne(planOf(seed), `--seed ${seed}`)
  const from = values.from === undefined ? randomInt(MAX_SEED) : Number(values.from)
  if (hours !== undefined) {
    const untilMs = Number(hours) * MS_PER_HOUR
    return runMany(from, () => performance.now() - startedAt < untilMs)
  }
  const count = Number(values.seeds ?? 100)
  return runMany(from, (seeds) => seeds < count)
}

process.exitCode = run() ? 0 : 1

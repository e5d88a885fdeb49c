import { planOf } from "./Schedule.ts"
import { simulate } from "./Simulation.ts"
const from = Number(process.argv[2] ?? 0)
const count = Number(process.argv[3] ?? 1)
const started = performance.now()
let steps = 0
let virtual = 0
let failures = 0
for (let seed = from; seed < from + count; seed++) {
  const outcome = simulate(planOf(String(seed)), count === 1)
  steps += outcome.steps
  virtual += outcome.virtualMs
  if (count === 1) for (const line of outcome.lines ?? []) console.log(line)
  if (outcome.violations.length > 0) {
    failures++
    console.log(`seed ${seed} ${outcome.hash}`, outcome.violations[0])
  }
}
const s = (performance.now() - started) / 1000
console.log({ count, failures, seconds: s, steps, virtualHours: virtual / 3600e3 })

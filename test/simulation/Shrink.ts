/** Makes a schedule that fails smaller: halves, quarters and single steps are left out for as long as it fails as before. */
import { isMarker, type Plan, type Step } from "./Schedule.ts"
import { simulate, type Outcome } from "./Simulation.ts"

export interface Shrunk {
  readonly plan: Plan
  readonly outcome: Outcome
  readonly runs: number
}

/** A run takes a fraction of a second; after so many, what is left is small enough. */
const MAX_RUNS = 400

/** The plan with only those of its steps that are needed to break the same law. */
export const shrink = (plan: Plan): Shrunk | undefined => {
  const [broken] = simulate(plan).violations
  if (broken === undefined) return undefined
  const markers = plan.steps.filter(({ event }) => isMarker(event))
  let runs = 1
  const withSteps = (steps: ReadonlyArray<Step>): Plan => ({
    ...plan,
    steps: [...steps, ...markers].toSorted((one, other) => one.at - other.at)
  })
  const fails = (steps: ReadonlyArray<Step>): boolean => {
    runs++
    return simulate(withSteps(steps)).violations[0]?.law === broken.law
  }
  let steps = plan.steps.filter(({ at, event }) => !isMarker(event) && at <= broken.at)
  if (!fails(steps)) steps = plan.steps.filter(({ event }) => !isMarker(event))
  let size = Math.ceil(steps.length / 2)
  while (size >= 1 && runs < MAX_RUNS) {
    let hasShrunk = false
    for (let from = 0; from < steps.length && runs < MAX_RUNS;) {
      const without = [...steps.slice(0, from), ...steps.slice(from + size)]
      if (fails(without)) {
        steps = without
        hasShrunk = true
      } else from += size
    }
    if (size === 1 && !hasShrunk) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  const smallest = withSteps(steps)
  return { plan: smallest, outcome: simulate(smallest), runs }
}

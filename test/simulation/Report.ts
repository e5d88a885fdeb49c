/** Totals over many seeds, and how a failure is told. */
import { lawNames, type Violation } from "./Laws.ts"
import type { Plan } from "./Schedule.ts"
import { isMarker } from "./Schedule.ts"
import type { Outcome } from "./Simulation.ts"

const MS_PER_HOUR = 3_600_000

const add = <K>(totals: Map<K, number>, more: ReadonlyMap<K, number>): void => {
  for (const [key, count] of more) totals.set(key, (totals.get(key) ?? 0) + count)
}

const listed = <K>(totals: ReadonlyMap<K, number>): string =>
  [...totals]
    .toSorted(([, one], [, other]) => other - one)
    .map(([key, count]) => `${String(key)} ${count}`)
    .join(", ")

export class Totals {
  seeds = 0
  failures = 0
  steps = 0
  effects = 0
  lives = 0
  virtualMs = 0
  readonly checks = new Map<number, number>()
  readonly happened = new Map<string, number>()

  add(outcome: Outcome): void {
    this.seeds++
    if (outcome.violations.length > 0) this.failures++
    this.steps += outcome.steps
    this.effects += outcome.effects
    this.lives += outcome.lives
    this.virtualMs += outcome.virtualMs
    add(this.checks, outcome.checks)
    add(this.happened, outcome.happened)
  }

  line(seconds: number): string {
    const perSecond = Math.round(this.steps / Math.max(0.001, seconds))
    const hours = (this.virtualMs / MS_PER_HOUR).toFixed(1)
    return `${this.seeds} seeds, ${hours} virtual hours, ${this.lives} lives, ${this.steps} steps (${perSecond}/s), ${this.effects} effects, ${this.failures} failures in ${seconds.toFixed(0)} s`
  }

  report(seconds: number): string {
    const checks = [...this.checks]
      .toSorted(([one], [other]) => one - other)
      .map(([law, count]) => `  law ${law} (${lawNames[law] ?? ""}): ${count} checks`)
    return [this.line(seconds), "what happened: " + listed(this.happened), ...checks].join("\n")
  }
}

const describe = ({ at, law, what }: Violation): string =>
  `law ${law} (${lawNames[law] ?? ""}) is broken after ${(at / 1_000).toFixed(3)} s: ${what}`

/** What somebody who has to mend it needs. */
export const failureReport = (
  seed: string,
  outcome: Outcome,
  shrunk?: Plan,
  again = `--seed ${seed}`
): string =>
  [
    `seed ${seed} (trace ${outcome.hash}): ${outcome.violations.map(describe)[0] ?? "nothing"}`,
    ...(shrunk === undefined
      ? []
      : [
          "smallest schedule that breaks it:",
          `  ${JSON.stringify({ settings: shrunk.settings, profile: shrunk.profile, latencies: shrunk.latencies, interleaving: shrunk.interleaving, initial: shrunk.initial })}`,
          ...shrunk.steps
            .filter(({ event }) => !isMarker(event))
            .map(({ at, event }) => `  ${(at / 1_000).toFixed(3).padStart(10)} s  ${JSON.stringify(event)}`)
        ]),
    `again: npm run simulate -- ${again} --trace`
  ].join("\n")

/** The laws' book: how often each was checked, and who broke it. */
export const lawNames: Readonly<Record<number, string>> = {
  0: "no defect",
  1: "level, not edge",
  2: "one key, one hand",
  3: "no nudge is lost",
  4: "a failing workspace never delays a healthy one",
  5: "a list that is not proven complete and fresh removes nothing",
  6: "a removal needs evidence, then happens once",
  7: "a tripped guard removes nothing",
  8: "what is acquired is released exactly once",
  9: "observed means observed",
  10: "status never lies",
  11: "convergence and quiescence",
  12: "static stability"
}

export interface Violation {
  readonly law: number
  /** In the world's time, milliseconds. */
  readonly at: number
  readonly what: string
}

/** More than this many say nothing new. */
const MAX_VIOLATIONS = 20

export class Laws {
  readonly checks = new Map<number, number>()
  readonly violations: Array<Violation> = []
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  check(law: number, holds: boolean, what: () => string): void {
    this.checks.set(law, (this.checks.get(law) ?? 0) + 1)
    if (!holds) this.violate(law, what())
  }

  violate(law: number, what: string): void {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push({ law, at: this.now(), what })
  }
}

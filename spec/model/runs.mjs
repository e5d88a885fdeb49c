/**
 * What is asked of the model: for each law the smallest instance that shows it, and what has to be taken out of the model for
 * the law to be lost. Every one of those must give a counterexample, or the model would prove nothing.
 */

/** No faults but those that a run asks for. */
const none = { CHANGES: 0, FAILURES: 0, LIES: 0, CRASHES: 0, DEATHS: 0, OPEN_FAILURES: 0 }

export const runs = [
  {
    law: "law2",
    says: "one key, one hand",
    instance: { ...none, CHANGES: 1, DEATHS: 1 },
    without: [{ takes: "the exclusion of keys in a hand", define: { NO_EXCLUSION: true } }]
  },
  {
    law: "law3",
    says: "no nudge is lost",
    fair: true,
    instance: { ...none, WORKERS: 1, CHANGES: 2, FAILURES: 1 },
    without: [{ takes: "the dirty mark", define: { NO_DIRTY: true } }]
  },
  {
    law: "law4",
    says: "a store that hangs delays no other workspace",
    fair: true,
    instance: { ...none, WORKERS: 1, CHANGES: 1, CRASHES: 1, STUBBORN: 0 },
    without: [{ takes: "the timeout", define: { NO_TIMEOUT: true } }]
  },
  {
    law: "law5",
    says: "a failed list removes nothing, guard or no guard",
    instance: { ...none, CHANGES: 1, FAILURES: 3, NO_GUARD: true },
    without: [{ takes: "the difference between failed and empty", define: { FAILED_IS_EMPTY: true } }]
  },
  {
    law: "law6",
    says: "a removal needs evidence",
    instance: { ...none, WORKERS: 1, CHANGES: 1, LIES: 1, CRASHES: 1 },
    without: [{ takes: "the second confirmation", define: { CONFIRMATIONS: 1 } }]
  },
  {
    law: "law6",
    says: "and so it does with a changes feed",
    instance: { ...none, WORKERS: 1, CHANGES: 2, LIES: 1, FEED: true },
    without: []
  },
  {
    law: "law7",
    says: "a tripped guard removes nothing",
    instance: { ...none, LIES: "ENDLESS" },
    without: [
      { takes: "the guard", define: { NO_GUARD: true } },
      { takes: "judging what is due together", define: { JUDGE_ALONE: true } },
      { takes: "counting removals that have begun", define: { UNCOUNTED: true } }
    ]
  },
  {
    law: "law7adds",
    says: "and adds go on",
    fair: true,
    instance: { ...none, K: 3, FIRST: 2, WORKERS: 1, STEADY_LIE: true, CHANGES: 1 },
    without: [{ takes: "the guard's indifference to adds", define: { GUARD_HOLDS_ALL: true } }]
  },
  {
    law: "law8",
    says: "what is acquired is released exactly once",
    instance: { ...none, DEATHS: 1, OPEN_FAILURES: 1, SHUTDOWN: true },
    without: [{ takes: "the release on failure", define: { LEAK: true } }]
  },
  {
    law: "law9",
    says: "a store that died re-enters the queue, without any resync",
    fair: true,
    instance: { ...none, WORKERS: 1, DEATHS: 2, OPEN_FAILURES: 1, NO_RESYNC: true },
    without: [{ takes: "the signal of its death", define: { NO_DEATH_SIGNAL: true } }]
  },
  {
    law: "law11",
    says: "convergence and quiescence once faults stop",
    fair: true,
    instance: { ...none, WORKERS: 1, CHANGES: 1, FAILURES: 1, CRASHES: 1 },
    without: [{ takes: "the resync", define: { NO_RESYNC: true } }]
  },
  {
    law: "law12",
    says: "known until stopped, over a restart while the source is down",
    fair: true,
    instance: { ...none, WORKERS: 1, LIES: 1, CRASHES: 1, DOWN_AFTER_CRASH: true },
    without: [
      { takes: "the saved snapshot", define: { NO_SNAPSHOT: true } },
      { takes: "the memory of what is missing", define: { FORGET_ABSENT: true } }
    ]
  }
]

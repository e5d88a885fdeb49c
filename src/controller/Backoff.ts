/**
 * Exponential backoff with jitter, as a formula.
 */

export interface Policy {
  /** The longest delay after the first failure, in milliseconds. */
  readonly baseMs: number
  /** No delay is longer, in milliseconds. */
  readonly maxMs: number
  /** The share of each delay that is random, from 0 (none) to 1 (all), so that keys that failed together part. */
  readonly jitter: number
}

/**
 * 1 s, 2 s, 4 s, … 5 min, each shortened by up to a fifth. client-go starts at 5 ms and ends at 1000 s; a workload here
 * is a remote system being asked again, not a cache being read.
 */
export const defaultPolicy: Policy = { baseMs: 1_000, maxMs: 300_000, jitter: 0.2 }

/**
 * The delay in milliseconds after the given number of consecutive failures (1 is the first), for a random number of
 * [0, 1). It lies within `jitter` below `baseMs * 2^(failures - 1)`, never exceeds `maxMs`, and is whole: a time that is made
 * of it is stored.
 */
export const delayMs = (policy: Policy, failures: number, random: number): number => {
  const doublings = Math.max(0, failures - 1)
  // 2 ** 1024 is Infinity, which the minimum handles.
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** doublings)
  return Math.ceil(ceiling * (1 - policy.jitter * random))
}

/** Between two looks at a condition, in milliseconds, unless its user wants another. */
const LOOK_EVERY_MS = 20

/**
 * Looks until the answer is neither undefined nor false, and returns it; fails after `withinMs`. A look that throws (a
 * server that does not listen yet) is one that has not found anything, and explains the failure if it stays so.
 */
export const eventually = async <A>(
  what: string,
  look: () => A | undefined | false | Promise<A | undefined | false>,
  withinMs = 20_000,
  everyMs = LOOK_EVERY_MS
): Promise<A> => {
  const deadline = performance.now() + withinMs
  for (;;) {
    let cause: unknown
    try {
      const found = await look()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      cause = error
    }
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`, { cause })
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/**
 * The one way in which the server's code leaves Effect's scheduler is `setImmediate`, by which a worker lets the event loop
 * turn. While the world runs, such a turn is a task like any other. The world runs in one synchronous piece, so nobody
 * else can meet the replacement.
 */
const replaced = ["setImmediate", "clearImmediate"] as const

export const withTurns = (schedule: (task: () => void) => void, run: () => void): void => {
  const originals = replaced.map((name) => Object.getOwnPropertyDescriptor(globalThis, name))
  let last = 0
  const cancelled = new Set<number>()
  const replace = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  replace("setImmediate", (task: () => void) => {
    const handle = ++last
    schedule(() => (cancelled.delete(handle) ? undefined : task()))
    return handle
  })
  replace("clearImmediate", (handle: number) => cancelled.add(handle))
  try {
    run()
  } finally {
    replaced.forEach((name, index) => {
      const original = originals[index]
      if (original !== undefined) Object.defineProperty(globalThis, name, original)
    })
  }
}

/** How long the event loop of this process stands still: what everybody else who is served by it waits. */
import { monitorEventLoopDelay } from "node:perf_hooks"

/** Node looks at the loop this often, in milliseconds, and counts that as part of the delay. */
const RESOLUTION_MS = 1
const NANOS_PER_MS = 1e6

/** The longest pause since the last reading, in milliseconds. */
export const watchPauses = (): (() => number) => {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  return () => {
    const longest = Math.max(0, delay.max / NANOS_PER_MS - RESOLUTION_MS)
    delay.reset()
    return longest
  }
}

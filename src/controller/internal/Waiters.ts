import * as Effect from "effect/Effect"

/**
 * Fibers that wait to be woken. Waking says "look again" and hands over nothing, so nothing is lost when a fiber is
 * interrupted between being woken and running. (Effect's own semaphore wakes all on each release: quadratic.)
 */
export class Waiters {
  private readonly callbacks = new Set<() => void>()

  get size(): number {
    return this.callbacks.size
  }

  /** Registers a callback for one wake; answers how to leave. */
  join(callback: () => void): () => void {
    this.callbacks.add(callback)
    return () => this.callbacks.delete(callback)
  }

  /** Waits once, if there is reason to when the fiber gets here. Interruption leaves nothing behind. */
  wait(hasReason: () => boolean): Effect.Effect<void> {
    return Effect.async((resume) => {
      if (!hasReason()) return resume(Effect.void)
      return Effect.sync(this.join(() => resume(Effect.void)))
    })
  }

  /** Wakes up to `count`, those that have waited longest first; all by default. */
  wake(count = Infinity): void {
    let left = count
    for (const callback of this.callbacks) {
      if (left-- <= 0) return
      this.callbacks.delete(callback)
      callback()
    }
  }
}

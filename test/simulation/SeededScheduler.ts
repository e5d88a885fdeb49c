/**
 * Which fiber runs next, and when it is made to yield, decided by a seed. Effect promises no order between fibers, and lets
 * any fiber be preempted between two operations; so every order that comes out of here is one that may happen.
 */
import type * as Scheduler from "effect/Scheduler"
import type { Seeded } from "./Seeded.ts"

export interface Interleaving {
  /** How often the next task is any of those that can run, instead of the one that has waited longest. */
  readonly shuffle: number
  /** How often a fiber is preempted between two operations. */
  readonly preempt: number
}

/** Operations of one fiber before it yields, as in Effect's own scheduler. */
const MAX_OPERATIONS = 2_048

export class SeededScheduler implements Scheduler.Scheduler {
  private tasks: Array<Scheduler.Task> = []
  private readonly random: Seeded
  private readonly interleaving: Interleaving
  private isAlive = true

  constructor(random: Seeded, interleaving: Interleaving) {
    this.random = random
    this.interleaving = interleaving
  }

  get runnable(): number {
    return this.tasks.length
  }

  shouldYield(fiber: { readonly currentOpCount: number }): number | false {
    if (!this.isAlive) return 0
    const { preempt } = this.interleaving
    return fiber.currentOpCount > MAX_OPERATIONS || (preempt > 0 && this.random.chance(preempt)) ? 0 : false
  }

  scheduleTask(task: Scheduler.Task): void {
    if (this.isAlive) this.tasks.push(task)
  }

  /** Runs one of the tasks that can run; false if there is none. */
  runOne(): boolean {
    if (this.tasks.length === 0) return false
    const { shuffle } = this.interleaving
    const index =
      this.tasks.length > 1 && shuffle > 0 && this.random.chance(shuffle)
        ? this.random.int(this.tasks.length)
        : 0
    const [task] = this.tasks.splice(index, 1)
    task?.()
    return true
  }

  /** The process has crashed: nothing of it runs any more, no finalizer either. */
  kill(): void {
    this.isAlive = false
    this.tasks = []
  }
}

/**
 * The rules of the work queue as plain data and synchronous steps: no Effect, no clock, no timer. Each step takes the
 * time. `WorkQueue` adds waiting.
 */
import { DelayHeap, type Delayed } from "./DelayHeap.ts"
import { ReadyList, type Linked } from "./ReadyList.ts"

/** Position in the order of the classes: 0 is the most urgent. */
type Rank = number

/**
 * Aging: of so many takes that prefer a class while a less urgent one has keys ready, the last serves the oldest head of
 * the less urgent ones. So a key is taken after at most `AGING_INTERVAL * (n + 1)` takes, where n keys of less urgent
 * classes became ready before it, however many more urgent ones keep coming (law 4). It costs the most urgent class
 * an eighth of the workers at worst.
 */
export const AGING_INTERVAL = 8

/** All that is known of one key. It exists while the key is queued, running or failing. */
export interface Entry extends Linked<Entry>, Delayed {
  readonly key: string
  /** What comes next for the key. `ready` while it runs is what client-go calls dirty. */
  pending: "none" | "ready" | "waiting"
  /** The rank of what is pending. */
  rank: Rank
  /** When it became ready. */
  readyAt: number
  /** The order in which the entries became available to takers. */
  order: number
  /** It waits because it failed. */
  backingOff: boolean
  /** It was added only by those who respect a backoff: should the run fail, the backoff goes first. */
  yielding: boolean
  running: boolean
  startedAt: number
  /** The rank with which it was taken, and how long it had been ready. */
  takenRank: Rank
  queueMs: number
  failures: number
}

interface Addition {
  readonly rank: Rank
  readonly afterMs: number
  readonly respectBackoff: boolean
}

export class QueueCore {
  readonly entries = new Map<string, Entry>()
  readonly running = new Set<Entry>()
  readonly waiting = new DelayHeap<Entry>()
  readonly ready: ReadonlyArray<ReadyList<Entry>>
  readyCount = 0
  limit = Infinity
  closed = false
  adds = 0
  retries = 0
  private readonly onAdd: ((key: string, rank: Rank) => void) | undefined
  private passedOver = 0
  private nextOrder = 0

  constructor(ranks: number, onAdd: ((key: string, rank: Rank) => void) | undefined) {
    this.ready = Array.from({ length: ranks }, () => new ReadyList<Entry>())
    this.onAdd = onAdd
  }

  add(key: string, { rank, afterMs, respectBackoff }: Addition, now: number): void {
    if (this.closed) return
    const entry = this.entry(key)
    if (entry.pending === "none") {
      entry.rank = rank
      entry.yielding = respectBackoff
      if (afterMs > 0) this.wait(entry, now + afterMs, false)
      else this.makeReady(entry, now)
      return
    }
    entry.yielding &&= respectBackoff
    if (rank < entry.rank) this.raise(entry, rank)
    if (entry.pending === "ready" || (respectBackoff && entry.backingOff)) return
    if (afterMs <= 0) this.makeReady(entry, now)
    else if (now + afterMs < entry.dueAt) this.wait(entry, now + afterMs, false)
  }

  /** Counts a failure and answers how many there are now. */
  countFailure(key: string): number {
    this.retries++
    return ++this.entry(key).failures
  }

  /** Adds the key after its backoff. */
  backOff(key: string, rank: Rank, delayMs: number, now: number): void {
    if (this.closed) return
    const entry = this.entry(key)
    if (entry.pending === "ready") {
      // A nudge during the run is a reason to try again at once (law 3); a resync is not, or it would undo the backoff.
      if (!entry.running || !entry.yielding) return
      entry.pending = "none"
    }
    if (entry.pending === "none") entry.rank = rank
    if (entry.pending === "none" || now + delayMs < entry.dueAt) this.wait(entry, now + delayMs, true)
  }

  forget(key: string): void {
    const entry = this.entries.get(key)
    if (entry === undefined) return
    entry.failures = 0
    // What was scheduled before the run was merged into it when the key was taken; a delay that is pending now was
    // asked for during the run and is news (law 3).
    if (entry.pending === "waiting" && (entry.backingOff || !entry.running)) this.cancel(entry)
    this.dropIfIdle(entry)
  }

  /** How many keys could be taken now. */
  get takeable(): number {
    return Math.min(this.readyCount, this.limit - this.running.size)
  }

  /** When the earliest waiting key is due; Infinity if none waits. */
  get nextDue(): number {
    return this.waiting.head?.dueAt ?? Infinity
  }

  /** Closed, and nothing is left to take. */
  get ended(): boolean {
    return this.closed && this.readyCount === 0
  }

  take(now: number): Entry | undefined {
    if (this.takeable <= 0) return undefined
    const entry = this.next()
    if (entry === undefined) return undefined
    this.unlink(entry)
    entry.pending = "none"
    // Law 2: a key in a hand is in no list, so nobody else can take it.
    entry.running = true
    entry.startedAt = now
    entry.takenRank = entry.rank
    entry.queueMs = now - entry.readyAt
    this.running.add(entry)
    return entry
  }

  done(key: string): void {
    const entry = this.entries.get(key)
    if (entry?.running !== true) return
    entry.running = false
    this.running.delete(entry)
    // Law 3: added while it ran, so it runs once more.
    if (entry.pending === "ready") this.link(entry)
    else this.dropIfIdle(entry)
  }

  /** Makes ready what is due. */
  promote(now: number): void {
    for (let head = this.waiting.head; head !== undefined && head.dueAt <= now; head = this.waiting.head) {
      this.makeReady(head, now)
    }
  }

  /** Accepts nothing more and drops what waits for its time; with `discard` also what is ready or dirty. */
  close(discard: boolean): void {
    this.closed = true
    for (const entry of [...this.entries.values()]) {
      if (entry.pending === "waiting") this.cancel(entry)
      else if (discard && entry.pending === "ready") {
        if (!entry.running) this.unlink(entry)
        entry.pending = "none"
      }
      this.dropIfIdle(entry)
    }
  }

  /** Neither ready nor running. */
  isSettled(key: string): boolean {
    const entry = this.entries.get(key)
    return entry === undefined || (!entry.running && entry.pending !== "ready")
  }

  get isIdle(): boolean {
    return this.readyCount === 0 && this.running.size === 0
  }

  private entry(key: string): Entry {
    let entry = this.entries.get(key)
    if (entry === undefined) {
      entry = {
        key,
        pending: "none",
        rank: 0,
        readyAt: 0,
        order: 0,
        backingOff: false,
        yielding: false,
        running: false,
        startedAt: 0,
        takenRank: 0,
        queueMs: 0,
        failures: 0,
        dueAt: 0,
        heapIndex: -1,
        previous: undefined,
        next: undefined
      }
      this.entries.set(key, entry)
    }
    return entry
  }

  private dropIfIdle(entry: Entry): void {
    if (entry.pending === "none" && !entry.running && entry.failures === 0) this.entries.delete(entry.key)
  }

  private makeReady(entry: Entry, now: number): void {
    if (entry.pending === "waiting") this.cancel(entry)
    entry.pending = "ready"
    entry.readyAt = now
    this.adds++
    if (!entry.running) this.link(entry)
    this.onAdd?.(entry.key, entry.rank)
  }

  private wait(entry: Entry, dueAt: number, backingOff: boolean): void {
    entry.pending = "waiting"
    entry.backingOff = backingOff
    this.waiting.set(entry, dueAt)
  }

  private cancel(entry: Entry): void {
    this.waiting.remove(entry)
    entry.pending = "none"
    entry.backingOff = false
  }

  private raise(entry: Entry, rank: Rank): void {
    const linked = entry.pending === "ready" && !entry.running
    if (linked) this.unlink(entry)
    entry.rank = rank
    if (linked) this.link(entry)
  }

  private link(entry: Entry): void {
    entry.order = this.nextOrder++
    this.ready[entry.rank]?.push(entry)
    this.readyCount++
  }

  private unlink(entry: Entry): void {
    this.ready[entry.rank]?.remove(entry)
    this.readyCount--
  }

  /** The key whose turn it is: see `AGING_INTERVAL`. */
  private next(): Entry | undefined {
    let first: Entry | undefined
    let oldestOfRest: Entry | undefined
    for (const { head } of this.ready) {
      if (head === undefined) continue
      if (first === undefined) first = head
      else if (oldestOfRest === undefined || head.order < oldestOfRest.order) oldestOfRest = head
    }
    if (oldestOfRest === undefined || ++this.passedOver < AGING_INTERVAL) return first
    this.passedOver = 0
    return oldestOfRest
  }
}

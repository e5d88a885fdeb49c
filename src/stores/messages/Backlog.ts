/**
 * The open messages of one store: each conversation in order, the conversations in turn. Plain mutable data; the runtime
 * is single-threaded, so a synchronous call is atomic.
 */
import type { LedgerRow } from "./MessageLedger.ts"

const seqOf = (row: LedgerRow | undefined): number => row?.seq ?? 0

/** When a message may be attempted. One that was put off in the future was so before the clock was set back: it is due. */
const dueAt = (row: LedgerRow | undefined, now: number): number =>
  row === undefined || row.at > now ? 0 : (row.nextAttemptAt ?? 0)

export class Backlog {
  readonly #rows = new Map<string, LedgerRow>()
  /** Since when each open message has been known here: an attempt changes the row's own time. */
  readonly #since = new Map<string, number>()
  /** The ids of each conversation's open messages, oldest first. The map's own order is whose turn it is. */
  readonly #conversations = new Map<string, Array<string>>()
  /** Conversations with a message that is being handled, or whose answer is being committed. */
  readonly #active = new Set<string>()

  get size(): number {
    return this.#rows.size
  }

  get activeCount(): number {
    return this.#active.size
  }

  /** Since when the oldest open message has been known, in milliseconds since the epoch; undefined when none is open. */
  oldestAt(): number | undefined {
    let oldest: number | undefined
    for (const at of this.#since.values()) if (oldest === undefined || at < oldest) oldest = at
    return oldest
  }

  get(messageId: string): LedgerRow | undefined {
    return this.#rows.get(messageId)
  }

  /** The oldest open message of a conversation. */
  head(conversationId: string): LedgerRow | undefined {
    return this.#rows.get(this.#conversations.get(conversationId)?.[0] ?? "")
  }

  /** Messages whose answers are to be committed. */
  handled(): ReadonlyArray<LedgerRow> {
    return [...this.#rows.values()].filter(({ state }) => state === "handled")
  }

  /** Adds an open message in its place, or replaces what is known of it. */
  put(row: LedgerRow): void {
    const isKnown = this.#rows.has(row.messageId)
    this.#rows.set(row.messageId, row)
    if (isKnown) return
    this.#since.set(row.messageId, row.at)
    const ids = this.#conversations.get(row.conversationId)
    if (ids === undefined) {
      this.#conversations.set(row.conversationId, [row.messageId])
      return
    }
    // Nearly always the newest; a parked message that is tried again is older than what has come meanwhile.
    const behind = ids.findIndex((id) => seqOf(this.#rows.get(id)) > seqOf(row))
    ids.splice(behind === -1 ? ids.length : behind, 0, row.messageId)
  }

  /** The message is no longer open. */
  remove(messageId: string): void {
    const row = this.#rows.get(messageId)
    if (row === undefined) return
    this.#rows.delete(messageId)
    this.#since.delete(messageId)
    const ids = this.#conversations.get(row.conversationId) ?? []
    ids.splice(ids.indexOf(messageId), 1)
    if (ids.length === 0) this.#conversations.delete(row.conversationId)
  }

  activeConversations(): Iterable<string> {
    return this.#active
  }

  isActive(conversationId: string): boolean {
    return this.#active.has(conversationId)
  }

  activate(conversationId: string): void {
    this.#active.add(conversationId)
  }

  /** The conversation's next message may be handled. */
  release(conversationId: string): void {
    this.#active.delete(conversationId)
  }

  /** Takes the next conversation whose oldest message is due, and sends it to the end of the line. */
  take(now: number): string | undefined {
    for (const [conversationId, ids] of this.#conversations) {
      if (this.#active.has(conversationId) || dueAt(this.head(conversationId), now) > now) continue
      this.#active.add(conversationId)
      this.#conversations.delete(conversationId)
      this.#conversations.set(conversationId, ids)
      return conversationId
    }
    return undefined
  }

  /** When the first of the conversations that could be taken is due; undefined when there is none. */
  nextDueAt(now: number): number | undefined {
    let earliest: number | undefined
    for (const conversationId of this.#conversations.keys()) {
      if (this.#active.has(conversationId)) continue
      const due = dueAt(this.head(conversationId), now)
      if (earliest === undefined || due < earliest) earliest = due
    }
    return earliest
  }
}

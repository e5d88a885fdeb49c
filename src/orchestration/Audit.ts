/**
 * The audit trail: who did what from where, with the outcome. Append-only and hash-chained, so that a record that is
 * changed or taken away later breaks the chain behind it.
 */
import { createHash } from "node:crypto"
import * as Schema from "effect/Schema"

export const AuditEntry = Schema.Struct({
  /** Milliseconds since the epoch. */
  at: Schema.Number,
  /** `admin`, `controller`, or what the caller calls itself. */
  actor: Schema.String,
  /** Where the call came from; empty for the program itself. */
  address: Schema.String,
  /** Such as `loop.paused`, `removal.approved`, `store.stopped`. */
  action: Schema.String,
  /** A workspace, a plan's hash, a breaker; empty where it concerns everything. */
  subject: Schema.String,
  /** The reason that was given, or another detail. */
  detail: Schema.String,
  outcome: Schema.Literal("succeeded", "refused", "failed")
})
export type AuditEntry = typeof AuditEntry.Type

export const AuditRecord = Schema.Struct({
  seq: Schema.Number,
  ...AuditEntry.fields,
  /** SHA-256 over the hash of the record before and the content of this one, in hex. */
  hash: Schema.String
})
export type AuditRecord = typeof AuditRecord.Type

/** What a database gives back as it was given: half a character and NUL come back as something else. */
const lasting = (text: string): string => Buffer.from(text).toString().replaceAll("\0", "\ufffd")

/**
 * The entry as it will be read again. The chain is over what is kept: a reason that somebody has written with half a
 * character in it must not break it.
 */
export const lastingEntry = (entry: AuditEntry): AuditEntry => ({
  ...entry,
  actor: lasting(entry.actor),
  address: lasting(entry.address),
  subject: lasting(entry.subject),
  detail: lasting(entry.detail)
})

/** What stands before the first record. */
export const GENESIS = "0".repeat(64)

/** The hash of an entry that follows a record with `previousHash`. */
export const hashOf = (previousHash: string, seq: number, entry: AuditEntry): string =>
  createHash("sha256")
    .update(
      JSON.stringify([
        previousHash,
        seq,
        entry.at,
        entry.actor,
        entry.address,
        entry.action,
        entry.subject,
        entry.detail,
        entry.outcome
      ])
    )
    .digest("hex")

/** Whether a record is what follows that one, or is the first. */
export const follows = (previous: AuditRecord | undefined, record: AuditRecord): boolean =>
  record.seq === (previous?.seq ?? 0) + 1 &&
  record.hash === hashOf(previous?.hash ?? GENESIS, record.seq, record)

export interface Verification {
  readonly intact: boolean
  readonly records: number
  /** The first record that does not fit the one before it. */
  readonly firstBrokenSeq: number | null
}

/** Checks the chain from its first record on. */
export const verify = (records: Iterable<AuditRecord>): Verification => {
  let previous: AuditRecord | undefined
  let count = 0
  for (const record of records) {
    count += 1
    if (!follows(previous, record)) return { intact: false, records: count, firstBrokenSeq: record.seq }
    previous = record
  }
  return { intact: true, records: count, firstBrokenSeq: null }
}

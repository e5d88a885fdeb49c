/**
 * Checks the audit trail's chain at the start and every hour, a page at a time and from its newest record back, so that
 * who changes what was recorded is found out without anybody asking.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Supervised from "../controller/Supervised.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { follows, type AuditRecord } from "./Audit.ts"
import { StateStore } from "./StateStore.ts"

const EVERY = "1 hour"
/** Records that are read and hashed in one step, which takes a few milliseconds, and how long others have between two. */
const PAGE = 250
const BETWEEN_PAGES = "10 millis"

const intact = gauge(
  "wso_audit_chain_intact",
  "1 while every record of the audit trail fits the one before it, as of the hourly check"
)

/** The sequence number of the newest record that does not fit the one before it; null if all do. */
export const check: Effect.Effect<number | null, never, StateStore> = Effect.gen(function* () {
  const { audit } = yield* StateStore
  let later: AuditRecord | undefined
  for (;;) {
    const page = yield* audit.read({ limit: PAGE, before: later?.seq ?? null, action: null })
    for (const record of page) {
      if (later !== undefined && !follows(record, later)) return later.seq
      later = record
    }
    if (page.length < PAGE) return later === undefined || follows(undefined, later) ? null : later.seq
    yield* Effect.sleep(BETWEEN_PAGES)
  }
})

const watch = Effect.gen(function* () {
  const brokenSeq = yield* check
  intact.set(brokenSeq === null ? 1 : 0)
  if (brokenSeq !== null) {
    yield* Effect.logError("audit.chain_broken").pipe(Effect.annotateLogs({ seq: brokenSeq }))
  }
})

/** Until the scope closes. A trail that cannot be read now is checked an hour later. */
export const layer: Layer.Layer<never, never, StateStore> = Layer.scopedDiscard(
  Supervised.run(
    "audit-watch",
    watch.pipe(
      Effect.catchAllDefect((defect) => Effect.logError("audit.not_checked", defect)),
      Effect.repeat(Schedule.spaced(EVERY))
    ),
    { isVital: false }
  )
)

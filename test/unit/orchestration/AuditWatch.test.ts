import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import type { AuditEntry, AuditRecord } from "../../../src/orchestration/Audit.ts"
import { GENESIS, hashOf } from "../../../src/orchestration/Audit.ts"
import * as AuditWatch from "../../../src/orchestration/AuditWatch.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"
import * as Prometheus from "../../../src/telemetry/Prometheus.ts"
import { parse } from "../../support/PrometheusText.ts"

const entry = (at: number): AuditEntry => ({
  at,
  actor: "ada",
  address: "127.0.0.1",
  action: "loop.paused",
  subject: "",
  detail: "",
  outcome: "succeeded"
})

const chainOf = (length: number): Array<AuditRecord> => {
  const records: Array<AuditRecord> = []
  for (let seq = 1; seq <= length; seq++) {
    const one = entry(seq)
    records.push({ seq, ...one, hash: hashOf(records.at(-1)?.hash ?? GENESIS, seq, one) })
  }
  return records
}

/** A state whose audit trail is these records, whatever was done to them. */
const stateOf = (records: ReadonlyArray<AuditRecord>): Layer.Layer<StateStore.StateStore> =>
  Layer.effect(
    StateStore.StateStore,
    Effect.map(StateStore.StateStore, (state) => ({
      ...state,
      audit: {
        ...state.audit,
        read: ({ before, limit }: StateStore.AuditQuery) =>
          Effect.sync(() =>
            records
              .filter(({ seq }) => before === null || seq < before)
              .toReversed()
              .slice(0, limit)
          )
      }
    }))
  ).pipe(Layer.provide(StateStore.layerMemory))

/** Reads page after page, with pauses in between. */
const checked = (records: ReadonlyArray<AuditRecord>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(AuditWatch.check)
    yield* TestClock.adjust("1 minute")
    return yield* fiber
  }).pipe(Effect.provide(stateOf(records)))

const gauge = Effect.map(
  Prometheus.render,
  (text) => parse(text).get("wso_audit_chain_intact")?.samples[0]?.value
)

describe("the watch over the audit trail", () => {
  it.effect("finds nothing in a trail as it was written, however long", () =>
    Effect.gen(function* () {
      for (const length of [0, 1, 249, 250, 251, 700])
        expect([length, yield* checked(chainOf(length))]).toEqual([length, null])
    })
  )

  it.effect("finds a record that was changed, taken away or put first", () =>
    Effect.gen(function* () {
      const changed = chainOf(700)
      changed.splice(99, 1, { seq: 100, ...entry(100), actor: "eve", hash: changed[99]?.hash ?? "" })
      expect(yield* checked(changed)).toBe(100)
      const missing = chainOf(700)
      missing.splice(249, 1)
      expect(yield* checked(missing)).toBe(251)
      expect(yield* checked(chainOf(3).slice(1))).toBe(2)
    })
  )

  it.effect("finds a record that was written anew, with a hash that fits it", () =>
    Effect.gen(function* () {
      const records = chainOf(5)
      const forged = { ...entry(3), actor: "eve" }
      records[2] = { seq: 3, ...forged, hash: hashOf(records.at(1)?.hash ?? GENESIS, 3, forged) }
      expect(yield* checked(records)).toBe(4)
    })
  )

  it.effect("looks at the start and every hour, and says what it has found", () =>
    Effect.gen(function* () {
      const records = chainOf(3)
      yield* Layer.build(Layer.provide(AuditWatch.layer, stateOf(records)))
      yield* TestClock.adjust("1 second")
      expect(yield* gauge).toBe(1)
      records.splice(1, 1, { seq: 2, ...entry(2), detail: "it was Bob", hash: records[1]?.hash ?? "" })
      yield* TestClock.adjust("59 minutes")
      expect(yield* gauge).toBe(1)
      yield* TestClock.adjust("2 minutes")
      expect(yield* gauge).toBe(0)
    }).pipe(Effect.scoped)
  )
})

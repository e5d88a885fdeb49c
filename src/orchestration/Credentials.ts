/**
 * The secrets that this server has: since when, and how often each has been presented to it, so that an operator sees
 * when an old one may be dropped. Nothing here shows a secret: what tells two apart is eight hex digits of a digest.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import { counters, gauges } from "../telemetry/Metrics.ts"
import { StateStore } from "./StateStore.ts"

/** A variable that takes secrets, with those that are active. */
export interface Credential {
  /** As the environment names it. */
  readonly variable: string
  readonly values: ReadonlyArray<Redacted.Redacted>
  /** Whether others prove themselves with it to this server; else this server only sends it. */
  readonly isPresented: boolean
}

/** The first of two is `current`: the one that is sent, where one is sent. */
export type Slot = "current" | "next"

export interface SecretView {
  readonly slot: Slot
  /** `sha256:` and eight hex digits. */
  readonly fingerprint: string
  /** Since the start; null if nobody presents it here. */
  readonly uses: number | null
  readonly lastUsedAt: string | null
  /** When this server first had it, over restarts. */
  readonly firstSeenAt: string
  readonly ageMs: number
}

export interface CredentialView {
  readonly variable: string
  readonly isSet: boolean
  readonly secrets: ReadonlyArray<SecretView>
}

export class Credentials extends Context.Tag("workspace-orchestrator/orchestration/Credentials")<
  Credentials,
  {
    /** Counts a proof with the secret at this place of the variable's. Synchronous; must not throw. */
    readonly used: (variable: string, place: number) => void
    readonly views: Effect.Effect<ReadonlyArray<CredentialView>>
    /** Takes the gauges as of now. */
    readonly measure: Effect.Effect<void>
  }
>() {}

const FINGERPRINT_DIGITS = 8
const MS_PER_SECOND = 1_000

const uses = counters(
  "wso_auth_used_total",
  "Proofs of identity that were accepted, by the secret they were made with",
  ["credential", "slot"]
)
const ages = gauges("wso_secret_age_seconds", "For how long this server has had a secret, over restarts", [
  "secret",
  "slot"
])

const fingerprintOf = (secret: Redacted.Redacted): string =>
  `sha256:${createHash("sha256").update(Redacted.value(secret)).digest("hex").slice(0, FINGERPRINT_DIGITS)}`

const slotOf = (place: number): Slot => (place === 0 ? "current" : "next")

interface Active {
  readonly slot: Slot
  readonly fingerprint: string
  readonly firstSeenAt: number
  uses: number
  lastUsedAt: number | null
}

export const make = (credentials: ReadonlyArray<Credential>) =>
  Effect.gen(function* () {
    const state = yield* StateStore
    const clock = yield* Effect.clock
    const startedAt = yield* Clock.currentTimeMillis
    const active = new Map<string, ReadonlyArray<Active>>()
    for (const { values, variable } of credentials) {
      const fingerprints = values.map(fingerprintOf)
      const firstSeen = yield* state.secrets.seen(variable, fingerprints, startedAt)
      active.set(
        variable,
        fingerprints.map((fingerprint, place) => ({
          slot: slotOf(place),
          fingerprint,
          firstSeenAt: firstSeen.get(fingerprint) ?? startedAt,
          uses: 0,
          lastUsedAt: null
        }))
      )
    }
    for (const { isPresented, variable } of credentials) {
      for (const { slot } of active.get(variable) ?? []) if (isPresented) uses(variable.toLowerCase(), slot)
    }

    return Credentials.of({
      used: (variable, place) => {
        const secret = active.get(variable)?.[place]
        if (secret === undefined) return
        secret.uses++
        secret.lastUsedAt = clock.unsafeCurrentTimeMillis()
        uses(variable.toLowerCase(), secret.slot).add()
      },
      views: Effect.map(Clock.currentTimeMillis, (now) =>
        credentials.map(({ isPresented, variable }) => {
          const secrets = active.get(variable) ?? []
          return {
            variable,
            isSet: secrets.length > 0,
            secrets: secrets.map(({ fingerprint, firstSeenAt, lastUsedAt, slot, uses: count }) => ({
              slot,
              fingerprint,
              uses: isPresented ? count : null,
              lastUsedAt: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
              firstSeenAt: new Date(firstSeenAt).toISOString(),
              ageMs: Math.max(0, now - firstSeenAt)
            }))
          }
        })
      ),
      measure: Effect.map(Clock.currentTimeMillis, (now) => {
        for (const [variable, secrets] of active) {
          for (const { firstSeenAt, slot } of secrets) {
            ages(variable.toLowerCase(), slot).set(Math.max(0, now - firstSeenAt) / MS_PER_SECOND)
          }
        }
      })
    })
  })

export const layer = (credentials: ReadonlyArray<Credential>): Layer.Layer<Credentials, never, StateStore> =>
  Layer.effect(Credentials, make(credentials))

/**
 * Who tried to come in and was refused: a log line and a record of the audit trail, sampled. The first refusal of an address
 * is told at once; those that follow are counted and told once an interval. Memory, log and audit trail are bounded
 * however many addresses try.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { StateStore } from "../orchestration/StateStore.ts"
import { sourceOf } from "./IpList.ts"
import { routeOf } from "./Routes.ts"
import * as TokenBucket from "./TokenBucket.ts"

/** Between two lines about the same address and reason, in milliseconds. */
export const KNOCK_INTERVAL_MS = 60_000
/** Addresses (with their reasons) that are told apart within an interval; the others are counted together. */
const MAX_SOURCES = 1_000
/** Lines and records about single addresses: an address that comes beyond this rate is counted among the others. */
const TOLD: TokenBucket.Options = { burst: 30, perSecond: 0.1 }
/** The address under which those are counted that are not told apart. */
export const OTHERS = "others"

/** What was to be entered: the admin API, the webhooks, the chat commands; `address`: a list refuses the address itself. */
export type Door = "admin" | "webhook" | "chatops" | "address"

export interface Knock {
  readonly door: Door
  /** A word of ours, such as `wrong`, `signature` or `locked-out`. */
  readonly reason: string
  readonly address: string
  /** The path that was asked for. Only its route is written down: a sender chooses the rest. */
  readonly path: string
}

export class Knocks extends Context.Tag("workspace-orchestrator/http/Knocks")<
  Knocks,
  {
    /** Tells of a refused request, or counts it. Never fails, and never waits for more than the record of one. */
    readonly knocked: (knock: Knock) => Effect.Effect<void>
    /** Tells what was counted and not told. */
    readonly flush: Effect.Effect<void>
  }
>() {}

interface Fields {
  readonly reason: string
  readonly address: string
  readonly route: string
  readonly count: number
}

const lines: Readonly<Record<Door, (fields: Fields) => Effect.Effect<void>>> = {
  admin: (fields) => Effect.logWarning("admin.refused", fields),
  webhook: (fields) => Effect.logWarning("workspace_webhook.refused", fields),
  chatops: (fields) => Effect.logWarning("chatops.refused", fields),
  address: (fields) => Effect.logWarning("address.refused", fields)
}

/** Who is written down for a request that did not prove who sends it. */
const UNPROVEN_ACTOR = "unproven"
const action = "access.refused"

interface Source {
  readonly knock: Knock
  toldAt: number
  /** Refusals since then. */
  untold: number
}

const make = Effect.gen(function* () {
  const { audit } = yield* StateStore
  const budget = TokenBucket.make(TOLD)
  const sources = new Map<string, Source>()

  const tell = ({ address, door, path, reason }: Knock, count: number) =>
    Effect.gen(function* () {
      const route = routeOf(path)
      yield* lines[door]({ reason, address, route, count })
      const times = count === 1 ? "once" : `${count} times`
      yield* audit.append({
        at: yield* Clock.currentTimeMillis,
        actor: UNPROVEN_ACTOR,
        address,
        action,
        subject: door,
        detail: `${reason} ${times}${route === "" ? "" : `, ${route}`}`,
        outcome: "refused"
      })
    }).pipe(
      // What cannot be written down must not change the answer; the state's own health says that it cannot.
      Effect.catchAllCause(() => Effect.void)
    )

  const sourceFor = (knock: Knock, address: string, hasRoom: boolean): Source => {
    const key = `${knock.door}\n${knock.reason}\n${address}`
    const known = sources.get(key)
    if (known !== undefined) return known
    const isCrowded = sources.size >= MAX_SOURCES || !hasRoom
    if (isCrowded && address !== OTHERS) return sourceFor(knock, OTHERS, hasRoom)
    const fresh = {
      // The routes of many senders have no one name.
      knock: address === OTHERS ? { ...knock, address, path: "" } : knock,
      toldAt: -Infinity,
      untold: 0
    }
    sources.set(key, fresh)
    return fresh
  }

  /** Tells of a source if it is its time and there is room for it; else it stays counted. The others always have room. */
  const tellOf = (source: Source, now: number) =>
    Effect.gen(function* () {
      if (source.untold === 0 || now - source.toldAt < KNOCK_INTERVAL_MS) return
      if (source.knock.address !== OTHERS && (yield* budget.take) > 0) return
      const count = source.untold
      source.untold = 0
      source.toldAt = now
      yield* tell(source.knock, count)
    })

  const flush = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const [key, source] of sources) {
      yield* tellOf(source, now)
      if (source.untold === 0 && now - source.toldAt >= KNOCK_INTERVAL_MS) sources.delete(key)
    }
  })

  // A burst that has ended is told with its count, though nothing comes any more.
  yield* Effect.forkScoped(Effect.repeat(flush, Schedule.spaced(KNOCK_INTERVAL_MS)))

  return Knocks.of({
    knocked: (knock) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const hasRoom = (yield* budget.peek) === 0
        const source = sourceFor(knock, sourceOf(knock.address), hasRoom)
        source.untold += 1
        yield* tellOf(source, now)
      }),
    flush
  })
})

export const layer: Layer.Layer<Knocks, never, StateStore> = Layer.scoped(Knocks, make)

/**
 * A simulated Auth Worker: the source of truth, the HTTP answers it gives, and the ways in which it can be sick. The
 * server's own client of it runs on top.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Life } from "./Life.ts"
import type { Seeded } from "./Seeded.ts"
import type { Told } from "./Told.ts"

/** Which of the contract's extensions this Auth Worker offers. */
export interface Profile {
  readonly revision: boolean
  readonly environment: boolean
  /** The most rows of one page; null: no pages. */
  readonly pageSize: number | null
  readonly changes: boolean
  readonly get: boolean
  /** Whether it says how many workspaces there are. */
  readonly total: boolean
  /** Answers take so long, in milliseconds, at most. */
  readonly latencyMs: number
}

/** What is wrong with an answer. */
export const sicknesses = [
  "error",
  "hang",
  "reset",
  "rate-limited",
  "forbidden",
  "not-json",
  "malformed-row",
  "renamed-field",
  "empty-list",
  "truncated",
  "cut-body",
  "stale",
  "foreign",
  "partial",
  "torn",
  "slow",
  "stray-404",
  "wrongly-gone",
  "wrongly-there",
  "feed-too-old",
  "feed-gap"
] as const
export type Sickness = (typeof sicknesses)[number]

/** For a time, some of the answers are wrong in one way. */
export interface Illness {
  readonly sickness: Sickness
  /** In the world's time, milliseconds. */
  readonly until: number
  /** The part of the answers that it befalls. */
  readonly rate: number
  /** The workspaces that a `partial` list lacks. */
  readonly hides: ReadonlySet<string>
  readonly retryAfterS: number
}

interface Change {
  readonly revision: number
  readonly kind: "upsert" | "delete"
  readonly instanceId: string
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
  readonly told: Told
  readonly cutAt?: number
}

type Reply = Answer | "hang" | "reset"

const FIRST_REVISION = 100
const ENVIRONMENT = "production"
/** How far a stale replica is behind, in changes. */
const STALE_CHANGES = 3
/** Longer than the server waits for an answer. */
const SLOW_MS = 12_000

const rowOf = (instanceId: string) => ({
  instanceId,
  userId: "user-1",
  name: "A workspace",
  isDefault: false
})
const nothing: Told = { _tag: "Nothing" }

export class Source {
  readonly profile: Profile
  readonly ids = new Set<string>()
  requests = 0
  /** How many answers of each kind of illness have been given. */
  readonly given = new Map<Sickness, number>()
  private readonly initial: ReadonlyArray<string>
  private readonly log: Array<Change> = []
  private illnesses: ReadonlyArray<Illness> = []
  private readonly random: Seeded
  private readonly now: () => number

  constructor(profile: Profile, initial: ReadonlyArray<string>, random: Seeded, now: () => number) {
    this.profile = profile
    this.initial = initial
    this.random = random
    this.now = now
    for (const id of initial) this.ids.add(id)
  }

  get revision(): number {
    return FIRST_REVISION + this.log.length
  }

  create(instanceId: string): boolean {
    if (this.ids.has(instanceId)) return false
    this.ids.add(instanceId)
    this.log.push({ revision: this.revision + 1, kind: "upsert", instanceId })
    return true
  }

  remove(instanceId: string): boolean {
    if (!this.ids.delete(instanceId)) return false
    this.log.push({ revision: this.revision + 1, kind: "delete", instanceId })
    return true
  }

  fallIll(illness: Illness): void {
    this.illnesses = [...this.illnesses, illness]
  }

  heal(): void {
    this.illnesses = []
  }

  get isHealthy(): boolean {
    return this.illnesses.every(({ until }) => until <= this.now())
  }

  /** The Auth Worker as one life of the server reaches it. */
  layer(life: Life, hear: (told: Told) => void): Layer.Layer<HttpClient.HttpClient> {
    return Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make((request, url) => this.exchange(life, request, url, hear))
    )
  }

  private exchange(
    life: Life,
    request: HttpClientRequest.HttpClientRequest,
    url: URL,
    hear: (told: Told) => void
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> {
    return Effect.suspend(() => {
      life.touch("source", `asked ${url.pathname}${url.search}`)
      this.requests++
      const slow = this.sick("slow") !== undefined
      const wayThereMs = slow ? this.random.int(SLOW_MS) : this.random.int(this.profile.latencyMs + 1)
      const wayBackMs = this.random.int(this.profile.latencyMs + 1)
      return Effect.gen(this, function* () {
        yield* Effect.sleep(wayThereMs)
        const reply = this.answer(url, request.headers)
        if (reply === "hang") return yield* Effect.async<never>(() => undefined)
        yield* Effect.sleep(wayBackMs)
        if (reply === "reset") {
          life.touch("source", "connection reset")
          return yield* new HttpClientError.RequestError({
            request,
            reason: "Transport",
            description: "reset"
          })
        }
        const response = HttpClientResponse.fromWeb(
          request,
          new Response(null, { status: reply.status, headers: reply.headers ?? {} })
        )
        const deliver = Effect.sync(() => {
          life.touch("source", `answered ${url.pathname}: ${reply.status} ${describe(reply.told)}`)
          if (life.isAlive) hear(reply.told)
        })
        const { cutAt } = reply
        const stream =
          cutAt === undefined
            ? Stream.fromEffect(Effect.as(deliver, new TextEncoder().encode(reply.body)))
            : Stream.concat(
                Stream.succeed(new TextEncoder().encode(reply.body.slice(0, cutAt))),
                Stream.fail(new HttpClientError.ResponseError({ request, response, reason: "Decode" }))
              )
        // An answer without a body that the client reads has been told with its status.
        if (reply.status === 304 || reply.status === 410) yield* deliver
        // In one piece and without a promise: the only other way into the runtime would be Node's own streams.
        Object.defineProperty(response, "stream", { value: stream })
        return response
      })
    })
  }

  private sick(...kinds: ReadonlyArray<Sickness>): Illness | undefined {
    for (const illness of this.illnesses) {
      if (!kinds.includes(illness.sickness) || illness.until <= this.now()) continue
      if (!this.random.chance(illness.rate)) continue
      this.given.set(illness.sickness, (this.given.get(illness.sickness) ?? 0) + 1)
      return illness
    }
    return undefined
  }

  private answer(url: URL, headers: Readonly<Record<string, string | undefined>>): Reply {
    if (this.sick("hang") !== undefined) return "hang"
    if (this.sick("reset") !== undefined) return "reset"
    const refused = this.sick("error", "rate-limited", "forbidden", "not-json")
    if (refused !== undefined) return refusal(refused)
    const { pathname, searchParams } = url
    if (pathname === "/internal/workspaces") return this.list(searchParams, headers["if-none-match"])
    if (pathname === "/internal/workspaces/changes") return this.changes(searchParams)
    return this.byId(decodeURIComponent(pathname.slice("/internal/workspaces/".length)))
  }

  /** The set as it was `changes` changes ago. */
  private setAt(revision: number): ReadonlyArray<string> {
    const ids = new Set(this.initial)
    for (const change of this.log) {
      if (change.revision > revision) break
      if (change.kind === "upsert") ids.add(change.instanceId)
      else ids.delete(change.instanceId)
    }
    return [...ids]
  }

  private behind(): number {
    return Math.max(FIRST_REVISION, this.revision - 1 - this.random.int(STALE_CHANGES))
  }

  private get features(): ReadonlyArray<string> {
    const { changes, get, pageSize, revision } = this.profile
    return [
      ...(revision ? ["revision"] : []),
      ...(pageSize !== null ? ["pages"] : []),
      ...(changes ? ["changes"] : []),
      ...(get ? ["get"] : [])
    ]
  }

  private list(query: URLSearchParams, knownTag: string | undefined): Reply {
    const { profile } = this
    const cursor = query.get("cursor")
    const isStale = this.sick("stale") !== undefined || (cursor !== null && this.sick("torn") !== undefined)
    const revision = isStale ? this.behind() : this.revision
    const isForeign = this.sick("foreign") !== undefined
    let ids = isForeign ? ["foreign-1", "foreign-2"] : [...this.setAt(revision)].sort()
    const total = ids.length
    const hidden = this.sick("partial")?.hides
    if (hidden !== undefined) ids = ids.filter((id) => !hidden.has(id))
    if (this.sick("empty-list") !== undefined) ids = []
    const isTruncated = this.sick("truncated") !== undefined
    // Content that is not that of the revision has a tag of its own: a tag that lies could never be found out.
    const tag = `"r${revision} ${isTruncated ? "truncated" : ids.join()}"`
    if (profile.revision && !isForeign && knownTag === tag) {
      return { status: 304, body: "", told: { _tag: "NotModified" } }
    }
    const from = ids.filter((id) => cursor !== null && id <= cursor).length
    const pageSize = query.has("limit") ? profile.pageSize : null
    const page = pageSize === null ? ids : ids.slice(from, from + pageSize)
    const nextCursor = pageSize !== null && from + page.length < ids.length ? (page.at(-1) ?? null) : null
    // What a list hides it does not count either: such a list can only be told by what it lacks.
    const announced = profile.total ? (hidden === undefined && ids.length > 0 ? total : ids.length) : null
    const rows = isTruncated ? page.slice(0, Math.floor(page.length / 2)) : page
    const isMalformed = this.sick("malformed-row") !== undefined
    const isRenamed = this.sick("renamed-field") !== undefined
    const body = {
      [isRenamed ? "items" : "workspaces"]: [
        ...rows.map(rowOf),
        ...(isMalformed ? [{ ...rowOf("x"), instanceId: 17 }] : [])
      ],
      metadata: {
        features: this.features,
        ...(profile.revision ? { revision: String(revision) } : {}),
        ...(profile.environment ? { environmentId: isForeign ? "staging" : ENVIRONMENT } : {}),
        ...(announced === null ? {} : { totalUsers: 1, totalWorkspaces: announced }),
        ...(nextCursor === null ? {} : { nextCursor })
      }
    }
    const text = JSON.stringify(body)
    const isCut = this.sick("cut-body") !== undefined
    return {
      status: 200,
      ...(profile.revision ? { headers: { etag: tag } } : {}),
      body: text,
      ...(isCut ? { cutAt: Math.floor(text.length / 2) } : {}),
      told: {
        _tag: "Page",
        isFirst: cursor === null,
        isReadable: !isMalformed && !isRenamed,
        ids: rows,
        nextCursor,
        revision: profile.revision ? revision : null,
        environmentId: profile.environment ? (isForeign ? "staging" : ENVIRONMENT) : null,
        total: announced,
        offersGet: profile.get
      }
    }
  }

  private changes(query: URLSearchParams): Reply {
    const since = Number(query.get("since"))
    if (this.sick("feed-too-old") !== undefined) return { status: 410, body: "", told: nothing }
    const revision = this.sick("stale") !== undefined ? this.behind() : this.revision
    const gap = this.sick("feed-gap") !== undefined ? this.random.int(2) : -1
    const behind = this.log.filter((change) => change.revision > since && change.revision <= revision)
    const limit = this.profile.pageSize ?? Infinity
    const sent = behind.slice(0, limit).filter((_, index) => index !== gap)
    const hasMore = behind.length > limit
    const body = {
      changes: sent.map(({ instanceId, kind, revision }) => ({
        revision: String(revision),
        kind,
        instanceId
      })),
      revision: String(revision),
      hasMore
    }
    return {
      status: 200,
      body: JSON.stringify(body),
      told: { _tag: "Changes", since, changes: sent, revision, hasMore }
    }
  }

  private byId(instanceId: string): Reply {
    if (this.sick("stray-404") !== undefined)
      return { status: 404, body: "<html>not found</html>", told: nothing }
    const there =
      this.sick("wrongly-gone") !== undefined
        ? false
        : this.sick("wrongly-there") !== undefined || this.ids.has(instanceId)
    const told: Told = { _tag: "ById", instanceId, exists: there }
    return there
      ? { status: 200, body: JSON.stringify(rowOf(instanceId)), told }
      : {
          status: 404,
          body: JSON.stringify({ error: { code: "WORKSPACE_NOT_FOUND", message: "gone" } }),
          told
        }
  }
}

const refusal = ({ retryAfterS, sickness }: Illness): Answer => {
  if (sickness === "rate-limited") {
    return { status: 429, headers: { "retry-after": String(retryAfterS) }, body: "", told: nothing }
  }
  if (sickness === "forbidden") return { status: 403, body: "", told: nothing }
  if (sickness === "not-json") return { status: 200, body: "<html>captive portal</html>", told: nothing }
  return { status: 500, body: "", told: nothing }
}

const describe = (told: Told): string => {
  switch (told._tag) {
    case "Nothing":
      return ""
    case "NotModified":
      return "not modified"
    case "Page":
      return `r${told.revision ?? "-"} [${told.ids.join(" ")}]${told.nextCursor === null ? "" : " …"}${told.isReadable ? "" : " unreadable"}`
    case "Changes":
      return `r${told.revision} ${told.changes.map(({ instanceId, kind }) => `${kind === "delete" ? "-" : "+"}${instanceId}`).join(" ")}`
    case "ById":
      return `${told.instanceId} ${told.exists ? "exists" : "is gone"}`
  }
}

/**
 * The directory of an Auth Worker, over HTTP (wire contract, section 1). It reads a list or fails: there is no
 * answer of a sick source that comes out as a smaller world (law 5).
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { describeFailure, failureOf } from "../transport/Failure.ts"
import { withoutRedirects } from "../transport/HttpClients.ts"
import { redirectSentence } from "../transport/Outgoing.ts"
import { isRedirect, targetOf } from "../transport/Redirect.ts"
import { parseUrl } from "../transport/UrlText.ts"
import * as Budget from "./Budget.ts"
import {
  DirectoryInconsistent,
  DirectoryMalformed,
  DirectoryMoved,
  DirectoryRejected,
  DirectoryUnavailable,
  type DirectoryError
} from "./DirectoryError.ts"
import * as DirectoryMetrics from "./DirectoryMetrics.ts"
import {
  ChangesBody,
  InstancesBody,
  knownFeatures,
  ListEnvelope,
  NotFoundBody,
  UserNotFoundBody,
  WorkspaceRow,
  type Feature
} from "./Workspace.ts"
import { idsOf, lookalikesOf } from "./Rows.ts"
import { WorkspaceDirectory, type Changes, type Listing } from "./WorkspaceDirectory.ts"

export interface Options {
  /** Such as `https://auth.example.com`, with or without a path. */
  readonly baseUrl: string
  readonly token: Redacted.Redacted
  /** The longest that one request may take, its body included. Defaults to 10 s. */
  readonly timeoutMs?: number
  /** How often a call that failed for want of an answer is made again, within one refresh. Defaults to 2. */
  readonly retries?: number
  /** The largest body that is read. Defaults to 64 MiB: some 300,000 rows. */
  readonly maxBodyBytes?: number
  /** The most rows of a whole listing. Defaults to 300,000: far more than one process can monitor. */
  readonly maxRows?: number
  /** The longest that a whole listing may take, all pages and retries included. Defaults to 2 min. */
  readonly listingTimeoutMs?: number
  /** Hears of every request and of what the answers say about limits. */
  readonly budget?: Budget.Budget
}

/** The contract's upper bound. */
const PAGE_SIZE = 1_000
/** A listing of more pages than this is taken for a loop, and so are so many pages in a row without a row. */
const MAX_PAGES = 10_000
const MAX_EMPTY_PAGES = 10
/** The bodies of all pages of a listing together: no more than so many of the largest that is read at once. */
const MAX_LISTING_BODIES = 4
/** Objects and arrays that one body may have for each row that it may have: parsing them costs memory, empty ones too. */
const CONTAINERS_PER_ROW = 8
/** One row, and the instances of one user. */
const MAX_SMALL_BODY_BYTES = 1_048_576
/** How often a listing starts again because the set changed between two of its pages. */
const MAX_LISTING_RESTARTS = 3
/** Between two attempts of a call: 100 ms · 2^n, jittered. */
const RETRY_BASE = "100 millis"
/** A `Retry-After` of more than an hour is cut. */
const MAX_RETRY_AFTER_MS = 3_600_000

const featureSet = (announced: ReadonlyArray<string> | null | undefined): ReadonlySet<Feature> =>
  new Set(knownFeatures.filter((feature) => announced?.includes(feature)))

/** `Retry-After` in milliseconds: whole seconds or an HTTP date. */
const retryAfterMs = (header: string | undefined, now: number): number | null => {
  if (header === undefined) return null
  const seconds = /^[0-9]{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isFinite(seconds) ? Math.min(Math.max(0, seconds), MAX_RETRY_AFTER_MS) : null
}

/** The first place in which a body breaks the schema: where and what was expected, never the value. */
const malformed = (
  error: ParseResult.ParseError,
  /** Where in the body that is which was decoded. */
  within: ReadonlyArray<string> = []
): DirectoryMalformed => {
  const issue = ParseResult.ArrayFormatter.formatErrorSync(error)[0]
  const place = [...within, ...(issue?.path.map(String) ?? [])]
  const path = place.length === 0 ? "body" : place.join(".")
  const expectation = issue?.message.split(", actual ")[0] ?? "not as the contract says"
  return new DirectoryMalformed({
    path,
    message: `The directory's answer is malformed at ${path}: ${expectation}`
  })
}

const malformedBody = (problem: string): DirectoryMalformed =>
  new DirectoryMalformed({ path: "body", message: `The directory's answer ${problem}` })

const NANOS_PER_MS = 1_000_000
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b

/** How many objects and arrays a text could begin: an upper bound, since a brace may stand within a string. */
const containersIn = (bytes: Uint8Array): number => {
  let count = 0
  for (const byte of bytes) if (byte === OPEN_BRACE || byte === OPEN_BRACKET) count++
  return count
}

/** The tag without the mark of a weak one. */
const strong = (etag: string): string => etag.replace(/^W\//, "")

/** What a server answers to a route that it does not have, or that is not for us. */
const NOT_OFFERED: ReadonlyArray<number> = [401, 403, 404, 405, 501]

const pathOf = (url: string): string => parseUrl(url)?.pathname ?? "such path"

const isTransient = (error: DirectoryError): boolean =>
  error._tag === "DirectoryUnavailable" && error.retryAfterMs === null && error.reason !== "timeout"

const make = (options: Options) =>
  Effect.gen(function* () {
    const client = withoutRedirects(yield* HttpClient.HttpClient)
    const timeoutMs = options.timeoutMs ?? 10_000
    const maxBodyBytes = options.maxBodyBytes ?? 64 * 1_048_576
    const maxRows = options.maxRows ?? 300_000
    const listingTimeoutMs = options.listingTimeoutMs ?? 120_000
    const base = options.baseUrl.replace(/\/+$/, "")
    /** The tag of the newest full listing, and the revision that it was of. */
    let newest: { readonly etag: string; readonly revision: string } | undefined

    const origin = new URL(base).host
    const budget = options.budget ?? Budget.make()
    const monotonicMs = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / NANOS_PER_MS)

    const networkError = (error: HttpClientError.HttpClientError): DirectoryUnavailable => {
      const failure = failureOf(error.cause)
      return new DirectoryUnavailable({
        reason: "network",
        status: null,
        code: failure.code,
        retryAfterMs: null,
        message: `The directory cannot be reached at ${origin}: ${describeFailure(failure)}`
      })
    }

    /** A refused token, a host that has moved and one that is ill must not look alike: each wants another remedy. */
    const statusError = (response: HttpClientResponse.HttpClientResponse, now: number): DirectoryError => {
      const { headers, status } = response
      if (isRedirect(status)) {
        const target = targetOf(headers["location"], response.request.url)
        return new DirectoryMoved({
          status,
          target,
          message: `The directory at ${origin} ${redirectSentence(status, target)}`
        })
      }
      const isPage = headers["content-type"]?.includes("html") === true
      const page = `with a web page: what answers at ${origin} may be a proxy, a log-in page or another host`
      if (status === 401 || status === 403) {
        return new DirectoryRejected({
          status,
          message: isPage
            ? `The directory answers ${status} ${page}; if the address is right, SERVER_BYPASS_TOKEN is refused`
            : `The directory refuses SERVER_BYPASS_TOKEN (${status})`
        })
      }
      return new DirectoryUnavailable({
        reason: "status",
        status,
        retryAfterMs: retryAfterMs(headers["retry-after"], now),
        message:
          status === 404
            ? `The directory answers 404: ${origin} has no ${pathOf(response.request.url)}; check host and path of the Auth Worker's URL`
            : `The directory answers ${status}${isPage ? ` ${page}` : ""}`
      })
    }

    const tooLarge = (what: string, limit: number): DirectoryMalformed =>
      malformedBody(`has more than ${limit} ${what}, which is not read`)

    const readText = (response: HttpClientResponse.HttpClientResponse, maxBytes: number) =>
      response.stream.pipe(
        Stream.mapError(networkError),
        Stream.runFoldEffect(
          { size: 0, containers: 0, chunks: Chunk.empty<Uint8Array>() },
          ({ chunks, containers, size }, chunk) => {
            const read = {
              size: size + chunk.length,
              containers: containers + containersIn(chunk),
              chunks: Chunk.append(chunks, chunk)
            }
            if (read.size > maxBytes) return Effect.fail(tooLarge("bytes", maxBytes))
            return read.containers > maxRows * CONTAINERS_PER_ROW
              ? Effect.fail(tooLarge("objects", maxRows * CONTAINERS_PER_ROW))
              : Effect.succeed(read)
          }
        ),
        Effect.map(({ chunks }) => Buffer.concat(Chunk.toReadonlyArray(chunks)).toString("utf8"))
      )

    /** One GET. `accept` are the statuses that the caller reads itself; any other but 200 is an error. */
    const get = (
      path: string,
      accept: ReadonlyArray<number>,
      headers: Record<string, string> = {},
      maxBytes = maxBodyBytes
    ) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        budget.spend(yield* monotonicMs)
        const response = yield* HttpClientRequest.get(`${base}${path}`).pipe(
          HttpClientRequest.bearerToken(options.token),
          HttpClientRequest.setHeaders({
            accept: "application/json",
            "x-client-name": "workspace-orchestrator",
            ...headers
          }),
          client.execute,
          Effect.mapError(networkError)
        )
        budget.learn(response, yield* monotonicMs, now)
        if (response.status !== 200 && !accept.includes(response.status)) {
          return yield* Effect.fail(statusError(response, now))
        }
        if (response.status === 200 && response.headers["content-type"]?.includes("html") === true) {
          return yield* malformedBody(
            `is a web page, not JSON: what answers at ${origin} may be a proxy, a log-in page or another host`
          )
        }
        const text =
          response.status === 304 || response.status === 410 ? "" : yield* readText(response, maxBytes)
        return { status: response.status, etag: response.headers["etag"], text }
      }).pipe(
        Effect.scoped,
        Effect.timeoutFail({
          duration: timeoutMs,
          onTimeout: () =>
            new DirectoryUnavailable({
              reason: "timeout",
              status: null,
              retryAfterMs: null,
              message: `The directory did not answer within ${timeoutMs} ms`
            })
        }),
        Effect.retry({
          times: options.retries ?? 2,
          schedule: Schedule.jittered(Schedule.exponential(RETRY_BASE)),
          while: isTransient
        })
      )

    const parseJson = Schema.decodeUnknown(Schema.parseJson())
    const decode = <A, I>(schema: Schema.Schema<A, I>) => {
      const decodeValue = Schema.decodeUnknown(schema)
      return (text: string) =>
        // The parser's own message quotes the text.
        Effect.mapError(parseJson(text), () => malformedBody("is not JSON")).pipe(
          Effect.flatMap((value) => Effect.mapError(decodeValue(value), (error) => malformed(error))),
          // Schema describes a wrong value before anybody asks, and one nested deeply exhausts the stack.
          Effect.catchAllDefect(() => Effect.fail(malformedBody("cannot be read")))
        )
    }
    const decodeEnvelope = decode(ListEnvelope)
    const decodeChanges = decode(ChangesBody)
    const decodeRow = decode(WorkspaceRow)
    const decodeNotFound = decode(NotFoundBody)
    const decodeInstances = decode(InstancesBody)
    const decodeNoUser = decode(UserNotFoundBody)

    /** One attempt at a whole listing; None when its first page says 304. */
    const listOnce = (features: ReadonlySet<Feature>, etag: string | undefined) =>
      Effect.gen(function* () {
        const ids = new Set<string>()
        const unsupported = new Map<string, string>()
        let rows = 0
        let bytes = 0
        let emptyPages = 0
        let cursor: string | undefined
        const cursors = new Set<string>()
        let total = 0
        let first: typeof ListEnvelope.Type | undefined
        let firstEtag: string | undefined
        for (let page = 0; page < MAX_PAGES; page++) {
          const query = new URLSearchParams()
          if (features.has("pages")) query.set("limit", String(PAGE_SIZE))
          if (cursor !== undefined) query.set("cursor", cursor)
          const suffix = query.size === 0 ? "" : `?${query.toString()}`
          const conditional = etag !== undefined && page === 0 ? { "if-none-match": etag } : {}
          const answer = yield* get(`/internal/workspaces${suffix}`, [304], conditional)
          if (answer.status === 304) {
            // A tag of another lineage confirms nothing that we know: the list is asked for without one.
            const isOurs = answer.etag === undefined || strong(answer.etag) === strong(etag ?? "")
            if (conditional["if-none-match"] !== undefined && isOurs) return Option.none<Listing>()
            if (conditional["if-none-match"] !== undefined) {
              newest = undefined
              return yield* new DirectoryInconsistent({
                reason: "revision-moved",
                message: "The directory answers 304 with another tag than the one that it was asked about"
              })
            }
            return yield* new DirectoryMalformed({
              path: "status",
              message: "The directory answers 304 to an unconditional request"
            })
          }
          const body = yield* decodeEnvelope(answer.text)
          bytes += answer.text.length
          if (bytes > maxBodyBytes * MAX_LISTING_BODIES) {
            return yield* tooLarge("bytes over its pages", maxBodyBytes * MAX_LISTING_BODIES)
          }
          if (features.has("pages") && body.workspaces.length > PAGE_SIZE) {
            return yield* new DirectoryMalformed({
              path: "workspaces",
              message: `The directory answers ${body.workspaces.length} rows where a page of at most ${PAGE_SIZE} was asked for`
            })
          }
          if (rows + body.workspaces.length > maxRows) return yield* tooLarge("rows", maxRows)
          const rowIds = yield* idsOf(body.workspaces)
          first ??= body
          firstEtag ??= answer.etag
          const isSame =
            body.metadata?.revision === first.metadata?.revision &&
            (body.metadata?.lineage ?? null) === (first.metadata?.lineage ?? null)
          if (!isSame) {
            return yield* new DirectoryInconsistent({
              reason: "revision-moved",
              message: "The set changed while its pages were read"
            })
          }
          rows += body.workspaces.length
          total = Math.max(total, body.metadata?.totalWorkspaces ?? 0)
          for (const id of rowIds.ids) ids.add(id)
          for (const { instanceId, reason } of rowIds.unsupported) unsupported.set(instanceId, reason)
          const next = body.metadata?.nextCursor ?? undefined
          if (next === undefined || next === "") {
            if (total > rows) {
              return yield* new DirectoryInconsistent({
                reason: "incomplete",
                message: `The directory announces ${total} workspaces and lists ${rows} rows`
              })
            }
            const revision = first.metadata?.revision ?? null
            newest = revision === null || firstEtag === undefined ? undefined : { etag: firstEtag, revision }
            return Option.some<Listing>({
              ids,
              unsupported,
              lookalikes: lookalikesOf(ids),
              revision,
              environmentId: first.metadata?.environmentId ?? null,
              lineage: first.metadata?.lineage ?? null,
              features: featureSet(first.metadata?.features)
            })
          }
          emptyPages = body.workspaces.length === 0 ? emptyPages + 1 : 0
          if (cursors.has(next) || emptyPages === MAX_EMPTY_PAGES) break
          cursors.add(next)
          cursor = next
        }
        return yield* new DirectoryInconsistent({
          reason: "incomplete",
          message: "The directory's pages do not come to an end"
        })
      })

    /** Each request has its own deadline; many that are just in time are bounded together. */
    const inTime = <A>(effect: Effect.Effect<A, DirectoryError>) =>
      Effect.timeoutFail(effect, {
        duration: listingTimeoutMs,
        onTimeout: () =>
          new DirectoryUnavailable({
            reason: "timeout",
            status: null,
            retryAfterMs: null,
            message: `The directory's pages did not come to an end within ${listingTimeoutMs} ms`
          })
      })

    const list: WorkspaceDirectory["Type"]["list"] = (known) =>
      Effect.suspend(() =>
        listOnce(
          known.features,
          known.unconditional !== true && newest !== undefined && newest.revision === known.revision
            ? newest.etag
            : undefined
        )
      ).pipe(
        Effect.retry({
          times: MAX_LISTING_RESTARTS,
          while: (error) => error._tag === "DirectoryInconsistent" && error.reason === "revision-moved"
        }),
        inTime
      )

    const changes: WorkspaceDirectory["Type"]["changes"] = (since, knownLineage) =>
      Effect.gen(function* () {
        let lineage = knownLineage ?? null
        const all: Array<Changes["changes"][number]> = []
        let from = since
        let bytes = 0
        for (let page = 0; page < MAX_PAGES; page++) {
          const query = new URLSearchParams({ since: from, limit: String(PAGE_SIZE) })
          if (lineage !== null) query.set("lineage", lineage)
          const answer = yield* get(`/internal/workspaces/changes?${query.toString()}`, [410])
          if (answer.status === 410) return Option.none()
          const body = yield* decodeChanges(answer.text)
          if (BigInt(body.revision) < BigInt(from)) {
            return yield* new DirectoryInconsistent({
              reason: "older-revision",
              message: `The changes feed is at revision ${body.revision}, behind ${from}`
            })
          }
          bytes += answer.text.length
          if (bytes > maxBodyBytes * MAX_LISTING_BODIES) {
            return yield* tooLarge("bytes over its pages", maxBodyBytes * MAX_LISTING_BODIES)
          }
          if (body.changes.length > PAGE_SIZE) {
            return yield* new DirectoryMalformed({
              path: "changes",
              message: `The changes feed answers ${body.changes.length} changes where at most ${PAGE_SIZE} were asked for`
            })
          }
          if (all.length + body.changes.length > maxRows) return yield* tooLarge("changes", maxRows)
          for (const { instanceId, kind } of body.changes) all.push({ instanceId, kind })
          lineage = body.lineage ?? null
          if (!body.hasMore) {
            return Option.some({
              changes: all,
              revision: body.revision,
              lineage,
              environmentId: body.environmentId ?? null
            })
          }
          const last = body.changes.at(-1)?.revision ?? from
          if (BigInt(last) <= BigInt(from)) break
          from = last
        }
        return yield* new DirectoryInconsistent({
          reason: "incomplete",
          message: "The changes feed does not come to an end"
        })
      }).pipe(inTime)

    const exists: WorkspaceDirectory["Type"]["exists"] = (instanceId) =>
      Effect.gen(function* () {
        const answer = yield* get(
          `/internal/workspaces/${encodeURIComponent(instanceId)}`,
          [404],
          {},
          MAX_SMALL_BODY_BYTES
        )
        // A 404 of something else on the way (a proxy, an old route) is no evidence: the body must say it.
        if (answer.status === 404) {
          yield* decodeNotFound(answer.text)
          return false
        }
        const row = yield* decodeRow(answer.text)
        if (row.instanceId === instanceId) return true
        return yield* new DirectoryMalformed({
          path: "instanceId",
          message: "The directory answers with another workspace than the one that was asked for"
        })
      })

    const instancesOf: WorkspaceDirectory["Type"]["instancesOf"] = (userId) =>
      Effect.gen(function* () {
        const answer = yield* get(
          `/internal/users/${encodeURIComponent(userId)}/instances`,
          NOT_OFFERED,
          {},
          MAX_SMALL_BODY_BYTES
        )
        if (answer.status !== 200) {
          // Only a directory that offers the look-up can say that it does not know the user.
          const isUnknownUser =
            answer.status === 404 && Either.isRight(yield* Effect.either(decodeNoUser(answer.text)))
          return isUnknownUser ? Option.some(new Set<string>()) : Option.none()
        }
        const { instances } = yield* decodeInstances(answer.text)
        return Option.some(new Set(instances.map(({ instanceId }) => instanceId)))
      })

    return WorkspaceDirectory.of({ list, changes, exists, instancesOf })
  })

export const layer = (options: Options): Layer.Layer<WorkspaceDirectory, never, HttpClient.HttpClient> =>
  Layer.effect(WorkspaceDirectory, Effect.map(make(options), DirectoryMetrics.measure))

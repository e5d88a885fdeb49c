import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AuthWorkerDirectory from "../../../src/workspaces/AuthWorkerDirectory.ts"
import type { Feature } from "../../../src/workspaces/Workspace.ts"
import { WorkspaceDirectory } from "../../../src/workspaces/WorkspaceDirectory.ts"
import { hang, inTurn, json, makeAuthServer, raw, reset, type Answer } from "../../support/AuthServer.ts"

const TOKEN = "bypass-token-that-no-message-shows"
/** Stands in every malformed answer: a message that repeats it would repeat anything. */
const SECRET = "hunter2"

const clients = {
  fetch: FetchHttpClient.layer,
  node: NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici
}

interface Given {
  readonly timeoutMs?: number
  readonly retries?: number
  readonly maxBodyBytes?: number
  readonly maxRows?: number
  readonly listingTimeoutMs?: number
  readonly path?: string
  readonly client?: keyof typeof clients
}

/** A server with its answer, and the directory that speaks with it. Without retries unless they are the subject. */
const connect = (answer: Answer, { path = "", client = "fetch", ...rest }: Given = {}) =>
  Effect.gen(function* () {
    const server = yield* makeAuthServer(answer)
    const layer = AuthWorkerDirectory.layer({
      baseUrl: `${server.url}${path}`,
      token: Redacted.make(TOKEN),
      retries: 0,
      ...rest
    }).pipe(Layer.provide(clients[client]))
    // Built into the Scope of the test: a client that is closed cannot speak.
    const directory = Context.get(yield* Layer.build(layer), WorkspaceDirectory)
    return { server, directory }
  })

const first = { revision: null, features: new Set<Feature>() }
const row = (instanceId: string) => ({
  instanceId,
  userId: "user-1",
  name: "Personal Workspace",
  isDefault: true
})
const list = (ids: ReadonlyArray<string>, metadata?: Record<string, unknown>) => ({
  workspaces: ids.map(row),
  ...(metadata === undefined ? {} : { metadata })
})

const idsOf = (listing: Option.Option<{ readonly ids: ReadonlySet<string> }>) =>
  Option.match(listing, { onNone: () => null, onSome: ({ ids }) => [...ids] })

/** The failure of a list whose answer is this. A listing, however small, fails the test. */
const failureOf = (answer: Answer, given?: Given) =>
  Effect.gen(function* () {
    const { directory } = yield* connect(answer, given)
    const error = yield* Effect.flip(directory.list(first))
    expect(error.message).not.toContain(SECRET)
    expect(JSON.stringify(error)).not.toContain(SECRET)
    expect(JSON.stringify(error)).not.toContain(TOKEN)
    return error
  })

describe("AuthWorkerDirectory", () => {
  describe("list", () => {
    it.scopedLive(
      "reads the plain list of an existing Auth Worker, with the token and nothing else asked",
      () =>
        Effect.gen(function* () {
          const body = list(["ws-a", "ws-b"], { totalUsers: 1, totalWorkspaces: 2 })
          const { directory, server } = yield* connect(json(body), { path: "/auth/" })
          const listing = Option.getOrThrow(yield* directory.list(first))
          expect(listing).toEqual({
            ids: new Set(["ws-a", "ws-b"]),
            revision: null,
            environmentId: null,
            features: new Set(),
            unsupported: new Map(),
            lookalikes: [],
            lineage: null
          })
          expect(server.asked).toHaveLength(1)
          expect(server.asked[0]).toMatchObject({
            path: "/auth/internal/workspaces",
            headers: { authorization: `Bearer ${TOKEN}` }
          })
          expect(server.asked[0]?.query.size).toBe(0)
          expect(server.asked[0]?.headers["if-none-match"]).toBeUndefined()
        })
    )

    it.scopedLive("needs no metadata, and of a row no more than its id", () =>
      Effect.gen(function* () {
        const workspaces = [
          { instanceId: "ws-a" },
          { instanceId: "ws-b", name: 7, createdAt: null, extra: [] }
        ]
        const { directory } = yield* connect(json({ workspaces }))
        expect(idsOf(yield* directory.list(first))).toEqual(["ws-a", "ws-b"])
      })
    )

    it.scopedLive("takes one row per membership: a shared workspace repeats and counts once", () =>
      Effect.gen(function* () {
        const body = list(["ws-a", "ws-shared", "ws-b", "ws-shared"], { totalWorkspaces: 4 })
        const { directory } = yield* connect(json(body))
        expect(idsOf(yield* directory.list(first))).toEqual(["ws-a", "ws-shared", "ws-b"])
      })
    )

    it.scopedLive("reads an honest empty list as one: whether to believe it is not asked here", () =>
      Effect.gen(function* () {
        const { directory } = yield* connect(json(list([], { totalWorkspaces: 0 })))
        expect(idsOf(yield* directory.list(first))).toEqual([])
      })
    )

    it.scopedLive(
      "sets apart a row whose id cannot be opened, with the reason, and goes on with the rest",
      () =>
        Effect.gen(function* () {
          const ids = ["ws-a", "my team", "ab", `a${"b".repeat(64)}`, "../etc", "_x1", "日本語", "ws-b\n"]
          const { directory } = yield* connect(json(list([...ids, "ws-c"], { totalWorkspaces: 9 })))
          const listing = Option.getOrThrow(yield* directory.list(first))
          expect([...listing.ids]).toEqual(["ws-a", "ws-c"])
          const [, ...others] = ids
          expect([...listing.unsupported.keys()]).toEqual(others)
          expect(listing.unsupported.get("ab")).toBe("is shorter than 3 characters")
          expect(listing.unsupported.get("my team")).toBe(
            "has other characters than letters, digits, _ and -"
          )
        })
    )

    it.scopedLive("names ids that differ only by case, and lists them all", () =>
      Effect.gen(function* () {
        const { directory } = yield* connect(json(list(["Team", "team", "TEAM", "other", "Xyz"])))
        const listing = Option.getOrThrow(yield* directory.list(first))
        expect(listing.ids.size).toBe(5)
        expect(listing.lookalikes).toEqual([
          ["team", "Team"],
          ["team", "TEAM"]
        ])
      })
    )

    it.scopedLive("bounds a whole listing: rows, bytes and pages, whatever each of them is", () =>
      Effect.gen(function* () {
        let page = 0
        const announced = { features: ["pages", "revision"], revision: "1" }
        const endless =
          (rows: (page: number) => ReadonlyArray<string>): Answer =>
          (asked, response) =>
            json(list(rows(page), { ...announced, nextCursor: `c${page++}` }))(asked, response)
        const pages = { ...first, features: new Set<Feature>(["pages"]) }
        const rowsOf = (count: number) => Array.from({ length: count }, (_, index) => `ws-${page}-${index}`)
        const bounded: ReadonlyArray<readonly [Answer, Given, object]> = [
          [json(list(rowsOf(11))), { maxRows: 10 }, { _tag: "DirectoryMalformed" }],
          [endless(() => rowsOf(4)), { maxRows: 10 }, { _tag: "DirectoryMalformed" }],
          [endless(() => []), {}, { _tag: "DirectoryInconsistent", reason: "incomplete" }],
          [endless(() => rowsOf(1_001)), {}, { _tag: "DirectoryMalformed", path: "workspaces" }],
          [endless(() => rowsOf(5)), { maxBodyBytes: 1_000 }, { _tag: "DirectoryMalformed" }],
          [json({ workspaces: [row("ws-a")], x: Array.from({ length: 90 }, () => []) }), { maxRows: 10 }, {}],
          [
            endless(() => rowsOf(1)),
            { listingTimeoutMs: 100 },
            { _tag: "DirectoryUnavailable", reason: "timeout" }
          ]
        ]
        for (const [answer, given, error] of bounded) {
          const { directory, server } = yield* connect(answer, given)
          expect(yield* Effect.flip(directory.list(pages))).toMatchObject(error)
          if ("reason" in error && error.reason === "incomplete") expect(server.asked.length).toBeLessThan(20)
        }
      })
    )

    it.scopedLive("ends a request whose body drips for ever at its deadline", () =>
      Effect.gen(function* () {
        const timers: Array<NodeJS.Timeout> = []
        yield* Effect.addFinalizer(() => Effect.sync(() => timers.forEach(clearInterval)))
        const { directory } = yield* connect(
          (_asked, response) => {
            response.writeHead(200, { "content-type": "application/json" })
            timers.push(setInterval(() => response.write(" "), 10))
          },
          { timeoutMs: 200 }
        )
        expect(yield* Effect.flip(directory.list(first))).toMatchObject({ reason: "timeout" })
      })
    )

    it.scopedLive("tells a page of another host from a refused token, and a wrong path from both", () =>
      Effect.gen(function* () {
        const html = { "content-type": "text/html; charset=utf-8" }
        const { message: page } = yield* failureOf(raw("<h1>Log in</h1>", 403, html))
        expect(page).toContain("403 with a web page")
        const { message: refusedToken } = yield* failureOf(json({ error: "no" }, 403))
        expect(refusedToken).toBe("The directory refuses SERVER_BYPASS_TOKEN (403)")
        expect((yield* failureOf(raw("", 404))).message).toContain("has no /internal/workspaces")
        expect((yield* failureOf(raw("<h1>Welcome</h1>", 200, html))).message).toContain("is a web page")
        expect((yield* failureOf(reset)).message).toContain("ECONNRESET")
        const closed = yield* Effect.scoped(Effect.map(makeAuthServer(), ({ url }) => url))
        const gone = AuthWorkerDirectory.layer({ baseUrl: closed, token: Redacted.make(TOKEN), retries: 0 })
        const directory = yield* Layer.build(Layer.provide(gone, clients.fetch))
        expect(yield* Effect.flip(Context.get(directory, WorkspaceDirectory).list(first))).toMatchObject({
          code: "ECONNREFUSED",
          message: expect.stringContaining("ECONNREFUSED: nothing listens there") as unknown
        })
      })
    )

    it.scopedLive("knows the features that it knows, and ignores the others", () =>
      Effect.gen(function* () {
        const metadata = { revision: "12", environmentId: "prod", features: ["get", "teleport", "changes"] }
        const { directory } = yield* connect(json(list(["ws-a"], metadata)))
        expect(Option.getOrThrow(yield* directory.list(first))).toMatchObject({
          revision: "12",
          environmentId: "prod",
          features: new Set(["changes", "get"])
        })
      })
    )
  })

  describe("a list that is not one (law 5)", () => {
    const html = `<!DOCTYPE html><title>${SECRET}</title>`
    const sick: ReadonlyArray<{ readonly name: string; readonly answer: Answer; readonly error: object }> = [
      { name: "500", answer: raw(SECRET, 500), error: { _tag: "DirectoryUnavailable", status: 500 } },
      {
        name: "500 with a list in it",
        answer: json(list(["ws-a"]), 500),
        error: { _tag: "DirectoryUnavailable", status: 500 }
      },
      { name: "404", answer: raw("", 404), error: { _tag: "DirectoryUnavailable", status: 404 } },
      { name: "204", answer: raw("", 204), error: { _tag: "DirectoryUnavailable", status: 204 } },
      {
        name: "206 with a list in it",
        answer: json(list(["ws-a"]), 206),
        error: { _tag: "DirectoryUnavailable", status: 206 }
      },
      { name: "401", answer: raw(SECRET, 401), error: { _tag: "DirectoryRejected", status: 401 } },
      {
        name: "403",
        answer: json({ error: SECRET }, 403),
        error: { _tag: "DirectoryRejected", status: 403 }
      },
      { name: "HTML", answer: raw(html), error: { _tag: "DirectoryMalformed", path: "body" } },
      { name: "plain text", answer: raw(SECRET), error: { _tag: "DirectoryMalformed", path: "body" } },
      { name: "nothing", answer: raw(""), error: { _tag: "DirectoryMalformed", path: "body" } },
      { name: "null", answer: json(null), error: { _tag: "DirectoryMalformed", path: "body" } },
      { name: "[]", answer: json([]), error: { _tag: "DirectoryMalformed" } },
      { name: "a bare array of rows", answer: json([row("ws-a")]), error: { _tag: "DirectoryMalformed" } },
      { name: "a string", answer: json(SECRET), error: { _tag: "DirectoryMalformed", path: "body" } },
      { name: "{}", answer: json({}), error: { _tag: "DirectoryMalformed", path: "workspaces" } },
      {
        name: "an error with status 200",
        answer: json({ error: { message: SECRET } }),
        error: { _tag: "DirectoryMalformed", path: "workspaces" }
      },
      {
        name: "workspaces: null",
        answer: json({ workspaces: null }),
        error: { _tag: "DirectoryMalformed", path: "workspaces" }
      },
      {
        name: "truncated JSON",
        answer: raw(`{"workspaces":[{"instanceId":"ws-a"},{"instanceId":"${SECRET}`),
        error: { _tag: "DirectoryMalformed", path: "body" }
      },
      {
        name: "JSON with something behind it",
        answer: raw(`{"workspaces":[]}${SECRET}`),
        error: { _tag: "DirectoryMalformed", path: "body" }
      },
      {
        name: "a renamed list",
        answer: json({ instances: [row("ws-a")] }),
        error: { _tag: "DirectoryMalformed", path: "workspaces" }
      },
      {
        name: "a renamed id",
        answer: json({ workspaces: [{ id: "ws-a" }] }),
        error: { _tag: "DirectoryMalformed", path: "workspaces.0.instanceId" }
      },
      {
        name: "one row without an id among many",
        answer: json({ workspaces: [row("ws-a"), row("ws-b"), { name: SECRET }, row("ws-c")] }),
        error: { _tag: "DirectoryMalformed", path: "workspaces.2.instanceId" }
      },
      {
        name: "an id that is empty",
        answer: json({ workspaces: [{ instanceId: "", name: SECRET }] }),
        error: { _tag: "DirectoryMalformed", path: "workspaces.0.instanceId" }
      },
      {
        name: "an id that is a list of one id",
        answer: json({ workspaces: [{ instanceId: ["ws-a"] }] }),
        error: { _tag: "DirectoryMalformed", path: "workspaces.0.instanceId" }
      },
      {
        name: "an id of another type",
        answer: json({ workspaces: [{ instanceId: 42 }] }),
        error: { _tag: "DirectoryMalformed", path: "workspaces.0.instanceId" }
      },
      {
        name: "a row that is null",
        answer: json({ workspaces: [row("ws-a"), null] }),
        error: { _tag: "DirectoryMalformed", path: "workspaces.1" }
      },
      {
        name: "a revision that is no number",
        answer: json(list(["ws-a"], { revision: SECRET })),
        error: { _tag: "DirectoryMalformed", path: "metadata.revision" }
      },
      {
        name: "more workspaces announced than listed",
        answer: json(list(["ws-a"], { totalWorkspaces: 2 })),
        error: { _tag: "DirectoryInconsistent", reason: "incomplete" }
      },
      {
        name: "304 to an unconditional request",
        answer: raw("", 304),
        error: { _tag: "DirectoryMalformed", path: "status" }
      },
      {
        name: "a cursor that never moves",
        answer: json(list(["ws-a"], { nextCursor: "again" })),
        error: { _tag: "DirectoryInconsistent", reason: "incomplete" }
      },
      {
        name: "JSON nested without end",
        answer: raw(`{"workspaces":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
        error: { _tag: "DirectoryMalformed" }
      },
      {
        name: "an id nested without end",
        answer: raw(`{"workspaces":[{"instanceId":${"[".repeat(100_000)}${"]".repeat(100_000)}}]}`),
        error: { _tag: "DirectoryMalformed" }
      },
      {
        name: "a reset connection",
        answer: reset,
        error: { _tag: "DirectoryUnavailable", reason: "network" }
      },
      {
        name: "a connection that breaks within the body",
        answer: (_asked, response) => {
          response.writeHead(200, { "content-length": "1000" })
          response.write(`{"workspaces":[]}`, () => response.socket?.resetAndDestroy())
        },
        error: { _tag: "DirectoryUnavailable", reason: "network" }
      }
    ]

    for (const client of ["fetch", "node", "undici"] as const) {
      for (const { name, answer, error } of sick) {
        it.scopedLive(`is a typed failure that repeats nothing of it: ${name} (${client})`, () =>
          Effect.map(failureOf(answer, { client }), (failure) => expect(failure).toMatchObject(error))
        )
      }

      it.scopedLive(`is a timeout when the server hangs, before its answer or within it (${client})`, () =>
        Effect.gen(function* () {
          const within: Answer = (_asked, response) => {
            response.writeHead(200)
            response.write(`{"workspaces":[`)
          }
          for (const answer of [hang, within]) {
            const failure = yield* failureOf(answer, { timeoutMs: 100, client })
            expect(failure).toMatchObject({ _tag: "DirectoryUnavailable", reason: "timeout" })
          }
        })
      )

      it.scopedLive(
        `is a failure when the answer is larger than it may be, however it is sent (${client})`,
        () =>
          Effect.gen(function* () {
            const body = JSON.stringify(list(Array.from({ length: 100 }, (_, index) => `ws-${index}`)))
            const endless: Answer = (_asked, response) => {
              response.writeHead(200)
              response.write(`{"workspaces":[`)
              const more = () => {
                if (!response.destroyed)
                  response.write(`{"instanceId":"ws-a"},`.repeat(50), () => setImmediate(more))
              }
              more()
            }
            for (const answer of [raw(body), endless]) {
              const failure = yield* failureOf(answer, { maxBodyBytes: body.length - 1, client })
              expect(failure).toMatchObject({ _tag: "DirectoryMalformed", path: "body" })
            }
            const { directory } = yield* connect(raw(body), { maxBodyBytes: body.length, client })
            expect(idsOf(yield* directory.list(first))).toHaveLength(100)
          })
      )
    }

    it.scopedLive("is a network failure when nobody listens", () =>
      Effect.gen(function* () {
        const url = yield* Effect.scoped(Effect.map(makeAuthServer(), (server) => server.url))
        const layer = AuthWorkerDirectory.layer({ baseUrl: url, token: Redacted.make(TOKEN), retries: 0 })
        const directory = yield* Effect.provide(
          WorkspaceDirectory,
          Layer.provide(layer, FetchHttpClient.layer)
        )
        const failure = yield* Effect.flip(directory.list(first))
        expect(failure).toMatchObject({ _tag: "DirectoryUnavailable", reason: "network" })
      })
    )
  })

  describe("retries", () => {
    it.scopedLive("asks again when there was no good answer, within the one call", () =>
      Effect.gen(function* () {
        const answer = inTurn(raw("", 500), reset, json(list(["ws-a"])))
        const { directory, server } = yield* connect(answer, { retries: 2 })
        expect(idsOf(yield* directory.list(first))).toEqual(["ws-a"])
        expect(server.asked).toHaveLength(3)
      })
    )

    it.scopedLive("gives up after as many as it is given", () =>
      Effect.gen(function* () {
        const { directory, server } = yield* connect(raw("", 500), { retries: 2 })
        yield* Effect.flip(directory.list(first))
        expect(server.asked).toHaveLength(3)
      })
    )

    it.scopedLive("asks only once when refused, answered nonsense, told to wait, or after a timeout", () =>
      Effect.gen(function* () {
        const wait = raw("", 429, { "retry-after": "30" })
        for (const answer of [raw("", 403), json(null), wait, hang]) {
          const { directory, server } = yield* connect(answer, { retries: 2, timeoutMs: 100 })
          yield* Effect.flip(directory.list(first))
          expect(server.asked).toHaveLength(1)
        }
      })
    )

    it.scopedLive("reads Retry-After as seconds and as a date, and cuts what is beyond an hour", () =>
      Effect.gen(function* () {
        const askedFor = (header: string) =>
          Effect.map(failureOf(raw("", 429, { "retry-after": header })), (failure) =>
            failure._tag === "DirectoryUnavailable" ? failure.retryAfterMs : undefined
          )
        expect(yield* askedFor("30")).toBe(30_000)
        expect(yield* askedFor("0")).toBe(0)
        expect(yield* askedFor("86400")).toBe(3_600_000)
        expect(yield* askedFor("Mon, 01 Jan 2001 00:00:00 GMT")).toBe(0)
        expect(yield* askedFor("Fri, 31 Dec 2100 23:59:59 GMT")).toBe(3_600_000)
        expect(yield* askedFor("soon")).toBeNull()
        const inFiveMinutes = yield* askedFor(new Date(Date.now() + 300_000).toUTCString())
        expect(inFiveMinutes).toBeGreaterThan(200_000)
        expect(inFiveMinutes).toBeLessThanOrEqual(300_000)
      })
    )
  })

  describe("ETag", () => {
    const metadata = { revision: "7", features: ["revision"] }
    /** 304 whenever the client comes with the tag. */
    const tagged: Answer = (asked, response) => {
      const answer =
        asked.headers["if-none-match"] === '"v7"'
          ? raw("", 304)
          : json(list(["ws-a"], metadata), 200, { etag: '"v7"' })
      answer(asked, response)
    }
    const known = { revision: "7", features: new Set<Feature>(["revision"]) }

    it.scopedLive("saves the list that the caller knows, and only that", () =>
      Effect.gen(function* () {
        const { directory, server } = yield* connect(tagged)
        expect(idsOf(yield* directory.list(first))).toEqual(["ws-a"])
        expect(yield* directory.list(known)).toEqual(Option.none())
        expect(server.asked[1]?.headers["if-none-match"]).toBe('"v7"')
        // A caller that has lost its snapshot, or has moved on by the feed, must get the whole list.
        for (const revision of [null, "6", "8"]) {
          expect(idsOf(yield* directory.list({ ...known, revision }))).toEqual(["ws-a"])
          expect(server.asked.at(-1)?.headers["if-none-match"]).toBeUndefined()
        }
      })
    )

    it.scopedLive("is not used before a list of this life had one", () =>
      Effect.gen(function* () {
        const { directory, server } = yield* connect(tagged)
        yield* directory.list(known)
        expect(server.asked[0]?.headers["if-none-match"]).toBeUndefined()
      })
    )

    it.scopedLive("does not outlive the list that had it", () =>
      Effect.gen(function* () {
        const untagged = json(list(["ws-b"], { ...metadata, revision: "8" }))
        const { directory, server } = yield* connect(tagged)
        yield* directory.list(first)
        server.answers(untagged)
        yield* directory.list(first)
        expect(idsOf(yield* directory.list({ ...known, revision: "8" }))).toEqual(["ws-b"])
        expect(server.asked.at(-1)?.headers["if-none-match"]).toBeUndefined()
      })
    )
  })

  describe("pages", () => {
    const features = new Set<Feature>(["revision", "pages"])
    const paged = { revision: null, features }
    const page = (ids: ReadonlyArray<string>, revision: string, nextCursor?: string | null) =>
      json(
        list(ids, { revision, features: [...features], ...(nextCursor === undefined ? {} : { nextCursor }) })
      )

    it.scopedLive("reads them all, by cursor, as one listing", () =>
      Effect.gen(function* () {
        const pages = inTurn(
          page(["ws-a", "ws-b"], "3", "c/1?"),
          page(["ws-c"], "3", "c2"),
          page(["ws-d"], "3", null)
        )
        const { directory, server } = yield* connect(pages)
        expect(idsOf(yield* directory.list(paged))).toEqual(["ws-a", "ws-b", "ws-c", "ws-d"])
        expect(server.asked.map(({ query }) => Object.fromEntries(query))).toEqual([
          { limit: "1000" },
          { limit: "1000", cursor: "c/1?" },
          { limit: "1000", cursor: "c2" }
        ])
      })
    )

    it.scopedLive("follows a cursor though nobody had announced pages", () =>
      Effect.gen(function* () {
        const { directory } = yield* connect(inTurn(page(["ws-a"], "3", "c1"), page(["ws-b"], "3")))
        expect(idsOf(yield* directory.list(first))).toEqual(["ws-a", "ws-b"])
      })
    )

    it.scopedLive("fails as a whole when one of them fails", () =>
      Effect.gen(function* () {
        const seconds = [
          raw("", 500),
          raw("", 404),
          json(null),
          raw("", 304),
          reset,
          json({ workspaces: [{}] })
        ]
        for (const second of seconds) {
          const { directory } = yield* connect(inTurn(page(["ws-a"], "3", "c1"), second))
          expect(Either.isLeft(yield* Effect.either(directory.list(paged)))).toBe(true)
        }
      })
    )

    it.scopedLive("begins again when the revision moves between two of them", () =>
      Effect.gen(function* () {
        const answers = inTurn(
          page(["ws-a"], "3", "c1"),
          page(["ws-b"], "4"),
          page(["ws-c"], "4", "c1"),
          page(["ws-d"], "4")
        )
        const { directory } = yield* connect(answers)
        const listing = Option.getOrThrow(yield* directory.list(paged))
        expect(listing.revision).toBe("4")
        expect([...listing.ids]).toEqual(["ws-c", "ws-d"])
      })
    )

    it.scopedLive("fails when it never stops moving, after a bounded number of beginnings", () =>
      Effect.gen(function* () {
        let revision = 0
        const moving: Answer = (asked, response) =>
          page(["ws-a"], String(++revision), asked.query.has("cursor") ? null : "c1")(asked, response)
        const { directory, server } = yield* connect(moving)
        const failure = yield* Effect.flip(directory.list(paged))
        expect(failure).toMatchObject({ _tag: "DirectoryInconsistent", reason: "revision-moved" })
        expect(server.asked).toHaveLength(8)
      })
    )

    it.scopedLive(
      "takes cursors that come round for pages that do not come to an end, without going round",
      () =>
        Effect.gen(function* () {
          const circle: Answer = (asked, response) =>
            page(["ws-a"], "3", asked.query.get("cursor") === "c1" ? "c2" : "c1")(asked, response)
          const { directory, server } = yield* connect(circle)
          expect(yield* Effect.flip(directory.list(paged))).toMatchObject({ reason: "incomplete" })
          expect(server.asked.length).toBeLessThan(10)
        })
    )

    it.scopedLive("counts the rows of all of them against the total that any of them announced", () =>
      Effect.gen(function* () {
        const short: Answer = (asked, response) =>
          (asked.query.has("cursor")
            ? json(list(["ws-b"]))
            : json(list(["ws-a"], { totalWorkspaces: 3, nextCursor: "c1" })))(asked, response)
        const { directory } = yield* connect(short)
        expect(yield* Effect.flip(directory.list(paged))).toMatchObject({ reason: "incomplete" })
      })
    )

    it.scopedLive("takes a page that has lost its revision for one of another listing", () =>
      Effect.gen(function* () {
        const bare: Answer = (asked, response) =>
          (asked.query.has("cursor") ? json({ workspaces: [] }) : page(["ws-a"], "3", "c1"))(asked, response)
        const { directory } = yield* connect(bare)
        expect(yield* Effect.flip(directory.list(paged))).toMatchObject({ reason: "revision-moved" })
      })
    )
  })

  describe("changes", () => {
    const change = (revision: string, kind: string, instanceId: string) => ({ revision, kind, instanceId })

    it.scopedLive("reads what has changed, over several pages", () =>
      Effect.gen(function* () {
        const pages = inTurn(
          json({
            changes: [
              change("4", "upsert", "ws-a"),
              { ...change("5", "delete", "ws-b"), workspace: row("ws-b") }
            ],
            revision: "9",
            hasMore: true
          }),
          json({ changes: [change("9", "upsert", "ws-b")], revision: "9", hasMore: false })
        )
        const { directory, server } = yield* connect(pages)
        expect(Option.getOrThrow(yield* directory.changes("3"))).toEqual({
          revision: "9",
          lineage: null,
          environmentId: null,
          changes: [
            { kind: "upsert", instanceId: "ws-a" },
            { kind: "delete", instanceId: "ws-b" },
            { kind: "upsert", instanceId: "ws-b" }
          ]
        })
        expect(server.asked.map(({ path, query }) => [path, query.get("since")])).toEqual([
          ["/internal/workspaces/changes", "3"],
          ["/internal/workspaces/changes", "5"]
        ])
      })
    )

    it.scopedLive("answers None to a 410, on whichever page it comes", () =>
      Effect.gen(function* () {
        const more = json({ changes: [change("4", "upsert", "ws-a")], revision: "9", hasMore: true })
        const gone = json({ error: { code: "GONE" } }, 410)
        for (const answer of [gone, inTurn(more, gone)]) {
          const { directory } = yield* connect(answer)
          expect(yield* directory.changes("3")).toEqual(Option.none())
        }
      })
    )

    it.scopedLive("fails on what is no feed, or an older, or an endless one", () =>
      Effect.gen(function* () {
        const stuck = { changes: [change("3", "upsert", "ws-a")], revision: "9", hasMore: true }
        const cases: ReadonlyArray<readonly [Answer, object]> = [
          [raw("", 404), { _tag: "DirectoryUnavailable", status: 404 }],
          [raw("", 304), { _tag: "DirectoryUnavailable", status: 304 }],
          [json([]), { _tag: "DirectoryMalformed" }],
          [json({ changes: [], revision: "3" }), { _tag: "DirectoryMalformed", path: "hasMore" }],
          [
            json({ changes: [change("4", SECRET, "ws-a")], revision: "4", hasMore: false }),
            { _tag: "DirectoryMalformed", path: "changes.0.kind" }
          ],
          [
            json({ changes: [], revision: "2", hasMore: false }),
            { _tag: "DirectoryInconsistent", reason: "older-revision" }
          ],
          [json(stuck), { _tag: "DirectoryInconsistent", reason: "incomplete" }],
          [
            json({ changes: [], revision: "9", hasMore: true }),
            { _tag: "DirectoryInconsistent", reason: "incomplete" }
          ]
        ]
        for (const [answer, error] of cases) {
          const { directory } = yield* connect(answer)
          const failure = yield* Effect.flip(directory.changes("3"))
          expect(failure).toMatchObject(error)
          expect(JSON.stringify(failure)).not.toContain(SECRET)
        }
      })
    )
  })

  describe("exists", () => {
    const notFound = { error: { code: "WORKSPACE_NOT_FOUND", message: "no such workspace" } }

    it.scopedLive("believes the row, and the directory's own 404", () =>
      Effect.gen(function* () {
        const { directory, server } = yield* connect(inTurn(json(row("ws-a")), json(notFound, 404)))
        expect(yield* directory.exists("ws-a")).toBe(true)
        expect(yield* directory.exists("ws-b")).toBe(false)
        expect(server.asked.map(({ path }) => path)).toEqual([
          "/internal/workspaces/ws-a",
          "/internal/workspaces/ws-b"
        ])
      })
    )

    it.scopedLive("takes no other answer for evidence that a workspace is gone", () =>
      Effect.gen(function* () {
        const answers: ReadonlyArray<Answer> = [
          json(row("ws-another")),
          raw("<html>404 page not found</html>", 404),
          raw("", 404),
          json({}, 404),
          json({ error: { code: "NOT_FOUND" } }, 404),
          json({ error: "WORKSPACE_NOT_FOUND" }, 404),
          json(notFound),
          json(notFound, 410),
          json(null),
          raw("", 204),
          raw("", 403),
          raw("", 500),
          reset,
          hang
        ]
        for (const answer of answers) {
          const { directory } = yield* connect(answer, { timeoutMs: 100 })
          expect(Either.isLeft(yield* Effect.either(directory.exists("ws-a")))).toBe(true)
        }
      })
    )
  })
})

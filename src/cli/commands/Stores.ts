import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Stores, type StoreRow } from "../../http/api/StoresViews.ts"
import { Explanation } from "../../http/api/Views.ts"
import { AnswerIsNo, connect, now, type ServerOptions, show, view } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { table } from "../Table.ts"
import { descriptionText, explanationText } from "../text/ExplanationText.ts"
import { relative } from "../Words.ts"
import type { ServerRefused } from "../WsoClient.ts"

const id = Args.text({ name: "id" }).pipe(Args.withDescription("a workspace"))

const PAGE = 1_000

const Rows = Schema.Struct({ ...Stores.fields, stores: Stores.fields.stores })

const row = (wide: boolean, at: number) => (store: typeof StoreRow.Type) => [
  store.id,
  store.status,
  store.orchestrator.status,
  String(store.errorCount),
  relative(store.lastActivity, at),
  ...(wide
    ? [
        relative(store.connectedAt, at),
        String(store.reconnectAttempts),
        store.orchestrator.provisionDurationMs === null ? "" : `${store.orchestrator.provisionDurationMs}ms`,
        relative(store.orchestrator.firstMonitoredAt, at)
      ]
    : [])
]

const HEADER = ["WORKSPACE", "STATUS", "STATE", "ERRORS", "ACTIVITY"]
const WIDE_HEADER = [...HEADER, "CONNECTED", "RECONNECTS", "OPENED-IN", "FIRST-MONITORED"]

const statusFilter = Options.choice("status", ["connected", "connecting", "disconnected", "error"]).pipe(
  Options.withDescription("only stores in this status"),
  Options.optional
)

/** Every page, as one list. */
const allStores = (options: ServerOptions & { readonly status: Option.Option<string> }) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const rows: Array<typeof StoreRow.Type> = []
    let cursor: string | null = null
    do {
      const query: URLSearchParams = new URLSearchParams({ limit: String(PAGE) })
      if (cursor !== null) query.set("cursor", cursor)
      if (Option.isSome(options.status)) query.set("status", options.status.value)
      const { value } = yield* client.ask(Rows, { method: "GET", path: `/stores?${query.toString()}` })
      rows.push(...value.stores)
      cursor = value.nextCursor ?? null
    } while (cursor !== null)
    return rows
  })

export const get = Command.make("get", { ...view, status: statusFilter }, (options) =>
  Effect.gen(function* () {
    const { print } = yield* Screen
    const rows = yield* allStores(options)
    if (options.output === "json") return yield* print(JSON.stringify(rows, null, 2))
    const wide = options.output === "wide"
    yield* print(table(wide ? WIDE_HEADER : HEADER, rows.map(row(wide, yield* now))))
  })
).pipe(Command.withDescription(summaries.get))

const pathOf = (storeId: string): string => `/stores/${encodeURIComponent(storeId)}`

/** That nobody knows it is an answer too. */
const unknown = (storeId: string) => (error: ServerRefused) =>
  Effect.gen(function* () {
    if (error.status !== 404) return yield* error
    const { print } = yield* Screen
    yield* print(
      `${storeId}: This server does not know this workspace: the newest list does not have it, and it was never monitored here.\n\nNext step: Check the id; wso get lists the known ones. If it was created just now, wso reconcile ${storeId} asks the source.`
    )
    return yield* new AnswerIsNo()
  })

export const describe = Command.make("describe", { ...view, id }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(Explanation, { method: "GET", path: pathOf(options.id) })
    const time = yield* now
    yield* show(options.output, answer, (why) => descriptionText(why, time))
  }).pipe(Effect.catchTag("ServerRefused", unknown(options.id)))
).pipe(Command.withDescription(summaries.describe))

/** Whether it is as it should be: monitored if and only if it is desired, and nothing in its way. */
const isAsItShouldBe = ({ blockedBy, desired, monitored }: typeof Explanation.Type): boolean =>
  blockedBy.length === 0 && monitored === (desired.state === "present")

export const explain = Command.make("explain", { ...view, id }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(Explanation, { method: "GET", path: pathOf(options.id) })
    const time = yield* now
    yield* show(options.output, answer, (why) => explanationText(why, time))
    if (!isAsItShouldBe(answer.value)) return yield* new AnswerIsNo()
  }).pipe(Effect.catchTag("ServerRefused", unknown(options.id)))
).pipe(Command.withDescription(summaries.explain))

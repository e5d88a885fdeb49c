/** What goes into a support archive, each part from a view of the server, and what it is good for. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Audit, Event } from "../../http/api/Views.ts"
import { examine } from "../commands/Doctor.ts"
import type { ServerConfiguration } from "../ServerConfiguration.ts"
import type { ClientError, WsoClient } from "../WsoClient.ts"

export interface Part {
  readonly name: string
  readonly what: string
  readonly kind: "json" | "ndjson" | "text"
  /** For json the value, for ndjson the values of its lines, for text the text. */
  readonly content: Effect.Effect<unknown, ClientError, ServerConfiguration>
}

/** An answer of the server that takes longer is left out. */
export const PART_TIMEOUT_MS = 20_000
/** The kept events come in one go; a stream that is silent for so long has said them all. */
const QUIET = "500 millis"
const AUDIT_PAGE = 1_000
const MAX_AUDIT_PAGES = 20
const STORES_PAGE = 10_000
const MAX_STORES_PAGES = 20

const Page = Schema.Struct({ stores: Schema.Array(Schema.Unknown), nextCursor: Schema.NullOr(Schema.String) })

const stores = (client: WsoClient) =>
  Effect.gen(function* () {
    const rows: Array<unknown> = []
    let cursor: string | null = null
    for (let page = 0; page < MAX_STORES_PAGES; page++) {
      const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`
      const { value }: { readonly value: typeof Page.Type } = yield* client.ask(Page, {
        method: "GET",
        path: `/stores?limit=${STORES_PAGE}${after}`
      })
      rows.push(...value.stores)
      cursor = value.nextCursor
      if (cursor === null) break
    }
    return { stores: rows, complete: cursor === null }
  })

const audit = (client: WsoClient, since: number) =>
  Effect.gen(function* () {
    const records: Array<(typeof Audit.Type)["records"][number]> = []
    let before: number | null = null
    for (let page = 0; page < MAX_AUDIT_PAGES; page++) {
      const { value }: { readonly value: typeof Audit.Type } = yield* client.ask(Audit, {
        method: "GET",
        path: `/admin/audit?limit=${AUDIT_PAGE}${before === null ? "" : `&before=${before}`}`
      })
      const wanted = value.records.filter(({ at }) => Date.parse(at) >= since)
      records.push(...wanted)
      before = value.nextBefore
      if (before === null || wanted.length < value.records.length) break
    }
    return { records }
  })

const events = (client: WsoClient, since: number) =>
  client.events(Event, "/events?after=0").pipe(
    Stream.timeout(QUIET),
    Stream.filter(({ at }) => Date.parse(at) >= since),
    Stream.runCollect,
    Effect.map((kept) => [...kept])
  )

/** All parts, in the order of the archive. `sinceMs` is how far events and audit reach back. */
export const parts = (client: WsoClient, sinceMs: number): ReadonlyArray<Part> => {
  const get = (name: string, path: string, what: string, accept: ReadonlyArray<number> = []): Part => ({
    name,
    what,
    kind: "json",
    content: Effect.map(client.ask(Schema.Unknown, { method: "GET", path }, accept), ({ raw }) => raw)
  })
  const since = Effect.map(Clock.currentTimeMillis, (now) => now - sinceMs)
  return [
    get("health.json", "/health", "the server's state in one answer: begin here"),
    get("report-daily.json", "/reports/daily", "the last day, judged, with what to do next"),
    get("configuration.json", "/admin/configuration", "every variable, and where its value came from"),
    get("plan.json", "/admin/plan", "what the loop would do now, and what is held"),
    {
      name: "stores.json",
      what: "every workspace with its store, its conditions and its last transitions",
      kind: "json",
      content: stores(client)
    },
    get("queue.json", "/queue", "what is being worked on, and what waits"),
    get("stuck.json", "/queue/stuck", "what has been out of place for more than a minute"),
    get("circuit-breakers.json", "/circuit-breakers", "the circuit breakers with their history"),
    get("recent-errors.json", "/recent-errors", "the newest errors by kind"),
    get(
      "messages-parked.json",
      "/messages?limit=1000",
      "user messages that were given up, without their text"
    ),
    get("incidents.json", "/incidents", "open incidents, and whether somebody was told"),
    {
      name: "events.ndjson",
      what: "the transitions that the server still keeps, oldest first",
      kind: "ndjson",
      content: Effect.flatMap(since, (from) => events(client, from))
    },
    {
      name: "audit.json",
      what: "who did what from where, newest first",
      kind: "json",
      content: Effect.flatMap(since, (from) => audit(client, from))
    },
    get("limits.json", "/limits", "the limits on requests, and how much of each is used"),
    get(
      "secrets.json",
      "/admin/secrets",
      "which secrets there are, since when and how often used: fingerprints"
    ),
    get("backups.json", "/admin/backups", "the backups of the server's own state"),
    { name: "metrics.txt", what: "all metrics as of now", kind: "text", content: client.text("/metrics") },
    { name: "doctor.json", what: "what wso doctor finds from here", kind: "json", content: examine(client) }
  ]
}

/**
 * Requests made from the API's own description: right ones, and right ones with one of the things that happen to
 * requests. For every route there is, and for those that are still to come.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as Arbitrary from "effect/Arbitrary"
import * as fc from "effect/FastCheck"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Api } from "../../src/http/Api.ts"
import * as OpenApiDocument from "../../src/http/OpenApiDocument.ts"

/** What a hostile value has in it: an error that repeats it has reflected its sender. Of no valid value's form. */
export const MARK = "reflect<me>"

export interface FuzzRequest {
  readonly method: string
  readonly path: string
  readonly contentType: string | null
  readonly body: Uint8Array | null
  readonly credentials: "none" | "wrong" | "right"
}

export interface FuzzRoute {
  /** Such as `POST /admin/pause`. */
  readonly name: string
  /** One with a body has more to go wrong. */
  readonly hasBody: boolean
  readonly requests: fc.Arbitrary<FuzzRequest>
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const record = (value: unknown): Readonly<Record<string, unknown>> => (Predicate.isRecord(value) ? value : {})
const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
const number = (value: unknown, fallback: number): number => (typeof value === "number" ? value : fallback)

const MANY = 70_000
const strangeTexts = fc.constantFrom(
  MARK,
  MARK.repeat(500),
  "",
  " ",
  "-1",
  "1e309",
  "NaN",
  "null",
  "[object Object]",
  "../../etc/passwd",
  "%00",
  "\u0000\u0007\u001b[31m",
  "\u202e\ufeff\u200b",
  "\ud800",
  "😀".repeat(300),
  "' OR 1=1 --",
  "${jndi:ldap://a}",
  "__proto__",
  "constructor"
)

/** Most have the mark in them, so that a reflection shows. */
const hostileTexts = fc.oneof(
  { arbitrary: strangeTexts.map((text) => `${text}${MARK}`), weight: 2 },
  strangeTexts
)

const hostileValues = fc.oneof(
  { arbitrary: hostileTexts, weight: 4 },
  fc.anything({ maxDepth: 3 }),
  fc.constantFrom([MARK], [[MARK]], { [MARK]: MARK }, { reason: MARK }),
  fc.constantFrom(null, true, -1, 0.5, 1e308, Number.MAX_SAFE_INTEGER, [], {})
)

/** A value that fits a parameter's JSON Schema, as text. */
const fitting = (schema: Readonly<Record<string, unknown>>): fc.Arbitrary<string> => {
  const options = list(schema["enum"])
  if (options.length > 0) return fc.constantFrom(...options.map(String))
  if (schema["type"] === "boolean") return fc.constantFrom("true", "false")
  if (schema["type"] === "integer") {
    return fc
      .integer({ min: number(schema["minimum"], 0), max: number(schema["maximum"], 1_000) })
      .map(String)
  }
  const pattern = schema["pattern"]
  return typeof pattern === "string"
    ? fc.stringMatching(new RegExp(pattern))
    : fc.stringMatching(/^[a-z0-9-]{1,12}$/)
}

const document = OpenApiDocument.make()

const queryOf = (path: string, method: string): fc.Arbitrary<string> => {
  const operation = record(record(record(document["paths"])[path])[method.toLowerCase()])
  const parameters = list(operation["parameters"])
    .map(record)
    .filter((one) => one["in"] === "query")
  const pairs = parameters.map((parameter) =>
    fc
      .oneof({ arbitrary: fitting(record(parameter["schema"])), weight: 3 }, hostileTexts)
      .map((value) => [String(parameter["name"]), value] as const)
  )
  const strange = fc.tuple(
    fc.constantFrom("__proto__", "constructor", MARK, "storeId", "limit"),
    hostileTexts
  )
  return fc.array(fc.oneof(strange, ...pairs), { maxLength: 4 }).map((chosen) => {
    const search = new URLSearchParams()
    for (const [name, value] of chosen) search.append(name, value)
    return chosen.length === 0 ? "" : `?${search.toString()}`
  })
}

/** Byte by byte: `encodeURIComponent` throws on half a character. */
const percentEncoded = (text: string): string =>
  [...utf8(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")

const ids = fc.oneof(
  fc.constantFrom("ws-one", "ws-two", "auth-worker", "discord", "nobody"),
  hostileTexts.map((text) => percentEncoded(text)),
  fc.constantFrom("%", "%zz", "%2e%2e", "..%2f..", "x".repeat(5_000), ";", "~")
)

const pathOf = (template: string): fc.Arbitrary<string> => {
  const parts = template.split(/(:\w+)/)
  return fc
    .tuple(...parts.map((part) => (part.startsWith(":") ? ids : fc.constant(part))))
    .map((all) => all.join(""))
}

/** JSON of what fits the schema, then one of the things that happen to it. */
const bodyOf = (schema: Schema.Schema.AnyNoContext): fc.Arbitrary<Uint8Array | null> => {
  const right = Arbitrary.make(schema).map((value) => {
    const encoded: unknown = Schema.encodeSync(schema)(value)
    return record(encoded)
  })
  const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value))
  const changed = fc
    .tuple(right, fc.nat(), hostileValues, fc.constantFrom("__proto__", "constructor", MARK, "toString"))
    .map(([value, at, hostile, strange]) => {
      const names = [...Object.keys(value), strange]
      return json({ ...value, [names[at % names.length] ?? strange]: hostile })
    })
  const less = fc.tuple(right, fc.nat()).map(([value, at]) => {
    const names = Object.keys(value)
    return json(
      Object.fromEntries(Object.entries(value).filter(([name]) => name !== names[at % names.length]))
    )
  })
  const broken = fc.oneof(
    fc.tuple(right, fc.nat()).map(([value, at]) => json(value).slice(0, at % 100)),
    fc.uint8Array({ maxLength: 64 }),
    fc.nat(5_000).map((depth) => utf8('{"a":['.repeat(depth))),
    fc.constant(utf8(JSON.stringify({ reason: MARK.repeat(MANY / MARK.length) }))),
    fc.constant(utf8(`{"__proto__":{"reason":"${MARK}"},"reason":"x"}`)),
    fc.json().map(utf8),
    fc.constant(null)
  )
  return fc.oneof({ arbitrary: right.map(json), weight: 2 }, { arbitrary: changed, weight: 3 }, less, broken)
}

const contentTypes = fc.oneof(
  { arbitrary: fc.constant("application/json"), weight: 6 },
  fc.constantFrom(
    "application/json; charset=utf-8",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/json, text/html",
    null
  )
)

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

const requestsOf = (
  method: string,
  template: string,
  payload: Schema.Schema.AnyNoContext | undefined
): fc.Arbitrary<FuzzRequest> =>
  fc
    .record({
      method: fc.oneof({ arbitrary: fc.constant(method), weight: 8 }, fc.constantFrom(...METHODS)),
      path: pathOf(template),
      query: queryOf(template.replace(/:(\w+)/g, "{$1}"), method),
      contentType: contentTypes,
      body: payload === undefined ? fc.constantFrom(null, null, utf8(MARK), utf8("{}")) : bodyOf(payload),
      credentials: fc.constantFrom("none" as const, "wrong" as const, "right" as const, "right" as const)
    })
    .map(({ path, query, ...request }) => ({ ...request, path: `${path}${query}` }))

/** Every route of the API. */
export const fuzzRoutes = (): ReadonlyArray<FuzzRoute> => {
  const routes: Array<FuzzRoute> = []
  HttpApi.reflect(Api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint: { method, path }, payloads }) => {
      const [payload] = [...payloads.values()].map(({ ast }) => Schema.make<unknown>(ast))
      routes.push({
        name: `${method} ${path}`,
        hasBody: payload !== undefined,
        requests: requestsOf(method, path, payload)
      })
    }
  })
  return routes
}

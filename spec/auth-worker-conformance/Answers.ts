import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { AuthWorker, type Exchange, type Question } from "./AuthWorker.ts"
import { Violation } from "./Line.ts"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const isoTime = Schema.String.pipe(
  Schema.filter((text) => !Number.isNaN(Date.parse(text)) || "expected an ISO time")
)

/** A row of the list: only its id is required. */
export const Row = Schema.Struct({
  instanceId: Schema.NonEmptyString,
  userId: optional(Schema.String),
  name: optional(Schema.String),
  createdAt: optional(isoTime),
  lastAccessedAt: optional(isoTime),
  isDefault: optional(Schema.Boolean)
})
export type Row = typeof Row.Type

/** A revision: a decimal string. */
export const Revision = Schema.String.pipe(Schema.pattern(/^\d+$/))

export const List = Schema.Struct({
  workspaces: Schema.Array(Row),
  metadata: optional(
    Schema.Struct({
      totalUsers: optional(Schema.Int),
      totalWorkspaces: optional(Schema.Int),
      features: optional(Schema.Array(Schema.String)),
      revision: optional(Schema.String),
      environmentId: optional(Schema.String),
      nextCursor: optional(Schema.NullOr(Schema.String))
    })
  )
})
export type List = typeof List.Type

export const Changes = Schema.Struct({
  changes: Schema.Array(
    Schema.Struct({
      revision: Revision,
      kind: Schema.Literal("upsert", "delete"),
      instanceId: Schema.NonEmptyString,
      workspace: optional(Schema.NullOr(Row))
    })
  ),
  revision: Revision,
  hasMore: Schema.Boolean
})

export const ErrorBody = Schema.Struct({ error: Schema.Struct({ code: Schema.String }) })

export const Instances = Schema.Struct({
  userId: Schema.String,
  instances: Schema.Array(
    Schema.Struct({
      instanceId: Schema.NonEmptyString,
      name: Schema.String,
      role: Schema.String,
      isDefault: Schema.Boolean,
      createdAt: isoTime
    })
  )
})

/** Fails with the sentence unless the condition holds. */
export const demand = (condition: boolean, otherwise: string): Effect.Effect<void, Violation> =>
  condition ? Effect.void : Effect.fail(new Violation({ message: otherwise }))

/** The answer's body, which must have this status and shape. */
export const decoded = <A, I>(exchange: Exchange, status: number, schema: Schema.Schema<A, I>) =>
  demand(exchange.status === status, `expected ${status}, got ${exchange.status}`).pipe(
    Effect.zipRight(Schema.decode(Schema.parseJson(schema))(exchange.text, { errors: "all" })),
    Effect.catchTag("ParseError", (error) => {
      const [first] = ParseResult.ArrayFormatter.formatErrorSync(error)
      return new Violation({
        message: `${first?.path.map(String).join(".") ?? ""}: ${first?.message ?? "not the expected shape"}`
      })
    })
  )

export const listPath = "/internal/workspaces"

/** Asks for what must answer with this status and shape. */
export const fetched = <A, I>(path: string, schema: Schema.Schema<A, I>, question?: Question) =>
  Effect.gen(function* () {
    const worker = yield* AuthWorker
    return yield* decoded(yield* worker.get(path, question), 200, schema)
  })

/** The list, all of it. */
export const wholeList = fetched(listPath, List)

/** The distinct workspaces of some rows, in order. */
export const idsOf = (rows: ReadonlyArray<{ readonly instanceId: string }>): ReadonlyArray<string> =>
  [...new Set(rows.map((row) => row.instanceId))].toSorted()

export const sameIds = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): boolean =>
  one.length === other.length && one.every((id, index) => id === other[index])

export const revisionOf = (list: List): Option.Option<string> => Option.fromNullable(list.metadata?.revision)

/** The set may change while it is examined: a comparison counts only between answers of one revision. Tries this often. */
const attempts = 5

/**
 * Runs a comparison between two lists of the same revision, so that a change in between is no violation. Without revisions the
 * lists themselves must agree. A set that never rests within the attempts cannot be examined.
 */
export const whileUnchanged = <A, E, R>(compare: (before: List) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = yield* wholeList
      const outcome = yield* Effect.either(compare(before))
      const after = yield* wholeList
      const unchanged =
        Option.getOrNull(revisionOf(before)) === Option.getOrNull(revisionOf(after)) &&
        sameIds(idsOf(before.workspaces), idsOf(after.workspaces))
      if (unchanged) return yield* outcome
    }
    return yield* new Violation({
      message: `the set changed during each of ${attempts} examinations: examine it at rest`
    })
  })

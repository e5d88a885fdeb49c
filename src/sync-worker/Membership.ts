/** Who may open which workspace, as the Auth Worker has it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Outgoing from "../transport/Outgoing.ts"
import * as UrlText from "../transport/UrlText.ts"
import { activeSecrets, type Environment } from "./Environment.ts"

/** The Auth Worker could not be asked, or did not answer as the contract says. */
export class MembershipUnknown extends Schema.TaggedError<MembershipUnknown>()("MembershipUnknown", {
  message: Schema.String
}) {}

/** How long the Auth Worker may take. */
const requestTimeoutMs = 5_000
/** How old a cached "is a member" may be. A cached "is not" is never used: a workspace may just have been made. */
const cacheMs = 10_000
/** Users remembered by one isolate; the longest remembered goes first. */
const maxCachedUsers = 1_000

const Answer = Schema.Struct({ instances: Schema.Array(Schema.Struct({ instanceId: Schema.String })) })

/** Paths are appended to `AUTH_WORKER_URL`. */
const baseRule: UrlText.UrlRule = { schemes: ["http", "https"], isBase: true }

const decodeAnswer = Schema.decodeUnknown(Schema.parseJson(Answer))

interface Cached {
  readonly instances: ReadonlySet<string>
  readonly at: number
}

const cache = new Map<string, Cached>()

const remember = (userId: string, entry: Cached) => {
  cache.delete(userId)
  cache.set(userId, entry)
  for (const oldest of cache.keys()) {
    if (cache.size <= maxCachedUsers) break
    cache.delete(oldest)
  }
}

const ask = (env: Environment, userId: string): Effect.Effect<ReadonlySet<string>, MembershipUnknown> =>
  Effect.gen(function* () {
    const unknown = (message: string) => new MembershipUnknown({ message })
    const [token] = activeSecrets(env.SERVER_BYPASS_TOKEN)
    // The host of a service binding's URL is not looked at, but there has to be one.
    const base = env.AUTH_WORKER_URL ?? (env.AUTH_WORKER === undefined ? undefined : "https://auth-worker")
    if (token === undefined || base === undefined) {
      return yield* unknown("AUTH_WORKER_URL or SERVER_BYPASS_TOKEN is not set")
    }
    if (!UrlText.isUrl(base, baseRule))
      return yield* unknown(`AUTH_WORKER_URL takes ${UrlText.takes(baseRule)}`)
    const binding = env.AUTH_WORKER
    const { status, text } = yield* Outgoing.send(
      `${UrlText.asBase(base)}/internal/users/${encodeURIComponent(userId)}/instances`,
      { headers: { authorization: `Bearer ${token}` } },
      async (response) => ({ status: response.status, text: await response.text() }),
      binding === undefined ? undefined : (url, request) => binding.fetch(url, request)
    ).pipe(
      Effect.mapError((error) =>
        unknown(
          error._tag === "Redirected"
            ? `the Auth Worker ${error.message}`
            : `the Auth Worker cannot be reached (${error.message})`
        )
      )
    )
    // An unknown user is a member of nothing.
    if (status === 404) return new Set<string>()
    if (status < 200 || status > 299) return yield* unknown(`the Auth Worker answers ${status}`)
    const answer = yield* Effect.mapError(decodeAnswer(text), () =>
      unknown("the Auth Worker's answer is not a list of instances")
    )
    return new Set(answer.instances.map((instance) => instance.instanceId))
  }).pipe(
    Effect.timeoutFail({
      duration: requestTimeoutMs,
      onTimeout: () => new MembershipUnknown({ message: "the Auth Worker does not answer" })
    })
  )

/** Whether the Auth Worker says at this moment that the user is a member of the workspace. */
export const isMemberNow = (env: Environment, userId: string, storeId: string) =>
  Effect.gen(function* () {
    const instances = yield* ask(env, userId)
    remember(userId, { instances, at: yield* Clock.currentTimeMillis })
    return instances.has(storeId)
  })

/** Whether the user is a member of the workspace, as of at most ten seconds ago. */
export const isMember = (env: Environment, userId: string, storeId: string) =>
  Effect.gen(function* () {
    const cached = cache.get(userId)
    const now = yield* Clock.currentTimeMillis
    if (cached !== undefined && now - cached.at < cacheMs && cached.instances.has(storeId)) return true
    return yield* isMemberNow(env, userId, storeId)
  })

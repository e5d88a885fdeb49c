/** The Sync Worker: lets a connection through to its workspace's Durable Object once it knows whose it is. */
import { CfDeclare, type CfTypes, matchSyncRequest } from "@livestore/sync-cf/cf-worker"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { connectionHeader, encodeConnection } from "./Connection.ts"
import { authenticate } from "./Credentials.ts"
import { jsonDigest } from "./Digest.ts"
import { activeSecrets, type Environment } from "./Environment.ts"
import * as HostNames from "../transport/HostNames.ts"
import { malformed, Refusal, refusalResponse } from "./Refusal.ts"

export { SyncBackendDO } from "./SyncBackendDO.ts"

/** The ids of the contract (section 2). */
const storeIdPattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/

const connect = (request: CfTypes.Request, env: Environment) =>
  Effect.gen(function* () {
    const search = matchSyncRequest(request)
    if (search === undefined) return yield* malformed("expected storeId, payload and transport")
    const { payload, storeId, transport } = search
    if (!storeIdPattern.test(storeId)) return yield* malformed("storeId is not a workspace's id")
    if (transport !== "ws") return yield* malformed("transport: only ws is offered")

    const principal = yield* authenticate(env, storeId, payload)
    // Only now: a plain GET asks whether the credentials are accepted, and this is the yes.
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return yield* new Refusal({ status: 426, code: "UPGRADE_REQUIRED", message: "expected a WebSocket" })
    }

    const url = new URL(request.url)
    // The Durable Object gets a digest instead: nothing that it keeps of a connection may be a secret.
    url.searchParams.delete("payload")
    const forwarded = new CfDeclare.Request(url.href, request)
    forwarded.headers.set(
      connectionHeader,
      encodeConnection({
        storeId,
        principal,
        payloadDigest: yield* jsonDigest(payload),
        confirmedAt: yield* Clock.currentTimeMillis
      })
    )
    const backends = env.SYNC_BACKEND_DO
    return yield* Effect.promise(() => backends.get(backends.idFromName(storeId)).fetch(forwarded))
  })

/** A page of a stranger must not reach a Worker on this machine under a name of its own (DNS rebinding). */
const answersTo = (env: Environment, request: CfTypes.Request): boolean => {
  const hosts = activeSecrets(env.ALLOWED_HOSTS)
  const isKnown = HostNames.matcher(hosts)
  const header = request.headers.get("host")
  return hosts.length === 0 || (isKnown(new URL(request.url).host) && (header === null || isKnown(header)))
}

const route = (
  request: CfTypes.Request,
  env: Environment
): Effect.Effect<CfTypes.Response | Response, Refusal> => {
  if (!answersTo(env, request)) {
    return Effect.fail(
      new Refusal({ status: 421, code: "MISDIRECTED_REQUEST", message: "no such host name here" })
    )
  }
  if (request.method !== "GET") {
    return Effect.fail(new Refusal({ status: 405, code: "METHOD_NOT_ALLOWED", message: "only GET" }))
  }
  if (new URL(request.url).pathname === "/health") return Effect.succeed(Response.json({ status: "healthy" }))
  // Any other path: LiveStore's own handler looks at the query only, and deployments rely on it.
  return connect(request, env)
}

export default {
  fetch: (request: CfTypes.Request, env: Environment): Promise<CfTypes.Response | Response> =>
    Effect.runPromise(
      route(request, env).pipe(
        Effect.catchTag("Refusal", (refusal) => Effect.succeed(refusalResponse(refusal)))
      )
    )
}

/**
 * Asks the sync backend, outside LiveStore, whether it lets this server in: to LiveStore a rejected connection looks
 * exactly like being offline, without a log line, for ever.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Outgoing from "../../transport/Outgoing.ts"

/** What the sync backend answers to a store's credentials. */
export type ProbeResult =
  | { readonly _tag: "Accepted" }
  /** Why, with the system's code: `ECONNREFUSED: nothing listens there; …`. */
  | { readonly _tag: "Unreachable"; readonly reason: string }
  /** Also a redirect: it is not followed, so the store would stay offline for ever. */
  | { readonly _tag: "Rejected"; readonly status: number; readonly reason: string }

/** How long a probe may take: as long as a person would believe that the backend is there. */
const probeTimeoutMs = 3_000
/** How much of the backend's own words is kept. */
const maxReasonLength = 300
/** How much of them is read: more, since a secret that is cut in two would not be recognised. */
const maxReadLength = 65_536
/** LiveStore's handler says 400; ours distinguishes 401 and 403. Anything else is an outage, not a verdict. */
const rejections: ReadonlySet<number> = new Set([400, 401, 403])

export interface ProbeTarget {
  /** `ws:`, `wss:`, `http:` or `https:` URL of the sync backend. */
  readonly syncUrl: string
  readonly storeId: string
  readonly bypassToken: Redacted.Redacted
}

/** The payload by which this server introduces itself (contract, section 4). */
export const serverPayload = (target: Pick<ProbeTarget, "storeId" | "bypassToken">) => ({
  serverBypass: Redacted.value(target.bypassToken),
  instanceId: target.storeId
})

/** Takes the secret out of a text that somebody else wrote. */
export const withoutSecret = (text: string, secret: Redacted.Redacted): string => {
  const value = Redacted.value(secret)
  return value === "" ? text : text.replaceAll(value, "<redacted>")
}

const probeUrl = (target: ProbeTarget): URL => {
  const url = new URL(target.syncUrl)
  url.protocol = url.protocol.replace(/^ws/, "http")
  url.searchParams.set("storeId", target.storeId)
  url.searchParams.set("transport", "ws")
  // Encoded twice, as LiveStore does: once as a URI component by its schema, once by the query string.
  url.searchParams.set("payload", encodeURIComponent(JSON.stringify(serverPayload(target))))
  return url
}

/** The reason is short; a backend that sends more is not read to the end. */
const beginningOf = async (response: Response): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of response.body ?? []) {
    if (chunk instanceof Uint8Array) text += decoder.decode(chunk, { stream: true })
    if (text.length > maxReadLength) break
  }
  return text
}

/**
 * One plain GET of the connection's own URL. A backend that accepts answers "upgrade required", one that rejects
 * gives its reason. Never fails; takes at most three seconds.
 */
export const probe = (target: ProbeTarget): Effect.Effect<ProbeResult> =>
  Outgoing.send(probeUrl(target), {}, async (response) => ({
    status: response.status,
    text: await beginningOf(response)
  })).pipe(
    Effect.timeout(probeTimeoutMs),
    Effect.map(({ status, text }): ProbeResult => {
      if (!rejections.has(status)) return { _tag: "Accepted" }
      return {
        _tag: "Rejected",
        status,
        reason: withoutSecret(text, target.bypassToken).slice(0, maxReasonLength)
      }
    }),
    Effect.catchAll((error) =>
      Effect.succeed<ProbeResult>(
        error._tag === "Redirected"
          ? { _tag: "Rejected", status: error.status, reason: `it ${error.message}` }
          : {
              _tag: "Unreachable",
              reason:
                error._tag === "TimeoutException" ? `no answer within ${probeTimeoutMs} ms` : error.message
            }
      )
    )
  )

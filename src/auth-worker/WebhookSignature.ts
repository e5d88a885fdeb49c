import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"

const utf8 = new TextEncoder()

/** The key of a Standard Webhooks secret: the base64 after `whsec_`, or the secret's own bytes. */
const keyBytes = (secret: string): Uint8Array<ArrayBuffer> => {
  const own = () => new Uint8Array(utf8.encode(secret))
  if (!secret.startsWith("whsec_")) return own()
  return new Uint8Array(Either.getOrElse(Encoding.decodeBase64(secret.slice("whsec_".length)), own))
}

/** `v1,<base64 HMAC-SHA256 of id.timestamp.body>` for one secret (Standard Webhooks 1.0.0). */
const signOne = (secret: string, content: string) =>
  Effect.promise(async () => {
    const key = await crypto.subtle.importKey(
      "raw",
      keyBytes(secret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"]
    )
    const signature = await crypto.subtle.sign("HMAC", key, utf8.encode(content))
    return `v1,${Encoding.encodeBase64(new Uint8Array(signature))}`
  })

/** The `webhook-signature` header: one signature per active secret, so that a rotation never refuses a delivery. */
export const signWebhook = (
  secrets: ReadonlyArray<string>,
  id: string,
  timestampSeconds: number,
  body: string
): Effect.Effect<string> =>
  Effect.forEach(secrets, (secret) => signOne(secret, `${id}.${timestampSeconds}.${body}`)).pipe(
    Effect.map((signatures) => signatures.join(" "))
  )

import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import { hmacSha256 } from "./Secrets.ts"

const utf8 = new TextEncoder()

/** The key of a Standard Webhooks secret: the base64 after `whsec_`, or the secret's own bytes. */
const keyBytes = (secret: string): Uint8Array => {
  const own = () => utf8.encode(secret)
  if (!secret.startsWith("whsec_")) return own()
  return Either.getOrElse(Encoding.decodeBase64(secret.slice("whsec_".length)), own)
}

/** `v1,<base64 HMAC-SHA256 of id.timestamp.body>` for one secret (Standard Webhooks 1.0.0). */
const signOne = (secret: string, content: string) =>
  Effect.map(hmacSha256(keyBytes(secret), content), (mac) => `v1,${Encoding.encodeBase64(mac)}`)

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

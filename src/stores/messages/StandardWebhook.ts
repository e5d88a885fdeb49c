/** Signing by Standard Webhooks 1.0.0: `v1,<base64 HMAC-SHA256 of id.timestamp.body>`, one for each active secret. */
import * as Redacted from "effect/Redacted"
import { createHmac } from "node:crypto"

const ENCODED_KEY_PREFIX = "whsec_"

/** The base64 behind `whsec_`, else the secret's own UTF-8 bytes. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith(ENCODED_KEY_PREFIX)
    ? Buffer.from(secret.slice(ENCODED_KEY_PREFIX.length), "base64")
    : Buffer.from(secret, "utf8")

/** The headers that prove `body` to whoever knows one of the secrets. `id` stays the same over all attempts. */
export const signedHeaders = (
  secrets: ReadonlyArray<Redacted.Redacted>,
  id: string,
  nowMs: number,
  body: string
): Record<string, string> => {
  const timestamp = String(Math.floor(nowMs / 1_000))
  const sign = (secret: Redacted.Redacted): string =>
    `v1,${createHmac("sha256", keyOf(Redacted.value(secret)))
      .update(`${id}.${timestamp}.${body}`)
      .digest("base64")}`
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": secrets.map(sign).join(" ")
  }
}

import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import { hmacSha256, randomId, randomToken, sha256Hex } from "./Secrets.ts"

const utf8 = new TextEncoder()

/** A secret that its holder presents as `<id>.<secret>`, and of which the registry stores the digest. */
export interface Bearer {
  readonly id: string
  readonly text: string
  readonly hash: string
}

const bearerOf = (id: string, secret: string): Effect.Effect<Bearer> =>
  Effect.map(sha256Hex(secret), (hash) => ({ id, text: `${id}.${secret}`, hash }))

/** A fresh one. */
export const makeBearer: Effect.Effect<Bearer> = Effect.flatMap(
  Effect.all([randomId, randomToken]),
  ([id, secret]) => bearerOf(id, secret)
)

/**
 * The one that follows a given one: always the same, so that a client whose answer was lost gets it again, and not to be told
 * without the server's key.
 */
export const nextBearer = (given: Pick<Bearer, "id" | "text">, key: string): Effect.Effect<Bearer> =>
  Effect.flatMap(hmacSha256(utf8.encode(key), `refresh ${given.text}`), (mac) =>
    bearerOf(given.id, Encoding.encodeBase64Url(mac))
  )

/** What was presented, taken apart: an id that nobody has where it is not of the form. */
export const readBearer = (text: string): Effect.Effect<Bearer> => {
  const dot = text.indexOf(".")
  return Effect.map(sha256Hex(text.slice(dot + 1)), (hash) => ({
    id: text.slice(0, Math.max(0, dot)),
    text,
    hash
  }))
}

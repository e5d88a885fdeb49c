import * as Effect from "effect/Effect"
import { randomId, randomToken, sha256Hex } from "./Secrets.ts"

/** A secret that its holder presents as `<id>.<secret>`, and of which the registry stores the digest. */
export interface Bearer {
  readonly id: string
  readonly text: string
  readonly hash: string
}

/** A fresh one; of the given id, when only its secret is to change. */
export const makeBearer = (id?: string): Effect.Effect<Bearer> =>
  Effect.gen(function* () {
    const own = id ?? (yield* randomId)
    const secret = yield* randomToken
    return { id: own, text: `${own}.${secret}`, hash: yield* sha256Hex(secret) }
  })

/** What was presented, taken apart: an id that nobody has where it is not of the form. */
export const readBearer = (text: string): Effect.Effect<Omit<Bearer, "text">> => {
  const dot = text.indexOf(".")
  return Effect.map(sha256Hex(text.slice(dot + 1)), (hash) => ({ id: text.slice(0, Math.max(0, dot)), hash }))
}

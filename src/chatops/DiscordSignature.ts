/**
 * Whether an interaction comes from Discord, once: an Ed25519 signature over the timestamp and the raw body, a timestamp
 * that is not old, and a message that has not been here before. Pure but for what it remembers: the clock is an argument.
 */
import * as Either from "effect/Either"
import { createHash, createPublicKey, verify } from "node:crypto"

/** How far a signed timestamp may be from our clock, either way: as for webhooks. */
const TIMESTAMP_TOLERANCE_SECONDS = 300
/** Interactions that are remembered at most; the oldest is forgotten first. Only Discord can put any in. */
const MAX_REMEMBERED = 10_000

export const SIGNATURE_HEADER = "x-signature-ed25519"
export const TIMESTAMP_HEADER = "x-signature-timestamp"

/** Why an interaction was refused: for the log and the metrics, never for its sender. */
export type Reason = "missing" | "malformed" | "signature" | "stale" | "replayed"
export const reasons: ReadonlyArray<Reason> = ["missing", "malformed", "signature", "stale", "replayed"]

export type Headers = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

const headerOf = (headers: Headers, name: string): string => {
  const header = headers[name]
  return typeof header === "string" ? header : ""
}

/** A check for this application's public key, 64 hex digits. Header names are in lower case. */
export const make = (publicKey: string) => {
  const x = Buffer.from(publicKey, "hex").toString("base64url")
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" })
  /** Digests of what was signed, each until its timestamp is stale, in epoch milliseconds. */
  const seen = new Map<string, number>()

  const isNews = (signed: Buffer, nowMs: number): boolean => {
    for (const [digest, staleAt] of seen) {
      if (staleAt > nowMs && seen.size < MAX_REMEMBERED) break
      seen.delete(digest)
    }
    const digest = createHash("sha256").update(signed).digest("base64")
    if (seen.has(digest)) return false
    // A timestamp may lie in the future by as much as in the past.
    seen.set(digest, nowMs + 2 * TIMESTAMP_TOLERANCE_SECONDS * 1_000)
    return true
  }

  return (headers: Headers, body: Uint8Array, nowMs: number): Either.Either<void, Reason> => {
    const signature = headerOf(headers, SIGNATURE_HEADER)
    const timestamp = headerOf(headers, TIMESTAMP_HEADER)
    if (signature === "" || timestamp === "") return Either.left("missing")
    if (!/^[0-9a-f]{128}$/i.test(signature) || !/^\d{1,12}$/.test(timestamp)) return Either.left("malformed")
    const signed = Buffer.concat([Buffer.from(timestamp), body])
    if (!verify(null, signed, key, Buffer.from(signature, "hex"))) return Either.left("signature")
    // After the signature, so that nobody but Discord learns our clock.
    const ageSeconds = Math.abs(Math.floor(nowMs / 1_000) - Number(timestamp))
    if (ageSeconds > TIMESTAMP_TOLERANCE_SECONDS) return Either.left("stale")
    return isNews(signed, nowMs) ? Either.void : Either.left("replayed")
  }
}

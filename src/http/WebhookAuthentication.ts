/**
 * Whether a webhook comes from somebody who knows the secret (wire contract, section 2). Pure: the clock, the headers
 * and the raw body are arguments.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createHmac } from "node:crypto"
import { matcher } from "./Secrets.ts"

/** How far a signed timestamp may be from our clock, either way (Standard Webhooks 1.0.0). */
export const TIMESTAMP_TOLERANCE_SECONDS = 300

/** A rotation needs two signatures; more than this many are not looked at. */
const MAX_SIGNATURES = 8
const MAX_ID_LENGTH = 256

const SIGNATURE_PREFIX = "v1,"
const ENCODED_KEY_PREFIX = "whsec_"

export interface Options {
  /** One, or two during a rotation. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Whether the plain secret is not enough. */
  readonly requireSignature: boolean
}

export interface Authenticated {
  /** The sender's id of this message, the same on every attempt; None without a signature. */
  readonly webhookId: Option.Option<string>
  /** Which of the secrets it was proved with, by its place. */
  readonly secret: number
}

/** Why a webhook was refused: for the log. Only `stale` says anything to the sender, whose signature was right. */
export type Refusal = "missing" | "secret" | "malformed" | "signature" | "stale" | "unsigned"

export type WebhookHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

const headerOf = (headers: WebhookHeaders, name: string): string => {
  const header = headers[name]
  return typeof header === "string" ? header : ""
}

/** The signing key of a secret: the base64 behind `whsec_`, else its own UTF-8 bytes. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith(ENCODED_KEY_PREFIX)
    ? Buffer.from(secret.slice(ENCODED_KEY_PREFIX.length), "base64")
    : Buffer.from(secret, "utf8")

const signatureOf = (key: Buffer, id: string, timestamp: string, body: Uint8Array): string =>
  createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")

/** The headers of a signed message, as a sender makes them. */
export const signedHeaders = (secret: Redacted.Redacted, id: string, body: Uint8Array, nowMs: number) => {
  const timestamp = String(Math.floor(nowMs / 1_000))
  const signature = signatureOf(keyOf(Redacted.value(secret)), id, timestamp, body)
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `${SIGNATURE_PREFIX}${signature}`
  }
}

/**
 * An authenticator for these secrets. `nowMs` is the time in epoch milliseconds; header names are lower case.
 *
 * Any `webhook-*` header means that the sender signs: the signature must then pass, whatever else is presented. The
 * signature is checked before the timestamp, so that nobody without the secret learns our clock.
 */
export const make = ({ requireSignature, secrets }: Options) => {
  const plain = secrets.map(Redacted.value)
  const secretOf = matcher(plain)
  const keys = plain.map(keyOf)

  const checkSignature = (
    headers: WebhookHeaders,
    body: Uint8Array,
    nowMs: number
  ): Either.Either<Authenticated, Refusal> => {
    const id = headerOf(headers, "webhook-id")
    const timestamp = headerOf(headers, "webhook-timestamp")
    if (id === "" || id.length > MAX_ID_LENGTH || !/^\d{1,12}$/.test(timestamp))
      return Either.left("malformed")
    const secretOfSignature = matcher(keys.map((key) => signatureOf(key, id, timestamp, body)))
    let passed = Option.none<number>()
    for (const signature of headerOf(headers, "webhook-signature").split(" ", MAX_SIGNATURES)) {
      if (!signature.startsWith(SIGNATURE_PREFIX)) continue
      const secret = secretOfSignature(signature.slice(SIGNATURE_PREFIX.length))
      passed = Option.orElse(passed, () => secret)
    }
    if (Option.isNone(passed)) return Either.left("signature")
    const ageSeconds = Math.abs(Math.floor(nowMs / 1_000) - Number(timestamp))
    return ageSeconds <= TIMESTAMP_TOLERANCE_SECONDS
      ? Either.right({ webhookId: Option.some(id), secret: passed.value })
      : Either.left("stale")
  }

  return (
    headers: WebhookHeaders,
    body: Uint8Array,
    nowMs: number
  ): Either.Either<Authenticated, Refusal> => {
    if (Object.keys(headers).some((name) => name.startsWith("webhook-"))) {
      return checkSignature(headers, body, nowMs)
    }
    const presented = headerOf(headers, "x-webhook-secret")
    if (presented === "") return Either.left("missing")
    const secret = secretOf(presented)
    if (Option.isNone(secret)) return Either.left("secret")
    return requireSignature
      ? Either.left("unsigned")
      : Either.right({ webhookId: Option.none(), secret: secret.value })
  }
}

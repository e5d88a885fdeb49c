import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import fc from "fast-check"
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { make, type Refusal, type WebhookHeaders } from "../../../src/http/WebhookAuthentication.ts"

const NOW_MS = 1_739_218_500_000

const authenticator = (secrets: ReadonlyArray<string>, requireSignature = false) =>
  make({ secrets: secrets.map((secret) => Redacted.make(secret)), requireSignature })

const verdict = (result: Either.Either<unknown, Refusal>): Refusal | "passes" =>
  Either.match(result, { onLeft: (refusal) => refusal, onRight: () => "passes" as const })

const signature = (key: Buffer, id: string, timestamp: string, body: string): string =>
  `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`

/** What a sender signs with the UTF-8 bytes of the secret. */
const signed = (
  secret: string,
  body: string,
  overrides: Record<string, string> = {}
): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> => {
  const id = overrides["webhook-id"] ?? "msg_1"
  const timestamp = overrides["webhook-timestamp"] ?? String(NOW_MS / 1_000)
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signature(Buffer.from(secret), id, timestamp, body),
    ...overrides
  }
}

const check = (
  authenticate: ReturnType<typeof make>,
  headers: WebhookHeaders,
  body: string,
  nowMs = NOW_MS
) => verdict(authenticate(headers, Buffer.from(body), nowMs))

const text = fc.string({ unit: "grapheme", minLength: 1 })
const secretText = fc.string({ minLength: 1 }).filter((secret) => !secret.startsWith("whsec_"))
const messageId = fc.string({ minLength: 1, maxLength: 64 })

describe("the authentication of webhooks", () => {
  it("takes the plain secret, whichever of the two, and nothing like it", () => {
    const authenticate = authenticator(["new", "old"])
    expect(check(authenticate, { "x-webhook-secret": "new" }, "{}")).toBe("passes")
    expect(check(authenticate, { "x-webhook-secret": "old" }, "{}")).toBe("passes")
    expect(check(authenticate, { "x-webhook-secret": "newold" }, "{}")).toBe("secret")
    expect(check(authenticate, { "x-webhook-secret": ["new"] }, "{}")).toBe("missing")
    expect(check(authenticate, { "x-webhook-secret": "" }, "{}")).toBe("missing")
    expect(check(authenticate, {}, "{}")).toBe("missing")
  })

  it("takes nothing when there is no secret", () => {
    const nobody = authenticator([])
    expect(check(nobody, { "x-webhook-secret": "" }, "{}")).toBe("missing")
    expect(check(nobody, { "x-webhook-secret": "undefined" }, "{}")).toBe("secret")
    expect(check(nobody, signed("", "{}"), "{}")).toBe("signature")
  })

  it("never falls back to the plain secret where any webhook-* header is present", () => {
    const authenticate = authenticator(["secret"])
    for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature", "webhook-anything"]) {
      expect(check(authenticate, { [name]: "", "x-webhook-secret": "secret" }, "{}")).not.toBe("passes")
    }
  })

  it("wants a signature where one is required", () => {
    const authenticate = authenticator(["secret"], true)
    expect(check(authenticate, { "x-webhook-secret": "secret" }, "{}")).toBe("unsigned")
    expect(check(authenticate, signed("secret", "{}"), "{}")).toBe("passes")
  })

  it("gives the message's id to whoever must tell duplicates", () => {
    const result = authenticator(["secret"])(signed("secret", "{}"), Buffer.from("{}"), NOW_MS)
    expect(Either.getOrThrow(result)).toEqual({ webhookId: Option.some("msg_1"), secret: 0 })
  })

  it("allows five minutes either way, and checks the signature before the timestamp", () => {
    const authenticate = authenticator(["secret"])
    const at = (seconds: number, secret = "secret") =>
      check(
        authenticate,
        signed(secret, "{}", { "webhook-timestamp": String(NOW_MS / 1_000 + seconds) }),
        "{}"
      )
    expect([at(-300), at(0), at(300)]).toEqual(["passes", "passes", "passes"])
    expect([at(-301), at(301)]).toEqual(["stale", "stale"])
    expect(at(-100_000, "wrong")).toBe("signature")
  })

  it.each(["", "abc", "-1", "1e9", "1739218500.5", "0x67aa", " 1739218500", "9".repeat(13)])(
    "refuses the timestamp %j, even if it is signed",
    (timestamp) => {
      expect(
        check(authenticator(["secret"]), signed("secret", "{}", { "webhook-timestamp": timestamp }), "{}")
      ).toBe("malformed")
    }
  )

  it("finds the right one among several signatures, and only version 1", () => {
    const authenticate = authenticator(["secret"])
    const right = signed("secret", "{}")["webhook-signature"]
    const of = (value: string) =>
      check(authenticate, signed("secret", "{}", { "webhook-signature": value }), "{}")
    expect(of(`v1,AAAA v2,BBBB ${right}`)).toBe("passes")
    expect(of(right.replace("v1,", "v2,"))).toBe("signature")
    expect(of(right.replace("v1,", ""))).toBe("signature")
    expect(of("v1,")).toBe("signature")
    expect(of("")).toBe("signature")
    expect(of(`${"v1,AAAA ".repeat(100)}${right}`)).toBe("signature")
  })

  it("agrees with the standardwebhooks package on what that signs", () => {
    fc.assert(
      fc.property(secretText, messageId, text, fc.boolean(), (secret, id, body, encoded) => {
        const base64 = Buffer.from(secret).toString("base64")
        const oracle = new Webhook(encoded ? `whsec_${base64}` : base64)
        const headers = {
          "webhook-id": id,
          "webhook-timestamp": String(NOW_MS / 1_000),
          "webhook-signature": oracle.sign(id, new Date(NOW_MS), body)
        }
        expect(check(authenticator([encoded ? `whsec_${base64}` : secret]), headers, body)).toBe("passes")
      })
    )
  })

  it("agrees with the standardwebhooks package on what it takes", () => {
    const seconds = Math.floor(Date.now() / 1_000)
    fc.assert(
      fc.property(
        secretText,
        messageId,
        fc.json(),
        fc.integer({ min: -600, max: 600 }),
        (secret, id, body, drift) => {
          // The oracle has its own clock: a second's width around the edge is left to neither.
          fc.pre(Math.abs(Math.abs(drift) - 300) > 2)
          const headers = signed(secret, body, {
            "webhook-id": id,
            "webhook-timestamp": String(seconds + drift)
          })
          const oracle = new Webhook(Buffer.from(secret).toString("base64"))
          const oracleTakes = () => {
            try {
              oracle.verify(body, headers)
              return true
            } catch {
              return false
            }
          }
          expect(check(authenticator([secret]), headers, body, seconds * 1_000) === "passes").toBe(
            oracleTakes()
          )
        }
      )
    )
  })

  it("refuses whatever has been changed in a signed message", () => {
    const field = fc.constantFrom("webhook-id", "webhook-timestamp", "webhook-signature", "body" as const)
    fc.assert(
      fc.property(secretText, text, field, fc.nat(), (secret, body, changed, position) => {
        const headers = signed(secret, body)
        const original = changed === "body" ? body : headers[changed]
        const at = changed === "webhook-signature" ? 3 + (position % 40) : position % original.length
        const flipped = `${original.slice(0, at)}${original[at] === "1" ? "2" : "1"}${original.slice(at + 1)}`
        fc.pre(flipped !== original)
        const result =
          changed === "body"
            ? check(authenticator([secret]), headers, flipped)
            : check(authenticator([secret]), { ...headers, [changed]: flipped }, body)
        expect(result).not.toBe("passes")
      })
    )
  })
})

import * as Effect from "effect/Effect"
import fc from "fast-check"
import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { signWebhook } from "../../../src/auth-worker/WebhookSignature.ts"

const sign = (secrets: ReadonlyArray<string>, id: string, seconds: number, body: string) =>
  Effect.runPromise(signWebhook(secrets, id, seconds, body))

const now = Math.floor(new Date().getTime() / 1_000)
const bytes = fc.uint8Array({ minLength: 24, maxLength: 64 })
const base64 = (data: Uint8Array) => Buffer.from(data).toString("base64")

describe("a webhook's signature", () => {
  it("is the one that the standardwebhooks package makes and accepts, for any key, id and body", async () => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.uuid(), fc.json(), async (key, id, body) => {
        const secret = `whsec_${base64(key)}`
        const oracle = new Webhook(secret)
        const signature = await sign([secret], id, now, body)
        expect(signature).toBe(oracle.sign(id, new Date(now * 1_000), body))
        oracle.verify(body, {
          "webhook-id": id,
          "webhook-timestamp": String(now),
          "webhook-signature": signature
        })
      })
    )
  })

  it("of a secret without the prefix uses its own bytes as the key", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: "binary" }), fc.json(), async (secret, body) => {
        fc.pre(!secret.startsWith("whsec_"))
        const oracle = new Webhook(base64(Buffer.from(secret)))
        expect(await sign([secret], "id", now, body)).toBe(oracle.sign("id", new Date(now * 1_000), body))
      })
    )
  })

  it("is one for each active secret, and either passes", async () => {
    const secrets = [
      `whsec_${base64(Buffer.from("a".repeat(24)))}`,
      `whsec_${base64(Buffer.from("b".repeat(24)))}`
    ]
    const signature = await sign(secrets, "id", now, "{}")
    expect(signature.split(" ")).toHaveLength(2)
    const headers = { "webhook-id": "id", "webhook-timestamp": String(now), "webhook-signature": signature }
    for (const secret of secrets) new Webhook(secret).verify("{}", headers)
  })
})

import { describe, expect, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import fc from "fast-check"
import * as Scrubber from "../../../src/telemetry/Scrubber.ts"

const SECRETS = ["bypass-token-1234", "whsec_c2VjcmV0LXNlY3JldA=="]
const scrubber = Scrubber.make(SECRETS.map((secret) => Redacted.make(secret)))

const scrubbed = <A extends object>(value: A): A => {
  const copy = structuredClone(value)
  scrubber.object(copy)
  return copy
}

describe("the scrubber", () => {
  it("takes the secrets of this process out of every text, however they are written", () => {
    expect(scrubber.text("GET failed with bypass-token-1234, twice: bypass-token-1234")).toBe(
      "GET failed with [redacted], twice: [redacted]"
    )
    expect(scrubber.text(`?secret=${encodeURIComponent(SECRETS[1] ?? "")}`)).not.toContain("c2VjcmV0")
    expect(scrubber.text("signed with c2VjcmV0LXNlY3JldA==")).toBe("signed with [redacted]")
  })

  it("knows each secret in a URL, in JSON and in base64, alone and behind something else", () => {
    fc.assert(
      fc.property(
        fc
          .string({ minLength: 12, maxLength: 40, unit: "grapheme-ascii" })
          .filter((text) => text.trim() === text),
        fc.string({ maxLength: 9 }),
        (secret, before) => {
          const { known } = Scrubber.make([Redacted.make(secret)])
          const base64 = Buffer.from(`${before}:${secret}`).toString("base64")
          for (const form of [
            secret,
            encodeURIComponent(secret),
            JSON.stringify(secret).slice(1, -1),
            Buffer.from(secret).toString("base64"),
            Buffer.from(secret).toString("base64url")
          ]) {
            expect(known(`before ${form} behind`)).not.toContain(form)
          }
          // Less than three characters of the secret are left where it shares its base64 with what stands before and behind.
          const left = Buffer.from(known(base64).replaceAll("[redacted]", ""), "base64").toString("latin1")
          expect(left).not.toContain(secret.slice(2, -2))
        }
      )
    )
  })

  it("copies without the secrets, keys included, and leaves the original as it is", () => {
    const original = { list: ["x bypass-token-1234"], "bypass-token-1234": { at: new Date(0) }, many: 3 }
    expect(scrubber.copy(original)).toEqual({
      list: ["x [redacted]"],
      "[redacted]": { at: "1970-01-01T00:00:00.000Z" },
      many: 3
    })
    expect(original.list).toEqual(["x bypass-token-1234"])
  })

  it.each([
    ["Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"],
    ["https://user:pass@auth.example.com/list", "https://[redacted]@auth.example.com/list"],
    ["https://user:p@ss@auth.example.com/list", "https://[redacted]@auth.example.com/list"],
    [
      "wss://sync.example.com/?storeId=a&payload=%7B%22x%22%7D&t=1",
      "wss://sync.example.com/?storeId=a&payload=[redacted]&t=1"
    ],
    ['{"serverBypass":"abcdef","instanceId":"a"}', '{"serverBypass":"[redacted]","instanceId":"a"}'],
    ["x-webhook-secret: hunter2", "x-webhook-secret: [redacted]"],
    ["whsec_AAAABBBB", "whsec_[redacted]"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJ[redacted]"]
  ])("knows the shape of a secret that is not its own: %s", (text, expected) => {
    expect(scrubber.text(text)).toBe(expected)
  })

  it("leaves out what a field of such a name holds, and keeps the rest", () => {
    const event = {
      tags: { storeId: "ws-1", operation: "provision" },
      contexts: { request: { headers: { authorization: "abc", accept: "json", "x-server-token": ["abc"] } } },
      extra: { webhookSecret: { nested: 1 }, durationMs: 12, password: null },
      breadcrumbs: [{ data: { url: "http://a:b@host", jwtToken: 7 } }, "bypass-token-1234"]
    }
    expect(scrubbed(event)).toEqual({
      tags: { storeId: "ws-1", operation: "provision" },
      contexts: {
        request: {
          headers: { authorization: "[redacted]", accept: "json", "x-server-token": "[redacted]" }
        }
      },
      extra: { webhookSecret: "[redacted]", durationMs: 12, password: null },
      breadcrumbs: [{ data: { url: "http://[redacted]@host", jwtToken: "[redacted]" } }, "[redacted]"]
    })
  })

  it("ends on what refers to itself", () => {
    const loop: Record<string, unknown> = { text: "bypass-token-1234" }
    loop["self"] = loop
    scrubber.object(loop)
    expect(loop["text"]).toBe("[redacted]")
  })

  it("lets no secret through, wherever it is in whatever", () => {
    const text = fc
      .tuple(fc.string(), fc.constantFrom(...SECRETS, ""), fc.string())
      .map((parts) => parts.join(""))
    fc.assert(
      fc.property(fc.object({ key: text, values: [text], maxDepth: 5 }), (value) => {
        const seen = JSON.stringify(Object.values(scrubbed(value)), (_, field: unknown) =>
          typeof field === "object" && field !== null && !Array.isArray(field) ? Object.values(field) : field
        )
        for (const secret of SECRETS) expect(seen).not.toContain(secret)
      })
    )
  })
})

import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { childTraceparent, parseTraceparent, TraceContext } from "../../../src/auth-worker/TraceContext.ts"

const trace = "0af7651916cd43dd8448eb211c80319c"
const incoming = `00-${trace}-b7ad6b7169203331-00`

const childOf = (header: string | null) =>
  Effect.runPromise(childTraceparent.pipe(Effect.provideService(TraceContext, parseTraceparent(header))))

describe("the trace context of a webhook", () => {
  it("is the request's trace and sampling with a span of its own", async () => {
    const child = await childOf(incoming)
    expect(child).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`))
    expect(child).not.toBe(incoming)
  })

  it("is a new trace where the request has none, or one that is malformed", async () => {
    for (const header of [
      null,
      "",
      "nonsense",
      `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
      incoming.toUpperCase(),
      `${incoming}-extra`
    ]) {
      expect(await childOf(header)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      expect(await childOf(header)).not.toContain(trace)
    }
  })
})

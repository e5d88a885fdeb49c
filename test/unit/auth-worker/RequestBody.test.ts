import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { maxBodyBytes, readBody } from "../../../src/auth-worker/RequestBody.ts"

const Body = Schema.Struct({
  name: Schema.String,
  tags: Schema.optionalWith(Schema.Array(Schema.String), { exact: true })
})

const read = (body: string, contentType = "application/json") =>
  Effect.runPromise(
    Effect.either(
      readBody(
        new Request("http://worker/", { method: "POST", body, headers: { "content-type": contentType } }),
        Body
      )
    )
  )

describe("a request body", () => {
  it("is decoded, whatever the parameters of its media type", async () => {
    expect(await read('{"name":"x"}', "Application/JSON; charset=utf-8")).toMatchObject({
      right: { name: "x" }
    })
  })

  it("is refused for its size before its type, and for its type before its content", async () => {
    expect(await read("x".repeat(maxBodyBytes + 1), "text/plain")).toMatchObject({ left: { status: 413 } })
    expect(await read("x", "text/plain")).toMatchObject({ left: { status: 415 } })
    expect(await read("x")).toMatchObject({ left: { status: 400 } })
    expect(await read(`{"name":"${"ü".repeat(maxBodyBytes / 2)}"}`)).toMatchObject({ left: { status: 413 } })
  })

  it("nested deeper than anybody needs is refused without being parsed, brackets in strings aside", async () => {
    const nested = (depth: number) => `{"name":"x","tags":${"[".repeat(depth)}${"]".repeat(depth)}}`
    expect(await read(nested(10_000))).toMatchObject({
      left: { message: "The request body may nest 32 levels." }
    })
    expect(await read(JSON.stringify({ name: '[{"\\'.repeat(100) }))).toMatchObject({ right: {} })
  })

  it("that is wrong never comes back in the error", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const marked = JSON.stringify({ name: { marker: "to-look-for", value }, tags: "to-look-for" })
        const answer = await read(marked)
        expect(answer).toMatchObject({ left: { status: 400 } })
        expect(JSON.stringify(answer)).not.toContain("to-look-for")
      }),
      { numRuns: 50 }
    )
  })
})

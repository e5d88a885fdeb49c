import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { layer, type Options } from "../../../src/telemetry/Logger.ts"
import { prettyLine } from "../../../src/telemetry/PrettyLine.ts"

class Broken extends Schema.TaggedError<Broken>()("Broken", { storeId: Schema.String }) {
  override get message(): string {
    return `${this.storeId} is broken`
  }
}

const lines = async (effect: Effect.Effect<unknown>, options: Partial<Options> = {}) => {
  const written: Array<string> = []
  const flushed: Array<number> = []
  const destination = {
    write: (line: string) => void written.push(line),
    flush: () => {
      flushed.push(written.length)
      return Promise.resolve()
    }
  }
  await Effect.runPromise(
    effect.pipe(
      Effect.provide(
        layer({
          level: "info",
          format: "json",
          colour: false,
          incidentDashboardUrl: Option.none(),
          destination,
          ...options
        })
      )
    )
  )
  expect(flushed.at(-1)).toBe(written.length)
  return written
}

const records = async (effect: Effect.Effect<unknown>, options: Partial<Options> = {}) =>
  (await lines(effect, options)).map(
    (line): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>
  )

describe("the logger", () => {
  it("writes one JSON object a line: label, ISO time, constant message, and the rest as fields", async () => {
    const [record] = await records(
      Effect.logInfo("store.opened", { storeId: "abc", attempts: 2 }).pipe(
        Effect.annotateLogs("requestId", "r1")
      )
    )
    expect(record).toMatchObject({
      level: "info",
      msg: "store.opened",
      storeId: "abc",
      attempts: 2,
      requestId: "r1"
    })
    expect(new Date(String(record?.["time"])).toISOString()).toBe(record?.["time"])
    expect(record).not.toHaveProperty("pid")
  })

  it("drops what is below the level", async () => {
    const all = Effect.all([
      Effect.logDebug("d"),
      Effect.logInfo("i"),
      Effect.logWarning("w"),
      Effect.logFatal("f")
    ])
    expect((await records(all, { level: "warn" })).map(({ level }) => level)).toEqual(["warn", "fatal"])
    expect(await records(all, { level: "silent" })).toEqual([])
    expect((await records(all, { level: "trace" })).length).toBe(4)
  })

  it("renders a cause as the type, the message and the stack of its error", async () => {
    const [failure, defect, interruption, plain] = await records(
      Effect.all([
        Effect.logError("failed", Cause.fail(new Broken({ storeId: "abc" }))),
        Effect.logError("died", Cause.die(new TypeError("no"))),
        Effect.interrupt.pipe(Effect.catchAllCause((cause) => Effect.logWarning("stopped", cause))),
        Effect.logError("error as a part", new Broken({ storeId: "def" }))
      ])
    )
    expect(failure?.["err"]).toMatchObject({ type: "Broken", message: "abc is broken" })
    expect(JSON.stringify(failure?.["err"])).toContain("stack")
    expect(defect?.["err"]).toMatchObject({ type: "TypeError", message: "no" })
    expect(interruption?.["err"]).toMatchObject({ type: "Interrupted" })
    expect(plain?.["err"]).toMatchObject({ type: "Broken" })
  })

  it("carries the ids of the span it was written in", async () => {
    const [record] = await records(Effect.logInfo("inside").pipe(Effect.withSpan("reconcile")))
    expect(record?.["traceId"]).toMatch(/^[0-9a-f]{32}$/)
    expect(record?.["spanId"]).toMatch(/^[0-9a-f]{16}$/)
  })

  it("never prints what is redacted, however deep", async () => {
    const secret = Redacted.make("s3cr3t")
    for (const format of ["json", "pretty"] as const) {
      const written = await lines(
        Effect.logInfo("secret", secret, { secret, nested: { list: [secret] } }).pipe(
          Effect.annotateLogs("annotated", secret)
        ),
        { format }
      )
      expect(written).toHaveLength(1)
      expect(written.join("")).not.toContain("s3cr3t")
      expect(written.join("")).toContain("<redacted>")
    }
  })

  it("adds the incident dashboard to the lines of the orchestration only", async () => {
    const [ours, others] = await records(
      Effect.all([
        Effect.logInfo("ours").pipe(Effect.annotateLogs("category", "workspace_orchestration")),
        Effect.logInfo("others")
      ]),
      { incidentDashboardUrl: Option.some("https://dashboard.example") }
    )
    expect(ours?.["incidentDashboardUrl"]).toBe("https://dashboard.example")
    expect(others).not.toHaveProperty("incidentDashboardUrl")
  })

  it("lets no field replace the line's own", async () => {
    const [record] = await records(
      Effect.logInfo("real", { level: "fake", msg: "fake", time: "fake", err: 1 })
    )
    expect(record).toMatchObject({ level: "info", msg: "real", level_: "fake", msg_: "fake", err_: 1 })
  })

  it("survives what JSON cannot say", async () => {
    const circular: Record<string, unknown> = { big: 1n }
    circular["self"] = circular
    const [record] = await records(Effect.logInfo("odd", circular))
    expect(record?.["msg"]).toBe("odd")
  })
})

describe("a pretty line", () => {
  const line = JSON.stringify({
    level: "warn",
    time: "2025-02-10T20:15:00.123Z",
    storeId: "abc",
    text: "two words\u001b[2J",
    err: { type: "Broken", message: "no", stack: "Broken: no\n at x" },
    msg: "store.failed"
  })

  it("says the time, the level, the message and the fields, with the stack below", () => {
    expect(prettyLine(line, false)).toBe(
      '20:15:00.123 WARN  store.failed storeId=abc text="two words\\u001b[2J"\n    Broken: no\n     at x\n'
    )
  })

  it("is coloured only where colours are wanted, and lets no escape of others through", () => {
    expect(prettyLine(line, true)).toContain("\u001b[33mWARN")
    expect(prettyLine(line, false)).not.toContain("\u001b")
    expect(prettyLine("not json", true)).toBe("not json")
  })
})

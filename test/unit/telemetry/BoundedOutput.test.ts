/** The log's output over an operating system whose answers are scripted, and over real pipes and devices. */
import { describe, expect, it } from "vitest"
import { make, type System } from "../../../src/telemetry/BoundedOutput.ts"
import { eventually } from "../../support/Eventually.ts"

type Answer = { readonly error: string } | { readonly takes: number } | "all" | "never"

/** Answers each write as scripted, then takes everything. What it took is `text`. */
const scripted = (...script: ReadonlyArray<Answer>) => {
  const answers = [...script]
  let text = ""
  const errorOf = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })
  const take = (bytes: Uint8Array, most: number): number => {
    const taken = Buffer.from(bytes).subarray(0, most)
    text += taken.toString()
    return taken.byteLength
  }
  const system: System = {
    write: (_fd, bytes, done) => {
      const answer = answers.shift() ?? "all"
      if (answer === "never") return
      setImmediate(() => {
        if (typeof answer === "object" && "error" in answer) return done(errorOf(answer.error), 0)
        done(null, take(bytes, answer === "all" ? bytes.byteLength : answer.takes))
      })
    },
    writeSync: (_fd, bytes) => {
      const answer = answers.shift() ?? "all"
      if (typeof answer === "object" && "error" in answer) throw errorOf(answer.error)
      return take(bytes, bytes.byteLength)
    }
  }
  return { system, text: () => text }
}

const notice = (dropped: number, reason: string): string => `${dropped} dropped: ${reason}\n`

describe("the log's output", () => {
  it("writes lines in their order, however the system cuts them", async () => {
    const { system, text } = scripted({ takes: 1 }, { takes: 3 }, { error: "EAGAIN" })
    const output = make({ fd: 1, system })
    for (const line of ["one\n", "two\n", "three\n"]) output.write(line)
    await output.flush(5_000)
    expect(text()).toBe("one\ntwo\nthree\n")
    expect(output.state()).toEqual({ dropped: 0, failure: null, pendingBytes: 0 })
  })

  it("drops and counts what a full disk refuses, and says so in one line once there is room", async () => {
    const { system, text } = scripted({ error: "ENOSPC" })
    const output = make({ fd: 1, system })
    output.onRecovered(notice)
    output.write("lost\n")
    await eventually("the disk is known to be full", () => output.state().failure === "ENOSPC")
    expect(output.state().dropped).toBe(1)
    await eventually("there is room again", () => output.state().failure === null)
    output.write("kept\n")
    await output.flush(5_000)
    expect(text()).toBe("1 dropped: ENOSPC\nkept\n")
  })

  it("starts a line of its own after one that was cut short", async () => {
    const { system, text } = scripted({ takes: 2 }, { error: "ENOSPC" })
    const output = make({ fd: 1, system })
    output.onRecovered(notice)
    output.write("torn\n")
    await eventually("the disk is known to be full", () => output.state().failure === "ENOSPC")
    await eventually("there is room again", () => output.state().failure === null)
    expect(text()).toBe("to\n1 dropped: ENOSPC\n")
  })

  it("keeps what a slow reader leaves up to the bound, drops the rest, and says how much", async () => {
    const { system, text } = scripted({ error: "EAGAIN" })
    const output = make({ fd: 1, system, maxBytes: 20 })
    output.onRecovered(notice)
    for (let line = 0; line < 10; line++) output.write(`line ${line}\n`)
    expect(output.state()).toMatchObject({ dropped: 7, failure: "BLOCKED" })
    await output.flush(5_000)
    expect(text()).toBe("line 0\nline 1\nline 2\n7 dropped: BLOCKED\n")
    expect(output.state().failure).toBeNull()
  })

  it("never waits in a flush for an output that takes nothing, and says that it is stuck", async () => {
    const { system } = scripted("never")
    const output = make({ fd: 1, system })
    output.write("stays\n")
    await output.flush(1)
    await eventually("the write is known to be stuck", () => output.isStuck())
    expect(output.state().pendingBytes).toBe(6)
  })

  it("writes what waits when the process ends, and gives up on a device that is full", () => {
    const slow = scripted("never", { error: "EAGAIN" })
    const one = make({ fd: 1, system: slow.system })
    one.write("in flight\n")
    one.write("last words\n")
    one.flushSync(200)
    expect(slow.text()).toBe("last words\n")
    const full = scripted("never", { error: "ENOSPC" })
    const other = make({ fd: 1, system: full.system })
    other.write("in flight\n")
    other.write("lost\n")
    other.flushSync(200)
    expect(full.text()).toBe("")
  })
})

/**
 * Where the lines of the log go: written asynchronously, a bounded number of bytes waiting, and lines that cannot be
 * written dropped and counted. The program never waits for the reader of its log (observability never steers).
 *
 * Of our own because pino's destination (sonic-boom) waits without a bound in its last flush, forever on a full device,
 * and cannot say how many lines were lost.
 */
import { write as writeFile, writeSync } from "node:fs"
import { counter } from "./Metrics.ts"

export interface Options {
  /** The file descriptor. */
  readonly fd: number
  /** What may wait to be written, in bytes; lines beyond it are dropped. Defaults to 1 MiB: some 3,000 lines. */
  readonly maxBytes?: number
  /** Replaced in tests, to inject faults. */
  readonly system?: System
}

/** The two calls of the operating system that are used here. */
export interface System {
  readonly write: (
    fd: number,
    bytes: Uint8Array,
    done: (error: NodeJS.ErrnoException | null, written: number) => void
  ) => void
  /** Returns how much was written; throws what the system says. */
  readonly writeSync: (fd: number, bytes: Uint8Array) => number
}

/** How the output is doing. */
export interface OutputState {
  /** Lines dropped since the start of the process. */
  readonly dropped: number
  /** Why lines cannot be written at present (`ENOSPC`, `EPIPE`, `BLOCKED`: the reader does not read); null: they can. */
  readonly failure: string | null
  /** Bytes that wait. */
  readonly pendingBytes: number
}

export interface BoundedOutput {
  /** Never waits and never throws. */
  readonly write: (line: string) => void
  /** Counts a line that could not even be built. */
  readonly drop: () => void
  /** Completes when everything is written, when nothing can be written, or after so many milliseconds. */
  readonly flush: (withinMs: number) => Promise<void>
  /** The last attempt of a process that ends: writes what waits without waiting for a reader, for so long at the most. */
  readonly flushSync: (withinMs: number) => void
  readonly state: () => OutputState
  /** A write has been with the operating system for so long that the process could not end before it. */
  readonly isStuck: () => boolean
  /** Replaces the line that is written once lines can be written again; it is asked with the number that was lost. */
  readonly onRecovered: (notice: ((dropped: number, reason: string) => string) | undefined) => void
}

const MAX_PENDING_BYTES = 1_048_576
/** Written in one call: less than a pipe holds, so that a slow reader gets whole lines soon. */
const MAX_WRITE_BYTES = 16_384
/** A pipe that is full is tried again after this. */
const FULL_PIPE_RETRY_MS = 50
/** An output that fails is tried again after this, with the notice of what was lost. */
const PROBE_MS = 1_000
/** A write that takes longer than this occupies its thread: the reader of a blocking output has stopped. */
const STUCK_MS = 1_000

const dropped = counter("wso_log_lines_dropped_total", "Lines of the log that could not be written")

const node: System = {
  write: (fd, bytes, done) => writeFile(fd, bytes, 0, bytes.byteLength, null, done),
  writeSync: (fd, bytes) => writeSync(fd, bytes)
}

const isFull = (code: string): boolean => code === "EAGAIN" || code === "EWOULDBLOCK" || code === "EBUSY"
const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO"

/** Sleeps this thread; only a process that ends does that. */
const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** An output on a file descriptor that stays open as long as the process. */
export const make = (options: Options): BoundedOutput => {
  const { fd, maxBytes = MAX_PENDING_BYTES, system = node } = options
  /** Whole lines that wait, and the bytes that they are. */
  let waiting: Array<Buffer> = []
  let waitingBytes = 0
  /** The rest of what is being written, and how many lines end in it. */
  let current: Buffer | undefined
  let currentLines = 0
  /** When the operating system was given the write that it has not answered yet. */
  let handedAt: number | undefined
  let retry: NodeJS.Timeout | undefined
  let total = 0
  let unreported = 0
  let failure: string | null = null
  /** The newest thing that reached the output ends in the middle of a line. */
  let isTorn = false
  let notice: ((dropped: number, reason: string) => string) | undefined
  const idle = new Set<() => void>()

  const lose = (lines: number): void => {
    if (lines === 0) return
    total += lines
    unreported += lines
    dropped.add(lines)
  }

  const now = (): number => Number(process.hrtime.bigint() / 1_000_000n)

  const later = (ms: number, then: () => void): void => {
    retry = setTimeout(() => {
      retry = undefined
      then()
    }, ms)
    // The log keeps no program alive.
    retry.unref()
  }

  const settle = (): void => {
    for (const done of idle) done()
    idle.clear()
  }

  const pump = (): void => {
    if (handedAt !== undefined || retry !== undefined) return
    if (current === undefined) {
      if (waiting.length === 0) return settle()
      let count = 0
      let bytes = 0
      for (const line of waiting) {
        if (count > 0 && bytes + line.byteLength > MAX_WRITE_BYTES) break
        bytes += line.byteLength
        count++
      }
      const lines = waiting.slice(0, count)
      waiting = waiting.slice(count)
      waitingBytes -= bytes
      // A line that was cut short ends here, so that the next one is a line of its own.
      current = Buffer.concat(isTorn ? [Buffer.from("\n"), ...lines] : lines)
      currentLines = count
    }
    handedAt = now()
    system.write(fd, current, wrote)
  }

  const wrote = (error: NodeJS.ErrnoException | null, written: number): void => {
    handedAt = undefined
    if (error !== null) return failed(codeOf(error))
    if (current === undefined) return
    const rest = current.subarray(written)
    if (written > 0) isTorn = rest.byteLength > 0 && current[written - 1] !== 0x0a
    if (rest.byteLength > 0) {
      current = rest
      return pump()
    }
    current = undefined
    currentLines = 0
    recovered()
    pump()
  }

  const failed = (code: string): void => {
    // The reader is slow: what waits is kept, up to the bound.
    if (isFull(code)) return later(FULL_PIPE_RETRY_MS, pump)
    failure = code
    lose(currentLines)
    current = undefined
    currentLines = 0
    // What waits would fail the same way; a full disk is asked once a second, and not once a line.
    lose(waiting.length)
    waiting = []
    waitingBytes = 0
    settle()
    later(PROBE_MS, probe)
  }

  /** Tries with the line that says what was lost: it is the first to be read once there is room again. */
  const probe = (): void => {
    const line = notice?.(unreported, failure ?? "EIO")
    if (line === undefined) {
      failure = null
      return pump()
    }
    const bytes = Buffer.from(isTorn ? `\n${line}` : line)
    handedAt = now()
    system.write(fd, bytes, (error, written) => {
      handedAt = undefined
      if (error !== null) {
        if (!isFull(codeOf(error))) failure = codeOf(error)
        lose(waiting.length)
        waiting = []
        waitingBytes = 0
        return later(PROBE_MS, probe)
      }
      isTorn = written < bytes.byteLength
      if (!isTorn) unreported = 0
      failure = null
      pump()
    })
  }

  /** Says what a slow reader has cost, once there is room for it. */
  const recovered = (): void => {
    if (unreported === 0 || waitingBytes > maxBytes / 2) return
    const line = notice?.(unreported, failure ?? "BLOCKED")
    failure = null
    if (line === undefined) return
    unreported = 0
    const bytes = Buffer.from(line)
    waiting.unshift(bytes)
    waitingBytes += bytes.byteLength
  }

  return {
    write: (line) => {
      const bytes = Buffer.from(line)
      if (waitingBytes + bytes.byteLength > maxBytes) {
        failure ??= "BLOCKED"
        return lose(1)
      }
      // While the output fails, only the probe is written.
      waiting.push(bytes)
      waitingBytes += bytes.byteLength
      pump()
    },
    drop: () => lose(1),
    flush: (withinMs) =>
      new Promise((resolve) => {
        if (failure !== null && failure !== "BLOCKED") return resolve()
        const timer = setTimeout(() => {
          idle.delete(done)
          resolve()
        }, withinMs)
        const done = (): void => {
          clearTimeout(timer)
          resolve()
        }
        idle.add(done)
        pump()
      }),
    flushSync: (withinMs) => {
      const until = now() + withinMs
      // What the operating system has been given is written before the process ends, unless it is stuck.
      if (handedAt !== undefined) {
        pause(Math.min(20, withinMs))
        current = undefined
      }
      let bytes = Buffer.concat([...(current === undefined ? [] : [current]), ...waiting])
      current = undefined
      waiting = []
      waitingBytes = 0
      while (bytes.byteLength > 0) {
        try {
          bytes = bytes.subarray(system.writeSync(fd, bytes))
        } catch (error) {
          if (!isFull(codeOf(error)) || now() >= until) return
          pause(10)
        }
      }
    },
    state: () => ({ dropped: total, failure, pendingBytes: waitingBytes + (current?.byteLength ?? 0) }),
    isStuck: () => handedAt !== undefined && now() - handedAt > STUCK_MS,
    onRecovered: (replacement) => {
      notice = replacement
    }
  }
}

let shared: BoundedOutput | undefined

/**
 * The standard output of this process, made when it is first asked for. A pipe is made non-blocking, so that a reader that
 * stops costs lines, and the end of the process never waits for it.
 */
export const standardOutput = (): BoundedOutput => {
  if (shared !== undefined) return shared
  // Node makes a pipe non-blocking when it opens its stream; nothing of the log is written through that stream.
  process.stdout.on("error", () => undefined)
  const output = make({ fd: 1 })
  shared = output
  process.once("exit", () => output.flushSync(EXIT_FLUSH_MS))
  return output
}

/** How long a process that ends, perhaps by a crash, may spend on what it has logged last. */
const EXIT_FLUSH_MS = 200

/**
 * A TCP proxy whose network the test makes bad: cut, frozen, slow, in slices, or reset. Stands in for the network between
 * two real programs on one machine, where there is no other way to break it.
 */
import { createServer, connect, type Server, type Socket } from "node:net"

/**
 * - `clear`: passes everything on at once
 * - `cut`: nobody is let in, and who was in is thrown out
 * - `frozen`: connections stay open, and nothing passes
 * - `slow`: everything comes late
 * - `sliced`: a few bytes at a time
 * - `reset`: each connection is reset as soon as the first bytes of an answer have passed
 */
export type Weather = "clear" | "cut" | "frozen" | "slow" | "sliced" | "reset"

const SLOW_MS = 300
const SLICE_BYTES = 7
/** Of an answer, before the connection is reset. */
const PASSED_BEFORE_RESET = 10

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export class FaultyProxy implements AsyncDisposable {
  /** Where connections lead to; may change while it runs. */
  target: { readonly host: string; readonly port: number } | null = null
  readonly port: number
  /** How often bad weather has met a connection or a part of what one of them carries. */
  bites = 0
  #weather: Weather = "clear"
  #cleared: Promise<void> = Promise.resolve()
  #clear: () => void = () => undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    const address = server.address()
    this.port = typeof address === "object" && address !== null ? address.port : 0
    server.on("connection", (socket) => this.#join(socket))
  }

  /** Listens on a free port of this machine. */
  static async start(targetUrl?: string): Promise<FaultyProxy> {
    const server = createServer({ pauseOnConnect: true })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const proxy = new FaultyProxy(server)
    if (targetUrl !== undefined) proxy.leadTo(targetUrl)
    return proxy
  }

  leadTo(url: string): void {
    const { hostname, port } = new URL(url)
    this.target = { host: hostname, port: Number(port) }
  }

  get weather(): Weather {
    return this.#weather
  }

  set weather(weather: Weather) {
    this.#weather = weather
    this.#clear()
    this.#cleared =
      weather === "frozen" ? new Promise((resolve) => (this.#clear = resolve)) : Promise.resolve()
    if (weather !== "cut") return
    this.bites += this.#sockets.size
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(near: Socket): void {
    const { target } = this
    if (this.#weather === "cut" || target === null) {
      this.bites += 1
      near.destroy()
      return
    }
    const far = connect(target)
    const both = [near, far] as const
    for (const socket of both) {
      this.#sockets.add(socket)
      socket.on("error", () => undefined)
      socket.on("close", () => {
        this.#sockets.delete(socket)
        for (const each of both) each.destroy()
      })
    }
    void this.#carry(near, far, () => undefined)
    void this.#carry(far, near, (bytes) => {
      if (this.#weather === "reset" && bytes >= PASSED_BEFORE_RESET) near.resetAndDestroy()
    })
  }

  /** Passes on what one side says, as the weather of the moment has it. */
  async #carry(from: Socket, to: Socket, onPassed: (bytes: number) => void): Promise<void> {
    let passed = 0
    try {
      const chunks: AsyncIterable<Buffer> = from
      for await (const bytes of chunks) {
        if (this.#weather !== "clear") this.bites += 1
        const step = this.#weather === "reset" ? PASSED_BEFORE_RESET : SLICE_BYTES
        for (let start = 0; start < bytes.length;) {
          await this.#cleared
          if (this.#weather === "slow") await sleep(SLOW_MS)
          const isWhole = this.#weather !== "sliced" && this.#weather !== "reset"
          const slice = isWhole ? bytes.subarray(start) : bytes.subarray(start, start + step)
          if (!to.write(slice))
            await new Promise((resolve) => to.once("drain", resolve).once("close", resolve))
          start += slice.length
          passed += slice.length
          onPassed(passed)
          // Each slice is a packet of its own.
          if (!isWhole) await new Promise(setImmediate)
        }
      }
      to.end()
    } catch {
      to.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.weather = "cut"
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}

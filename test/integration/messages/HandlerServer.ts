/** A message handler behind HTTP, as a team would write one, with everything that was asked of it. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface HandlerAnswer {
  readonly status?: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

export class HandlerServer {
  readonly asked: Array<Asked> = []
  /** What it answers; null: nothing, ever. */
  answer: (asked: Asked) => HandlerAnswer | null | Promise<HandlerAnswer | null> = () => ({
    body: '{"content":"hello"}'
  })
  readonly url: string
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/messages`
  }

  static async start(port = 0): Promise<HandlerServer> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
    const handler = new HandlerServer(server)
    server.on("request", (request, response) => {
      let body = ""
      request.setEncoding("utf8")
      request.on("data", (chunk: string) => (body += chunk))
      request.on("end", () => {
        void handler.#respond({ headers: request.headers, body }, response)
      })
    })
    return handler
  }

  async #respond(asked: Asked, response: ServerResponse): Promise<void> {
    this.asked.push(asked)
    const answer = await this.answer(asked)
    if (answer === null) return
    response.writeHead(answer.status ?? 200, { "content-type": "application/json", ...answer.headers })
    response.end(answer.body)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

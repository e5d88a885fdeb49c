/** A receiver of webhooks on loopback, with everything that it was sent. */
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly received: ReadonlyArray<Received>
  /** The status of the next answers; null: none, ever. */
  answerWith: (status: number | null) => void
}

export const startReceiver = async (): Promise<Receiver> => {
  const received: Array<Received> = []
  let status: number | null = 204
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8")
    request.on("data", (chunk: string) => (body += chunk))
    request.on("end", () => {
      received.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body })
      if (status !== null) response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answerWith: (next) => {
      status = next
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

/** A header that is there once. */
export const headerOf = ({ headers }: Received, name: string): string => {
  const value = headers[name]
  return typeof value === "string" ? value : ""
}

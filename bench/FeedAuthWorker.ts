/** An Auth Worker that is quick at any size: the whole list, unless nothing has changed, and a changes feed. */
import { createServer } from "node:http"

export interface FeedAuthWorker extends AsyncDisposable {
  readonly url: string
  readonly token: string
  readonly create: (instanceId: string) => void
}

export const startFeedAuthWorker = async (initial: ReadonlyArray<string>): Promise<FeedAuthWorker> => {
  const token = "bypass-token-of-the-benchmark"
  const ids = new Set(initial)
  const changes: Array<{
    readonly revision: string
    readonly kind: "upsert"
    readonly instanceId: string
  }> = []
  const revision = () => String(changes.length + 1)
  let list: { readonly revision: string; readonly body: string } | undefined
  const listBody = (): string => {
    if (list?.revision !== revision()) {
      const workspaces = [...ids].map((instanceId) => ({ instanceId, userId: "user-1", name: "W" }))
      const metadata = { totalWorkspaces: ids.size, revision: revision(), features: ["revision", "changes"] }
      list = { revision: revision(), body: JSON.stringify({ workspaces, metadata }) }
    }
    return list.body
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost")
    const etag = `"${revision()}"`
    if (url.pathname.endsWith("/changes")) {
      const since = Number(url.searchParams.get("since"))
      const body = { changes: changes.slice(since - 1), revision: revision(), hasMore: false }
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
    } else if (request.headers["if-none-match"] === etag) response.writeHead(304).end()
    else response.writeHead(200, { "content-type": "application/json", etag }).end(listBody())
  })
  const port = await new Promise<number>((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    create: (instanceId) => {
      ids.add(instanceId)
      changes.push({ revision: String(changes.length + 2), kind: "upsert", instanceId })
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

/** The server's API as the end-to-end tests and the benchmarks use it. */

/** What they look at of `GET /health`; their assertions are what checks it. */
export interface Health {
  readonly status: "healthy" | "degraded" | "unhealthy"
  readonly convergence: {
    readonly converged: boolean
    readonly desiredCount: number
    readonly monitoredCount: number
    readonly driftCount: number
    readonly held: ReadonlyArray<{ readonly storeId: string; readonly reason: string }>
    readonly desired: { readonly source: string; readonly fresh: boolean; readonly fetchedAt: string }
  }
  readonly stores: ReadonlyArray<{
    readonly storeId: string
    readonly status: string
    readonly reconnectAttempts: number
    readonly networkStatus: { readonly isConnected: boolean }
  }>
  readonly orchestrator: {
    readonly monitoredStoreIds: ReadonlyArray<string>
    readonly totalProvisioned: number
    readonly totalDeprovisioned: number
  }
  readonly removalGuard: { readonly tripped: boolean }
  readonly liveStoreTotals: {
    readonly userMessages: number
    readonly processedUserMessages: number
    readonly pendingUserMessages: number
  }
  readonly globalResources: { readonly parkedUserMessages: number; readonly activeHandlers: number }
}

interface StoresPage {
  readonly stores: ReadonlyArray<{
    readonly id: string
    readonly orchestrator: { readonly status: "monitoring" | "stopped" }
  }>
}

/** Of an answer's body: the fields that any of the requests below gives. */
interface Body {
  readonly status?: string
  readonly originalStatus?: string
  readonly reason?: string
  readonly retryAfterMs?: number
  readonly driftCount?: number
  readonly result?: { readonly added: ReadonlyArray<string>; readonly authoritativeCount: number }
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly requestId: string
    readonly traceId?: string
  }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

const parseBody: (text: string) => Body = JSON.parse
const parseHealth: (text: string) => Health = JSON.parse
const parseStores: (text: string) => StoresPage = JSON.parse

export const serverClient = (url: string, secrets: { readonly webhookSecret?: string } = {}) => {
  const answerOf = async (response: Response): Promise<Answer> => {
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parseBody(text) }
  }
  const textOf = async (path: string) => (await fetch(url + path)).text()
  return {
    url,
    health: async () => parseHealth(await textOf("/health")),
    /** The ids that `/stores` says are monitored, sorted. */
    monitored: async (): Promise<ReadonlyArray<string>> => {
      const { stores } = parseStores(await textOf("/stores?limit=10000"))
      return stores.filter(({ orchestrator }) => orchestrator.status === "monitoring").map(({ id }) => id)
    },
    reconcile: async (token?: string) =>
      answerOf(
        await fetch(`${url}/admin/reconcile`, {
          method: "POST",
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` }
        })
      ),
    webhook: async (event: string, instanceId: string, headers: Readonly<Record<string, string>> = {}) =>
      answerOf(
        await fetch(`${url}/webhooks/workspaces`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "x-webhook-secret": secrets.webhookSecret ?? "",
            // Else this process would keep a flood's connections for as long as the server lets it.
            connection: "close",
            ...headers
          },
          body: JSON.stringify({ event, instanceId, userId: "user-1", timestamp: new Date().toISOString() })
        })
      )
  }
}

export type ServerClient = ReturnType<typeof serverClient>

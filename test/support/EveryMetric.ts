import { eventually } from "./Eventually.ts"
import { freePort, temporaryFolder } from "./Program.ts"
import { startServer } from "./RunningServer.ts"
import { startSickAuthWorker } from "./SickAuthWorker.ts"

/** What comes late, or only when something happens. */
const LATE = [
  "wso_errors_total",
  "wso_disk_free_bytes",
  "wso_audit_chain_intact",
  "wso_backup_last_success_timestamp_seconds"
]

/**
 * What `GET /metrics` answers once a server has shown every metric that it has: it has converged, was asked for something wrong
 * and for something right, has made a backup and has failed once.
 */
export const everyMetric = async (): Promise<string> => {
  const nobody = await freePort()
  await using folder = await temporaryFolder()
  await using source = await startSickAuthWorker(["one-workspace", "another-workspace"])
  await using server = await startServer({
    STORE_DATA_PATH: folder.path,
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WEBHOOK_SECRET: "a-webhook-secret-of-the-metrics",
    WORKSPACE_RECONCILE_INTERVAL_MS: "500",
    // Nobody listens there: what could not be delivered is counted as well.
    SENTRY_DSN: `http://key@127.0.0.1:${nobody}/1`,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${nobody}`,
    CHATOPS_DISCORD_PUBLIC_KEY: "0".repeat(64)
  })
  const { url } = server.client
  await eventually("both are monitored", async () => (await server.client.monitored()).length === 2)
  const json = { "content-type": "application/json" }
  const administrator = { authorization: `Bearer ${source.token}` }
  await fetch(`${url}/admin/plan`)
  await fetch(`${url}/webhooks/workspaces`, { method: "POST", headers: json, body: "{}" })
  await fetch(`${url}/admin/reconcile`, { method: "POST", headers: administrator })
  await fetch(`${url}/admin/backups`, { method: "POST", headers: { ...administrator, ...json }, body: "{}" })
  await fetch(`${url}/admin/verify`, { method: "POST", headers: administrator })
  source.fallIll("answers 500")
  return await eventually("what comes late is there", async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return LATE.every((name) => text.includes(`# TYPE ${name} `)) ? text : undefined
  })
}

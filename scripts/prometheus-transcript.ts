/**
 * A real Prometheus scrapes a real server, with the rules of spec/alerts. Faults drive two alerts to firing, and their cure
 * resolves them. `npm run docs:prometheus` writes what was asked and answered to docs/alerting.md.
 */
import { execFile, spawn, spawnSync } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { dashboard } from "../spec/dashboards/dashboard.ts"
import { eventually } from "../test/support/Eventually.ts"
import { freePort, temporaryFolder } from "../test/support/Program.ts"
import { startServer } from "../test/support/RunningServer.ts"
import { startSickAuthWorker } from "../test/support/SickAuthWorker.ts"

const DOCUMENT = "docs/alerting.md"
const RULES = "spec/alerts/workspace-orchestrator.yml"
const RUNBOOK = "https://git.example.com/workspace-orchestrator/blob/main/docs/runbook.md"
const WITHIN_MS = 60_000
const exec = promisify(execFile)

/** What makes five minutes five seconds: each as [what, by what], for the reader as well. */
const REWRITING: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bfor: \d+[mh]$/gm, "for: 5s"],
  [/\binterval: \w+$/gm, "interval: 1s"],
  [/docs\/runbook\.md/g, RUNBOOK]
]

if (spawnSync("prometheus", ["--version"]).error !== undefined) {
  console.error("prometheus cannot be started: apt-get install prometheus")
  process.exit(2)
}

const parts: Array<string> = []
const say = (text: string) => parts.push(text)

await using folder = await temporaryFolder()
await using source = await startSickAuthWorker([
  ...[
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "flint",
    "grove",
    "hazel",
    "iris",
    "juniper",
    "kelp",
    "larch"
  ]
])
await using server = await startServer({
  STORE_DATA_PATH: join(folder.path, "data"),
  AUTH_WORKER_INTERNAL_URL: source.url,
  SERVER_BYPASS_TOKEN: source.token,
  WORKSPACE_RECONCILE_INTERVAL_MS: "1000"
})

const rules = REWRITING.reduce((text, [what, by]) => text.replaceAll(what, by), await readFile(RULES, "utf8"))
const configuration = `global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - workspace-orchestrator.yml
scrape_configs:
  - job_name: workspace-orchestrator
    static_configs:
      - targets: ["${new URL(server.client.url).host}"]
`
await writeFile(join(folder.path, "workspace-orchestrator.yml"), rules)
await writeFile(join(folder.path, "prometheus.yml"), configuration)

const port = await freePort()
const prometheusUrl = `http://127.0.0.1:${port}`
const prometheus = spawn(
  "prometheus",
  [
    `--config.file=${join(folder.path, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(folder.path, "tsdb")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--log.level=error"
  ],
  { stdio: ["ignore", "inherit", "inherit"] }
)
const prometheusEnded = new Promise((resolve) => prometheus.once("exit", resolve))

/** Ports, hosts and times are this run's alone. */
const normalised = (text: string): string =>
  text
    .replaceAll(prometheusUrl, "http://prometheus:9090")
    .replaceAll(new URL(server.client.url).host, "server:3003")
    .replaceAll(/ @\[[\d.]+\]/g, "")
    .trimEnd()

/** Runs promtool as anybody may, and notes both. */
const ask = async (expression: string) => {
  const { stdout } = await exec("promtool", ["query", "instant", prometheusUrl, expression])
  return stdout.trim().split("\n").sort().join("\n")
}
const show = async (...expressions: ReadonlyArray<string>) => {
  const asked: Array<string> = []
  for (const expression of expressions) {
    const answer = await ask(expression)
    asked.push(
      `$ promtool query instant http://prometheus:9090 '${expression}'\n${answer === "" ? "(nothing)" : normalised(answer)}`
    )
  }
  say(`\`\`\`console\n${asked.join("\n\n")}\n\`\`\``)
}
const wso = async (...words: ReadonlyArray<string>) => {
  const environment = {
    ...process.env,
    WSO_URL: server.client.url,
    SERVER_BYPASS_TOKEN: source.token,
    NO_COLOR: "1"
  }
  const printed = await exec(process.execPath, ["dist/wso.js", ...words], { env: environment }).then(
    ({ stdout }) => stdout,
    // The exit code of some commands says what they have found.
    (error: unknown) => {
      if (error instanceof Error && "stdout" in error && typeof error.stdout === "string") return error.stdout
      throw error
    }
  )
  say(`\`\`\`console\n$ wso ${words.join(" ")}\n${normalised(printed)}\n\`\`\``)
}

/** The same question without the noting, in Prometheus' own JSON. */
const poll = async (expression: string): Promise<string> => {
  const answer = await (
    await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(expression)}`)
  ).text()
  if (!answer.includes('"status":"success"')) throw new Error(`${expression}: ${answer}`)
  return answer
}
const NOTHING = '"result":[]'
const becomes = (alert: string, state: "pending" | "firing" | "resolved") =>
  eventually(
    `${alert} is ${state}`,
    async () => {
      const answer = await poll(`ALERTS{alertname="${alert}"}`)
      return answer.includes(state === "resolved" ? NOTHING : `"alertstate":"${state}"`)
    },
    WITHIN_MS
  )

const alertsUrl = `${prometheusUrl}/api/v1/alerts`
interface Alerts {
  readonly data: {
    readonly alerts: ReadonlyArray<{
      readonly labels: Readonly<Record<string, string>>
      readonly annotations: Readonly<Record<string, string>>
    }>
  }
}
const parseAlerts: (text: string) => Alerts = JSON.parse

/** What a notification of the alert would say. */
const showAnnotations = async (alert: string) => {
  const { data } = parseAlerts(await (await fetch(alertsUrl)).text())
  const found = data.alerts.find(({ labels }) => labels["alertname"] === alert)
  const words = JSON.stringify({ severity: found?.labels["severity"], ...found?.annotations }, undefined, 2)
  say(`A notification of it would say, in the words of \`/api/v1/alerts\`:\n\n\`\`\`json\n${words}\n\`\`\``)
}

try {
  const isUp = 'up{job="workspace-orchestrator"}'
  await eventually(
    "Prometheus has scraped the server",
    async () => (await poll(isUp)).includes('"1"]'),
    WITHIN_MS
  )
  await eventually(
    "it has seen that the server has converged",
    async () => (await poll("wso_converged")).includes('"1"]'),
    WITHIN_MS
  )

  const allAlerts = 'ALERTS{alertname=~"Wso.*"}'
  await eventually(
    "no alert stands from before the first scrape",
    async () => (await poll(allAlerts)).includes(NOTHING),
    WITHIN_MS
  )

  say("## All is well")
  say("The server is scraped, has converged over twelve workspaces, and nothing is wrong with it.")
  await show(isUp, "wso_converged", "wso_stores_monitored", allAlerts)

  say("## A source that has lost half of its rows")
  say(
    "The Auth Worker now answers with six of the twelve workspaces: 200, well-formed, and wrong. The second such list is evidence, six removals are more than three, and the guard trips: nothing is removed (law 7), and somebody is called."
  )
  source.fallIll("has lost half of its rows")
  await becomes("WsoRemovalGuardTripped", "firing")
  await eventually(
    "all six are held",
    async () => (await poll("wso_removal_guard_held_removals")).includes('"6"]'),
    WITHIN_MS
  )
  await show(
    'ALERTS{alertname="WsoRemovalGuardTripped"}',
    "wso_removal_guard_held_removals",
    "wso_stores_monitored"
  )
  await showAnnotations("WsoRemovalGuardTripped")
  say(
    "The runbook's section says to look at the plan, and what to do when the workspaces are not really gone: mend the source."
  )
  await wso("diff")
  say(
    "The Auth Worker is mended. The guard lets go by itself, and the alert is resolved; no store was closed in between."
  )
  source.recover()
  await becomes("WsoRemovalGuardTripped", "resolved")
  await show(
    'ALERTS{alertname="WsoRemovalGuardTripped"}',
    "wso_removal_guard_tripped",
    "min_over_time(wso_stores_monitored[1m])",
    'wso_store_operations_total{operation="deprovision"}'
  )

  say("## A source that is down")
  say(
    "The Auth Worker answers 500. Three runs in a row fail; the alert is pending first, and fires once that has lasted (here five seconds, in the shipped rules five minutes). What runs keeps running (law 12)."
  )
  source.fallIll("answers 500")
  await becomes("WsoReconcileFailing", "pending")
  await show('ALERTS{alertname="WsoReconcileFailing"}')
  await becomes("WsoReconcileFailing", "firing")
  await show(
    'ALERTS{alertname="WsoReconcileFailing"}',
    'wso_dependency_up{dependency="auth-worker"}',
    "wso_stores_monitored"
  )
  await showAnnotations("WsoReconcileFailing")
  say("It answers again.")
  source.recover()
  await becomes("WsoReconcileFailing", "resolved")
  const others = 'ALERTS{alertname=~"Wso.*",alertname!~"WsoFailureRatio.*"}'
  await eventually(
    "it has converged, and nothing else is left",
    async () => (await poll("wso_converged")).includes('"1"]') && (await poll(others)).includes(NOTHING),
    WITHIN_MS
  )
  await show('ALERTS{alertname="WsoReconcileFailing"}', "wso_converged")
  say(
    "Alerts on a ratio look back over fifteen minutes in which runs did fail, and stay as long. Nothing else is left:"
  )
  await show(others)

  const answers = { all: 0, some: 0 }
  for (const { panels } of dashboard.rows) {
    for (const { expr } of panels.flatMap(({ queries }) => queries)) {
      const filledIn = expr
        .replaceAll("$__rate_interval", "1m")
        .replaceAll("$job", ".*")
        .replaceAll("$instance", ".*")
      answers.all++
      if (!(await poll(filledIn)).includes(NOTHING)) answers.some++
    }
  }
  say("## The dashboard's questions")
  say(
    `This Prometheus was asked each of the ${answers.all} expressions of the dashboard as well: it understands all of them, and has an answer to ${answers.some}. The others are about what did not happen here, such as messages and the week before.`
  )
} finally {
  prometheus.kill("SIGTERM")
  await prometheusEnded
}

const header = `<!-- Made by \`npm run docs:prometheus\`. -->

# An alert that comes, and goes

A Prometheus that scrapes a running server, with the rules of [spec/alerts](../${RULES}): two faults drive an alert to firing, and
their cure resolves it. Made by \`npm run docs:prometheus\`, which starts the built server (stores in memory), an Auth Worker that falls ill
on demand, and Debian's \`prometheus\`; every command below was run as it stands there, and what it answered is unabridged. Only addresses (\`server:3003\`,
\`prometheus:9090\`) and the times of samples were made the same for every run.

So that it takes seconds, the rules are rewritten as follows, and nothing else of them:

| every                     | becomes                   |
| ------------------------- | ------------------------- |
| \`for: …\`                | \`for: 5s\`               |
| \`interval: …\`           | \`interval: 1s\`          |
| \`docs/runbook.md\`       | the address at which your people read it, as [deployment.md](deployment.md#monitoring) has it |

\`\`\`yaml
# prometheus.yml
${normalised(configuration)}
\`\`\`
`
await writeFile(DOCUMENT, `${header}\n${parts.join("\n\n")}\n`)
console.log(`${DOCUMENT} is written`)

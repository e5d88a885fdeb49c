/** `npm run docs:metrics`: writes docs/metrics.md from what a running server shows. */
import { writeFile } from "node:fs/promises"
import { format, resolveConfig } from "prettier"
import { everyMetric } from "../test/support/EveryMetric.ts"
import { parse, type Family } from "../test/support/PrometheusText.ts"

const DOCUMENT = "docs/metrics.md"

const families = parse(await everyMetric())

const labelsOf = ({ samples }: Family): string =>
  [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))]
    .filter((label) => label !== "le")
    .map((label) => `\`${label}\``)
    .join(", ")

const table = (isPart: (name: string) => boolean): string =>
  [
    "| metric | type | labels | what it is |",
    "| --- | --- | --- | --- |",
    ...[...families.values()]
      .filter(({ name }) => isPart(name))
      .map(
        (one) => `| \`${one.name}\` | ${one.type} | ${labelsOf(one)} | ${one.help.replaceAll("|", "\\|")} |`
      )
  ].join("\n")

const isOfQueue = (name: string): boolean => /^wso_(?:workqueue|workers)/.test(name)
const isOurs = (name: string): boolean => name.startsWith("wso_")

const text = `<!-- Made by \`npm run docs:metrics\` from a running server. -->

# Metrics

What \`GET /metrics\` shows, in Prometheus' text format. No label has the id of a workspace or of a user, or anything else that a sender
chose: the number of series does not depend on who uses the server. Durations are seconds, sizes are bytes. Counters whose labels are
known beforehand stand at 0 from the start, so that an alert sees the first increase.

## The loop and what it depends on

${table((name) => isOurs(name) && !isOfQueue(name))}

## The work queue

By the names of client-go and controller-runtime with our prefix, so that who knows a Kubernetes controller knows these:
\`workqueue_depth\`, \`workqueue_adds_total\`, \`workqueue_queue_duration_seconds\`, \`workqueue_work_duration_seconds\`,
\`workqueue_unfinished_work_seconds\`, \`workqueue_longest_running_processor_seconds\` and \`workqueue_retries_total\` mean what they mean
there. \`wso_workers\` is \`controller_runtime_max_concurrent_reconciles\`, \`wso_workers_busy\` is \`controller_runtime_active_workers\`, and
\`wso_workspace_reconciles_total\` is \`controller_runtime_reconcile_total\` (its result \`defect\` is \`…_reconcile_panics_total\`).

${table(isOfQueue)}

## HTTP and the process

By OpenTelemetry's name for HTTP, and by the usual names of Prometheus' client libraries for the process.

${table((name) => !isOurs(name))}
`
await writeFile(DOCUMENT, await format(text, { ...(await resolveConfig(DOCUMENT)), parser: "markdown" }))
console.log(`${DOCUMENT}: ${families.size} metrics`)

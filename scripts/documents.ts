/** The documents that are made from code. The scripts of their names beside this one write them; a test compares. */
import { format, resolveConfig } from "prettier"
import { dashboard } from "../spec/dashboards/dashboard.ts"
import { render } from "../spec/dashboards/Grafana.ts"
import { Api as AuthWorkerApi } from "../src/auth-worker/Api.ts"
import { stackVariables, variableDocs, type VariableDoc } from "../src/config.ts"
import * as OpenApiDocument from "../src/http/OpenApiDocument.ts"

interface Document {
  /** From the project's root. */
  readonly path: string
  readonly text: string
}

const json = (path: string, value: unknown): Document => ({
  path,
  text: `${JSON.stringify(value, undefined, 2)}\n`
})

/** Both APIs, as OpenAPI 3.1. */
export const openApiDocuments = (): ReadonlyArray<Document> => [
  json("spec/openapi/server.json", OpenApiDocument.make()),
  json("spec/openapi/auth-worker.json", OpenApiDocument.describe(AuthWorkerApi))
]

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;")

const row = ({ default: fallback, doc, name, secret, takes }: VariableDoc): string =>
  `| \`${name}\`${secret ? " (secret)" : ""} | ${fallback === null ? "unset" : `\`${fallback}\``} | ${cell(doc)} | ${cell(takes)} |`

const table = (docs: ReadonlyArray<VariableDoc>): string =>
  [
    "| variable | default | what it does | what it takes |",
    "| --- | --- | --- | --- |",
    ...docs.map(row)
  ].join("\n")

const configuration = `<!-- Made from src/config.ts by \`npm run docs:configuration\`; a test checks that it is current. -->

# Configuration of the server

Every variable that the server reads. An empty value is as unset. A value that does not parse stops the start with one message that
names every bad variable, what it got and what it takes, and exit code 78 (EX_CONFIG); \`wso config validate\` says the same
without a start. Durations are milliseconds.

A secret may also be given as \`<NAME>_FILE\`, the path of a file that holds it; its value is never printed. A file that is empty, a
directory, or cannot be read stops the start (exit code 78), and so do \`<NAME>\` and \`<NAME>_FILE\` together. A file that every user of
the machine can read, a setting that has no effect without another one, and a variable that looks like one of these and is none
(\`WEBHOOK_SECRT\`) are warned of: in the log (\`configuration.suspicious\`) and by \`wso config validate\`. A server whose reconciler is
off for want of a setting is \`degraded\` and not ready; one whose switch is off is not. Where two secrets may be
active at a time, the first is the one that is sent (docs/deployment.md has the steps of a rotation).

${table(variableDocs)}

The embedded stack (\`npm start\`) reads these too:

${table(Object.values(stackVariables))}

The Auth Worker's variables are in [src/auth-worker/AuthConfig.ts](../src/auth-worker/AuthConfig.ts), the Sync Worker's in
[src/sync-worker/Environment.ts](../src/sync-worker/Environment.ts).
`

/** Every variable of the server, in Markdown. */
export const configurationDocument = async (): Promise<Document> => {
  const path = "docs/configuration.md"
  return { path, text: await format(configuration, { ...(await resolveConfig(path)), parser: "markdown" }) }
}

/** The dashboard, as Grafana imports it. */
export const dashboardDocument = async (): Promise<Document> => {
  const path = "spec/dashboards/workspace-orchestrator.json"
  const text = JSON.stringify(render(dashboard))
  return { path, text: await format(text, { ...(await resolveConfig(path)), parser: "json" }) }
}

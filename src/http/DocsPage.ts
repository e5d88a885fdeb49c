/**
 * The API's description for people: one page without a script, made from the OpenAPI document.
 */
import * as Predicate from "effect/Predicate"

const METHODS = ["get", "post", "put", "patch", "delete"] as const

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{overflow:auto;padding:1rem;border:1px solid #8886}
h2{margin-top:2.5rem}section{border-top:1px solid #8886;padding:.5rem 0}td,th{text-align:left;padding:0 1rem 0 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}a{color:#8bf}}`

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const record = (value: unknown): Readonly<Record<string, unknown>> => (Predicate.isRecord(value) ? value : {})
const string = (value: unknown): string => (typeof value === "string" ? value : "")
const array = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const schemaLink = (schema: unknown): string => {
  const reference = string(record(schema)["$ref"])
  const name = reference.slice(reference.lastIndexOf("/") + 1)
  return name === "" ? "" : `<a href="#${escape(name)}">${escape(name)}</a>`
}

const bodyLink = (content: unknown): string => {
  const schema = record(Object.values(record(content)).map(record)[0])["schema"]
  const alternatives = array(record(schema)["anyOf"])
  const links = (alternatives.length === 0 ? [schema] : alternatives).map(schemaLink)
  return links.filter((link) => link !== "").join(" or ")
}

const row = (...cells: ReadonlyArray<string>): string =>
  `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`

const parameterRow = (parameter: unknown): string => {
  const { in: place, name, schema } = record(parameter)
  return row(
    `<code>${escape(string(name))}</code>`,
    escape(string(place)),
    `<code>${escape(JSON.stringify(schema))}</code>`
  )
}

const responseRow = ([status, response]: readonly [string, unknown]): string =>
  row(
    `<code>${escape(status)}</code>`,
    bodyLink(record(response)["content"]),
    escape(string(record(response)["description"]))
  )

const operationSection = (
  method: string,
  path: string,
  operation: Readonly<Record<string, unknown>>
): string => {
  const admin = array(operation["security"]).length > 0 ? " · admin token" : ""
  const request = bodyLink(record(operation["requestBody"])["content"])
  return `<section><h3><code>${escape(method.toUpperCase())} ${escape(path)}</code></h3>
<p>${escape(string(operation["summary"]))}${admin}. ${escape(string(operation["description"]))}</p>
${request === "" ? "" : `<p>Body: ${request}</p>`}
<table>${array(operation["parameters"]).map(parameterRow).join("")}</table>
<table>${Object.entries(record(operation["responses"])).map(responseRow).join("")}</table></section>`
}

export const docsPage = (document: Readonly<Record<string, unknown>>): string => {
  const info = record(document["info"])
  const title = `${escape(string(info["title"]))} ${escape(string(info["version"]))}`
  const operations = Object.entries(record(document["paths"])).flatMap(([path, item]) =>
    METHODS.filter((method) => method in record(item)).map((method) =>
      operationSection(method, path, record(record(item)[method]))
    )
  )
  const schemas = Object.entries(record(record(document["components"])["schemas"])).map(
    ([name, schema]) =>
      `<section id="${escape(name)}"><h3>${escape(name)}</h3><pre>${escape(JSON.stringify(schema, null, 2))}</pre></section>`
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${STYLE}</style><h1>${title}</h1>
<p>${escape(string(info["description"]))} <a href="/openapi.json">openapi.json</a></p>
<h2>Routes</h2>${operations.join("")}<h2>Schemas</h2>${schemas.join("")}</html>`
}

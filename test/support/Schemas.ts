/** The documents of spec/schemas, as what holds a value against them. */
import { Ajv2020 } from "ajv/dist/2020.js"
import { readFileSync } from "node:fs"

const parse: (text: string) => Record<string, unknown> = JSON.parse

const ajv = new Ajv2020({
  allErrors: true,
  // A line's fields are required where its message is decided, and described beside all the others.
  strict: true,
  strictRequired: false
})

/** What is wrong with a value, one sentence each; nothing where it is as the schema says. */
export const complaintsBy = (name: "log-line" | "audit-record") => {
  const path = new URL(`../../spec/schemas/${name}.json`, import.meta.url)
  const validate = ajv.compile(parse(readFileSync(path, "utf8")))
  return (value: unknown): ReadonlyArray<string> =>
    validate(value)
      ? []
      : (validate.errors ?? []).map(
          ({ instancePath, message, params }) =>
            `${instancePath || "it"} ${message ?? ""} ${JSON.stringify(params)}: ${JSON.stringify(value)}`
        )
}

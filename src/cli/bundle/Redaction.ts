/**
 * What must not leave with an archive. The server shows no secret to begin with; this is the second lock, for what a
 * dependency's error message, or a caller, may have carried into one.
 */
import { createHash } from "node:crypto"
import * as Predicate from "effect/Predicate"
import { formsOf } from "../../telemetry/Scrubber.ts"

const REDACTED = "[redacted]"
/** Shorter ones are words of the language: taking them out would spoil the archive and protect nothing. */
const MIN_SECRET_LENGTH = 4

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  // JSON Web Tokens
  [/eyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g, REDACTED],
  // Standard Webhooks' secrets and signatures
  [/whsec_[\w+/=-]+/g, REDACTED],
  [/\bv1,[A-Za-z0-9+/]{40,}=*/g, REDACTED],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{4,}/gi, `$1 ${REDACTED}`],
  // Credentials, keys in the query, and paths that let in: a Slack or Discord webhook, a random segment
  [
    /(https?:\/\/(?:hooks\.[\w.-]+|(?:[\w-]+\.)*discord(?:app)?\.com\/api\/webhooks))\/[^\s"'<>]*/gi,
    `$1/${REDACTED}`
  ],
  [/(\w+:\/\/[^\s"'<>]*?\/)(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{24,}/gi, `$1${REDACTED}`],
  [/\/\/[^/\s"]*@/g, `//${REDACTED}@`],
  [/([?&](?:[\w-]*(?:token|secret|key|password|signature|auth)[\w-]*)=)[^&\s"#]+/gi, `$1${REDACTED}`]
]

/** Takes these secrets out of a text, and whatever looks like one. */
export const redactor = (secrets: ReadonlyArray<string>): ((text: string) => string) => {
  const short = secrets.filter(({ length }) => length >= MIN_SECRET_LENGTH)
  const known = [...new Set([...formsOf(secrets), ...short])]
    // A secret that contains another goes first, whole.
    .sort((one, other) => other.length - one.length)
  return (text) => {
    const withoutKnown = known.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text)
    return patterns.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), withoutKnown)
  }
}

const ID_KEYS = new Set(["storeId", "lastStoreId", "instanceId", "userId"])
const ID_LIST_KEYS = new Set(["monitoredStoreIds", "missing", "orphaned", "storeIds", "added", "removed"])
/** Records whose keys are ids. */
const ID_RECORD_KEYS = new Set(["byStore"])
/** What an audit record is about is a workspace in these, and a plan or a breaker otherwise. */
const ABOUT_WORKSPACE = /^(workspace|message|store)\./
const ID = /[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}/g
const HASH_LENGTH = 12

const strings = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : []

const eachRecord = (value: unknown, visit: (record: Readonly<Record<string, unknown>>) => void): void => {
  if (Array.isArray(value)) {
    for (const item of value) eachRecord(item, visit)
  } else if (Predicate.isRecord(value)) {
    visit(value)
    for (const item of Object.values(value)) eachRecord(item, visit)
  }
}

/** The ids of workspaces and users that an answer names in the places made for them. */
export const idsIn = (answer: unknown): ReadonlySet<string> => {
  const ids = new Set<string>()
  const add = (value: unknown): void => {
    if (typeof value === "string" && value !== "") ids.add(value)
  }
  eachRecord(answer, (record) => {
    for (const [key, value] of Object.entries(record)) {
      if (ID_KEYS.has(key)) add(value)
      if (ID_LIST_KEYS.has(key)) strings(value).forEach(add)
      if (ID_RECORD_KEYS.has(key) && Predicate.isRecord(value)) Object.keys(value).forEach(add)
    }
    const { action, id, name, orchestrator, subject, value } = record
    // A row of /stores; an audit record; the pinned workspaces of the configuration.
    if (Predicate.isRecord(orchestrator)) add(id)
    if (typeof action === "string" && ABOUT_WORKSPACE.test(action)) add(subject)
    if (name === "STORE_IDS" && typeof value === "string")
      value
        .split(",")
        .map((one) => one.trim())
        .forEach(add)
  })
  return ids
}

/**
 * Gives each of these ids another name, the same everywhere in an archive and another in the next: the salt is forgotten.
 * Wherever an id stands as a word of its own it is replaced, in sentences too.
 */
export const pseudonyms = (ids: ReadonlySet<string>, salt: string): ((text: string) => string) => {
  const names = new Map<string, string>()
  for (const id of ids) {
    const hash = createHash("sha256").update(`${salt}\n${id}`).digest("hex").slice(0, HASH_LENGTH)
    names.set(id, `id-${hash}`)
  }
  return (text) => text.replace(ID, (word) => names.get(word) ?? word)
}

/** Rewrites what an answer says; its own words, the keys, stay. */
export const mapStrings = (value: unknown, rewrite: (text: string) => string, key = ""): unknown => {
  if (typeof value === "string") return rewrite(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, rewrite, key))
  if (!Predicate.isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      ID_RECORD_KEYS.has(key) ? rewrite(name) : name,
      mapStrings(item, rewrite, name)
    ])
  )
}

/**
 * Takes secrets out of what leaves this process, to a log, a reader or a third party: by the names of fields, by the shapes that secrets have, and by
 * the secrets of this very process. The last line of defence: nobody logs one in the first place.
 */
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

export const REDACTED = "[redacted]"

/** What is nested deeper than this is left out, be it harmless or not. */
const MAX_DEPTH = 12
/** A shorter secret is a word that texts may have by chance; it is still redacted by name. */
const MIN_SECRET_LENGTH = 6

const SECRET_NAMES =
  /token|secret|passw|authorization|cookie|credential|signature|api[-_]?key|bypass|private[-_]?key|dsn/i

/** Each keeps what is before the secret, so that a reader sees what was there. */
const SECRET_SHAPES: ReadonlyArray<RegExp> = [
  /(\b(?:Bearer|Basic)\s+)[^\s"',;]+/gi,
  /(\bwhsec_)[\w+/=-]+/g,
  /(:\/\/)[^/\s"']+(?=@)/g,
  /(\beyJ)[\w-]+\.[\w-]+\.[\w-]+/g,
  /([?&]payload=)[^&\s"']+/g,
  /((?:serverBypass|authToken|x-webhook-secret|x-server-token)["']?\s*[:=]\s*["']?)[^"',&\s}]+/gi
]

/** How many bytes of something else may stand before a secret where both are encoded together: `user:secret`. */
const BASE64_OFFSETS = [0, 1, 2] as const
/** Three bytes are four characters. */
const BASE64_GROUP = 4

const urlSafe = (base64: string): string => base64.replaceAll("+", "-").replaceAll("/", "_")

/** What a secret is in base64 wherever it begins: the characters that depend on nothing before or behind it. */
const base64Cores = (secret: string): ReadonlyArray<string> =>
  BASE64_OFFSETS.flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString("base64")
    const core = whole.slice(offset === 0 ? 0 : BASE64_GROUP)
    return [core, urlSafe(core)]
  })

/**
 * Every form in which a secret may stand in a text: as it is, in a URL, in JSON, in base64 (also behind something else), and,
 * of a `whsec_` secret, its key. The longest first, so that none is taken apart by a shorter one.
 */
export const formsOf = (secrets: ReadonlyArray<string>): ReadonlyArray<string> =>
  [
    ...new Set(
      secrets
        .flatMap((secret) => [secret, secret.replace(/^whsec_/, "")])
        .filter(({ length }) => length >= MIN_SECRET_LENGTH)
        .flatMap((secret) => [
          secret,
          encodeURIComponent(secret),
          encodeURI(secret),
          JSON.stringify(secret).slice(1, -1),
          ...base64Cores(secret)
        ])
    )
  ]
    .filter(({ length }) => length >= MIN_SECRET_LENGTH)
    .sort((one, other) => other.length - one.length)

const patternOf = (forms: ReadonlyArray<string>): RegExp | undefined =>
  forms.length === 0
    ? undefined
    : new RegExp(forms.map((form) => form.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join("|"), "g")

export interface Scrubber {
  readonly text: (text: string) => string
  /** Only the secrets that were given, in every form: for texts in which the shapes of secrets are harmless. */
  readonly known: (text: string) => string
  /** The value with every text in it scrubbed of the known secrets; the same value if none is in it. */
  readonly copy: (value: unknown) => unknown
  /** Everything in the object, in place: it is a copy that is about to be sent. */
  readonly object: (value: object) => void
}

const asJson = (value: object): unknown => JSON.parse(JSON.stringify(value))

export const make = (secrets: ReadonlyArray<Redacted.Redacted>): Scrubber => {
  const pattern = patternOf(formsOf(secrets.map(Redacted.value)))
  const known = (given: string): string =>
    pattern === undefined ? given : given.replaceAll(pattern, REDACTED)

  const copyOf = (value: unknown, depth: number): unknown => {
    if (typeof value === "string") return known(value)
    if (typeof value !== "object" || value === null) return value
    if (depth >= MAX_DEPTH) return REDACTED
    if (Array.isArray(value)) return value.map((item) => copyOf(item, depth + 1))
    // What says itself how it is written (a Date, a data type of Effect's) is asked, as JSON does.
    if (Predicate.hasProperty(value, "toJSON")) return copyOf(asJson(value), depth + 1)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [known(name), copyOf(item, depth + 1)])
    )
  }

  const text = (given: string): string => {
    let scrubbed = known(given)
    for (const shape of SECRET_SHAPES) scrubbed = scrubbed.replace(shape, `$1${REDACTED}`)
    return scrubbed
  }

  const replacement = (name: string, value: unknown, depth: number): unknown => {
    if (SECRET_NAMES.test(name) && value !== null && value !== undefined) return REDACTED
    if (typeof value === "string") return text(value)
    if (typeof value !== "object" || value === null) return value
    if (depth >= MAX_DEPTH) return REDACTED
    walk(value, depth + 1)
    return value
  }

  const walk = (value: object, depth: number): void => {
    for (const [name, field] of Object.entries(value)) {
      const scrubbed = replacement(Array.isArray(value) ? "" : name, field, depth)
      if (scrubbed !== field) Reflect.set(value, name, scrubbed)
    }
  }

  return { text, known, copy: (value) => copyOf(value, 0), object: (value) => walk(value, 0) }
}

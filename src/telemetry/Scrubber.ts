/**
 * Takes secrets out of what leaves for a third party: by the names of fields, by the shapes that secrets have, and by
 * the secrets of this very process. The last line of defence: nobody logs one in the first place.
 */
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

export interface Scrubber {
  readonly text: (text: string) => string
  /** Everything in the object, in place: it is a copy that is about to be sent. */
  readonly object: (value: object) => void
}

export const make = (secrets: ReadonlyArray<Redacted.Redacted>): Scrubber => {
  const known = [
    ...new Set(
      secrets
        .map(Redacted.value)
        .flatMap((secret) => [secret, encodeURIComponent(secret), secret.replace(/^whsec_/, "")])
        .filter(({ length }) => length >= MIN_SECRET_LENGTH)
    )
  ]

  const text = (given: string): string => {
    let scrubbed = given
    for (const secret of known) scrubbed = scrubbed.replaceAll(secret, REDACTED)
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

  return { text, object: (value) => walk(value, 0) }
}

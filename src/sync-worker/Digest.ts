/** Comparing without telling: digests of JSON values and of secrets. */
import * as Effect from "effect/Effect"

const encoder = new TextEncoder()

const sha256 = (text: string) =>
  Effect.promise(() => crypto.subtle.digest("SHA-256", encoder.encode(text))).pipe(
    Effect.map((digest) => new Uint8Array(digest))
  )

/**
 * Whether `candidate` is one of `secrets`, in a time that depends on neither's content nor on which one matches:
 * digests of equal length are compared to the end, all of them.
 */
export const matchesSecret = (candidate: string, secrets: ReadonlyArray<string>): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const digest = yield* sha256(candidate)
    let matches = 0
    for (const secret of secrets) {
      const expected = yield* sha256(secret)
      let difference = 0
      for (const [index, byte] of expected.entries()) difference |= byte ^ (digest[index] ?? 0)
      matches |= difference === 0 ? 1 : 0
    }
    return matches === 1
  })

/** The same text for equal JSON values, whatever the order of their keys. */
const canonical = (value: unknown): string => {
  if (value === undefined) return "undefined"
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  const fields = Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
  return `{${fields.join(",")}}`
}

/** A short stand-in for a JSON value that may hold a secret, as hexadecimal SHA-256. */
export const jsonDigest = (value: unknown): Effect.Effect<string> =>
  Effect.suspend(() => sha256(canonical(value))).pipe(
    Effect.map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(""))
  )

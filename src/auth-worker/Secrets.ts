import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"

const utf8 = new TextEncoder()

const digest = (text: string) =>
  Effect.promise(() => crypto.subtle.digest("SHA-256", utf8.encode(text))).pipe(
    Effect.map((buffer) => new Uint8Array(buffer))
  )

/** SHA-256 of a text, in hexadecimal: what is stored of a token that only its holder may know. */
export const sha256Hex = (text: string): Effect.Effect<string> => Effect.map(digest(text), Encoding.encodeHex)

/**
 * Whether `given` is one of `secrets`. Digests are compared, each over its whole length and all of them, so that the
 * time taken tells neither how much of a secret was right nor which one matched. No secrets: matches nothing.
 */
export const matchesAny = (given: string, secrets: ReadonlyArray<string>): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const actual = yield* digest(given)
    let matched = 0
    for (const secret of secrets) {
      if (secret === "") continue
      const expected = yield* digest(secret)
      let difference = 0
      for (let index = 0; index < expected.length; index++) {
        difference |= (expected[index] ?? 0) ^ (actual[index] ?? 0)
      }
      matched |= difference === 0 ? 1 : 0
    }
    return matched === 1
  })

/** HMAC-SHA256 of a text. */
export const hmacSha256 = (key: Uint8Array, text: string): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const imported = await crypto.subtle.importKey(
      "raw",
      new Uint8Array(key),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"]
    )
    return new Uint8Array(await crypto.subtle.sign("HMAC", imported, utf8.encode(text)))
  })

/** 256 bits from the platform's cryptographic generator, URL-safe. Effect's Random is not fit for secrets. */
export const randomToken: Effect.Effect<string> = Effect.sync(() =>
  Encoding.encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
)

/** A fresh identifier, unguessable. */
export const randomId: Effect.Effect<string> = Effect.sync(() => crypto.randomUUID())

import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"

/** The platform's WebCrypto takes no more iterations at once; more work is done by rounds. */
const iterationsPerRound = 100_000

const utf8 = new TextEncoder()

const derive = (secret: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>) =>
  Effect.promise(async () => {
    const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"])
    const bits = await crypto.subtle.deriveBits(
      { name: "PBKDF2", hash: "SHA-256", salt, iterations: iterationsPerRound },
      key,
      256
    )
    return new Uint8Array(bits)
  })

/** PBKDF2 over and over, each round on the key of the one before: the work adds up, and nothing can be skipped. */
const stretch = (password: string, salt: Uint8Array<ArrayBuffer>, rounds: number) =>
  Effect.gen(function* () {
    // The same password typed on different keyboards is the same password.
    let secret = new Uint8Array(utf8.encode(password.normalize("NFKC")))
    for (let round = 0; round < rounds; round++) secret = yield* derive(secret, salt)
    return secret
  })

/** A password as it is stored: scheme, rounds, salt and key. */
export const hashPassword = (password: string, rounds: number): Effect.Effect<string> =>
  Effect.gen(function* () {
    const salt = crypto.getRandomValues(new Uint8Array(16))
    const key = yield* stretch(password, salt, rounds)
    return `pbkdf2-sha256$${rounds}$${Encoding.encodeBase64(salt)}$${Encoding.encodeBase64(key)}`
  })

/**
 * Whether a password is the stored one, and whether its hash should be made anew because more rounds are wanted today.
 * Without a stored one it does the same work and says no, so that the time taken does not tell who has an account.
 */
export const verifyPassword = (
  password: string,
  stored: string | null,
  rounds: number
): Effect.Effect<{ readonly matches: boolean; readonly outdated: boolean }> =>
  Effect.gen(function* () {
    const [scheme, storedRounds, salt, key] = (stored ?? "").split("$")
    const known = scheme === "pbkdf2-sha256"
    const expected = Either.getOrElse(Encoding.decodeBase64(key ?? ""), () => new Uint8Array())
    const saltBytes = Either.getOrElse(Encoding.decodeBase64(salt ?? ""), () => new Uint8Array())
    const actual = yield* stretch(
      password,
      known ? new Uint8Array(saltBytes) : new Uint8Array(16),
      known ? Number(storedRounds) : rounds
    )
    // Who has an account must not be told by the time that an older hash takes: the missing rounds are made, for nothing.
    if (known && Number(storedRounds) < rounds)
      yield* stretch("", new Uint8Array(16), rounds - Number(storedRounds))
    let difference = known && expected.length === actual.length ? 0 : 1
    for (let index = 0; index < actual.length; index++) {
      difference |= (actual[index] ?? 0) ^ (expected[index] ?? 0)
    }
    return { matches: difference === 0, outdated: Number(storedRounds) < rounds }
  })

/**
 * The secrets of the embedded stack: made once for a data folder, random, and readable by their owner alone. There is no
 * default secret anywhere.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"

const Secrets = Schema.Struct({
  SERVER_BYPASS_TOKEN: Schema.NonEmptyString,
  WEBHOOK_SECRET: Schema.NonEmptyString,
  JWT_SECRET: Schema.NonEmptyString
})
export type Secrets = typeof Secrets.Type

/** The folder cannot be written, or its secrets cannot be read. */
export class SecretsError extends Schema.TaggedError<SecretsError>()("SecretsError", {
  file: Schema.String,
  message: Schema.String
}) {}

const SECRET_BYTES = 32
const OWNER_ONLY = 0o600

const fresh = (): Secrets => ({
  SERVER_BYPASS_TOKEN: randomBytes(SECRET_BYTES).toString("base64url"),
  WEBHOOK_SECRET: `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`,
  JWT_SECRET: randomBytes(SECRET_BYTES).toString("base64url")
})

/** The folder's secrets, made now if it has none. */
export const loadSecrets = (folder: string): Effect.Effect<Secrets, SecretsError> => {
  const file = join(folder, "dev-secrets.json")
  const failed = (cause: unknown) =>
    new SecretsError({ file, message: `${file}: ${cause instanceof Error ? cause.message : String(cause)}` })
  const make = Effect.tryPromise({
    try: async () => {
      await mkdir(folder, { recursive: true })
      const secrets = fresh()
      await writeFile(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: OWNER_ONLY, flag: "wx" })
      return secrets
    },
    catch: failed
  })
  const read = Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (cause) => cause
  }).pipe(
    Effect.flatMap(Schema.decode(Schema.parseJson(Secrets))),
    Effect.mapError((cause) =>
      cause instanceof Error && "code" in cause && cause.code === "ENOENT" ? ("none" as const) : failed(cause)
    )
  )
  return Effect.catchIf(
    read,
    (error): error is "none" => error === "none",
    () => make
  )
}

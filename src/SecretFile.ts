/**
 * The file that a `<NAME>_FILE` variable names. What cannot be a secret (an empty file, a folder) is an error: taken for
 * an unset variable it would switch off what the secret protects.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { open } from "node:fs/promises"

/** More than any secret has, and few enough that a device which never ends is no trouble. */
const MAX_BYTES = 65_536
/** A pipe that nothing is written to must not hold the start for ever. */
const READ_WITHIN = "5 seconds"
const READABLE_BY_OTHERS = 0o004

/** What is wrong with the path, in words that complete "got <path>, …". */
export class SecretFileUnusable extends Schema.TaggedError<SecretFileUnusable>()("SecretFileUnusable", {
  problem: Schema.String
}) {}

export interface SecretFile {
  /** Without the spaces and line breaks around it; never empty. */
  readonly text: string
  /** Every user of this machine can read it. */
  readonly readableByOthers: boolean
}

const problems: Readonly<Record<string, string>> = {
  ENOENT: "where there is no file",
  ENOTDIR: "whose folder is a file",
  EISDIR: "which is a directory",
  EACCES: "which this user may not read",
  EPERM: "which this user may not read",
  ELOOP: "which is a loop of links"
}

const problemOf = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown"
  return problems[code] ?? `which cannot be read (${code})`
}

const readBounded = async (path: string) => {
  const handle = await open(path, "r")
  try {
    const { mode } = await handle.stat()
    const buffer = Buffer.alloc(MAX_BYTES + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null)
      length += bytesRead
      if (bytesRead === 0 || length === buffer.length) break
    }
    return { content: buffer.subarray(0, length), mode }
  } finally {
    await handle.close()
  }
}

/** Reads the file once: a pipe can be read only once. */
export const read = (path: string): Effect.Effect<SecretFile, SecretFileUnusable> =>
  Effect.tryPromise({
    try: () => readBounded(path),
    catch: (cause) => new SecretFileUnusable({ problem: problemOf(cause) })
  }).pipe(
    Effect.timeoutFail({
      duration: READ_WITHIN,
      onTimeout: () => new SecretFileUnusable({ problem: "which could not be read within 5 seconds" })
    }),
    Effect.flatMap(({ content, mode }) => {
      const text = content.toString("utf8").trim()
      if (content.length > MAX_BYTES) {
        return new SecretFileUnusable({ problem: `which is larger than ${MAX_BYTES} bytes` })
      }
      return text === ""
        ? new SecretFileUnusable({
            problem: content.length === 0 ? "which is empty" : "which has only spaces"
          })
        : Effect.succeed({ text, readableByOthers: (mode & READABLE_BY_OTHERS) !== 0 })
    })
  )

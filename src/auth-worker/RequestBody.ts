import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type ApiError, refuse } from "./ApiError.ts"
import { describeProblems } from "./Problems.ts"

/** The largest request body, in bytes. */
export const maxBodyBytes = 64 * 1_024

/** The deepest nesting of a JSON body; deeper ones exhaust the stack of what decodes them. */
const maxDepth = 32

const tooLarge = refuse("PAYLOAD_TOO_LARGE", `A request body may have ${maxBodyBytes} bytes.`)

/**
 * What is read and thrown away of a body that is not wanted, in bytes. An answer given while the client still sends is lost to
 * it, as the connection is reset; beyond this, so be it.
 */
const maxDiscardedBytes = 1_024 * 1_024

/** Reads a body to its end, or to the bound, keeping at most `maxBodyBytes`. */
const read = (request: Request): Effect.Effect<{ readonly text: string; readonly size: number }, ApiError> =>
  Effect.gen(function* () {
    const body: ReadableStream<Uint8Array> | null = request.body
    const reader = body?.getReader()
    const decoder = new TextDecoder()
    let text = ""
    let size = 0
    while (reader !== undefined && size <= maxDiscardedBytes) {
      const next = yield* Effect.tryPromise({
        try: () => reader.read(),
        catch: () => refuse("INVALID_REQUEST", "The request body could not be read.")
      })
      if (next.done) break
      size += next.value.byteLength
      if (size <= maxBodyBytes) text += decoder.decode(next.value, { stream: true })
    }
    return { text: text + decoder.decode(), size }
  })

/** Reads and forgets the body of a request that was answered without it. */
export const discardBody = (request: Request): Effect.Effect<void> =>
  request.body === null || request.bodyUsed ? Effect.void : Effect.ignore(read(request))

/** Whether brackets nest deeper than `maxDepth`, told without parsing. */
const tooDeep = (json: string): boolean => {
  let depth = 0
  let inString = false
  for (let index = 0; index < json.length; index++) {
    const character = json[index]
    if (inString) {
      if (character === "\\") index++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === "{" || character === "[") {
      if (++depth > maxDepth) return true
    } else if (character === "}" || character === "]") depth--
  }
  return false
}

/**
 * The decoded JSON body of a request: 413, 415 and 400 in this order, the last with each field's path and what was expected
 * there, never with the value.
 */
export const readBody = <A, I>(request: Request, schema: Schema.Schema<A, I>): Effect.Effect<A, ApiError> =>
  Effect.gen(function* () {
    const { size, text } = yield* read(request)
    if (size > maxBodyBytes) return yield* tooLarge
    const contentType = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase()
    if (contentType !== "application/json") {
      return yield* refuse("UNSUPPORTED_MEDIA_TYPE", "The request body must be application/json.")
    }
    if (tooDeep(text))
      return yield* refuse("INVALID_REQUEST", `The request body may nest ${maxDepth} levels.`)
    return yield* Schema.decode(Schema.parseJson(schema))(text, { errors: "all" }).pipe(
      Effect.mapError((error) =>
        refuse("INVALID_REQUEST", `The request body is not valid: ${describeProblems(error)}.`)
      )
    )
  })

/** The decoded query of a request; 400 as readBody. Repeated parameters: the first counts. */
export const readQuery = <A, I>(url: URL, schema: Schema.Schema<A, I>): Effect.Effect<A, ApiError> =>
  Schema.decodeUnknown(schema)(Object.fromEntries([...url.searchParams].reverse()), { errors: "all" }).pipe(
    Effect.mapError((error) =>
      refuse("INVALID_REQUEST", `The query is not valid: ${describeProblems(error)}.`)
    )
  )

import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"

const pattern = /^00-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/

/** The W3C trace context of the request that is being served, if it came with a valid one. */
export class TraceContext extends Context.Reference<TraceContext>()("auth-worker/TraceContext", {
  defaultValue: (): Option.Option<string> => Option.none()
}) {}

/** A `traceparent` header's value when it is well-formed. */
export const parseTraceparent = (header: string | null | undefined): Option.Option<string> =>
  typeof header === "string" && pattern.test(header) ? Option.some(header) : Option.none()

const randomHex = (bytes: number) =>
  Effect.sync(() => Encoding.encodeHex(crypto.getRandomValues(new Uint8Array(bytes))))

/** A `traceparent` for work that this request causes: its trace with a span of our own, or a new trace. */
export const childTraceparent = Effect.gen(function* () {
  const [, trace, flags] = Option.getOrElse(yield* TraceContext, () => "").match(pattern) ?? []
  return `00-${trace ?? (yield* randomHex(16))}-${yield* randomHex(8)}-${flags ?? "01"}`
})

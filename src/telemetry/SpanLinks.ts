/**
 * Why something will be done: the spans of those who have asked for it since it was last done. One piece of work may
 * answer many requests, so it is no child of any of them; it is linked to each.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import { currentSpan } from "./Tracing.ts"

export interface SpanLinks {
  /** The calling fiber's span, if it is in one, is a reason for each of these. */
  readonly note: (keys: Iterable<string>) => Effect.Effect<void>
  /** The reasons so far, forgotten with this: they are answered by what begins now. */
  readonly take: (key: string) => ReadonlyArray<Tracer.SpanLink>
}

/** Keys whose reasons are remembered; those of the oldest go first. */
const MAX_KEYS = 10_000
/** Reasons of one key; what more have asked is told by the first of them as well. */
const MAX_LINKS = 32

export const make = (): SpanLinks => {
  const reasons = new Map<string, Array<Tracer.SpanLink>>()

  const add = (key: string, link: Tracer.SpanLink): void => {
    const known = reasons.get(key)
    if (known === undefined) reasons.set(key, [link])
    else if (known.length < MAX_LINKS && known.every(({ span }) => span !== link.span)) known.push(link)
    if (reasons.size <= MAX_KEYS) return
    const oldest = reasons.keys().next()
    if (oldest.done !== true) reasons.delete(oldest.value)
  }

  return {
    note: (keys) =>
      Effect.map(currentSpan, (span) => {
        if (Option.isNone(span)) return
        const link: Tracer.SpanLink = { _tag: "SpanLink", span: span.value, attributes: {} }
        for (const key of keys) add(key, link)
      }),
    take: (key) => {
      const links = reasons.get(key)
      reasons.delete(key)
      return links ?? []
    }
  }
}

/**
 * A tracer that makes only so many traces a second, and none of what its caller does not follow: a cold start of a
 * hundred thousand workspaces must cost neither this process nor the collector its memory.
 */
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

export interface Options {
  /** New traces, on average. */
  readonly perSecond: number
  /** New traces at once. */
  readonly burst: number
}

const NANOS_PER_SECOND = 1e9

/** A span that nobody will see: it only hands the trace's id, and that it is not followed, to its children. */
const unseen = (of: Tracer.Span): Tracer.Span => ({
  _tag: "Span",
  name: of.name,
  spanId: of.spanId,
  traceId: of.traceId,
  parent: of.parent,
  context: of.context,
  status: of.status,
  attributes: new Map(),
  links: [],
  sampled: false,
  kind: of.kind,
  end: () => undefined,
  attribute: () => undefined,
  event: () => undefined,
  addLinks: () => undefined
})

/** Spans within a trace are all made, or none of them is. */
export const make = (tracer: Tracer.Tracer, { burst, perSecond }: Options): Tracer.Tracer => {
  let tokens = burst
  let refilledAt = 0n
  const admitTrace = (now: bigint): boolean => {
    const earned = (Number(now - refilledAt) / NANOS_PER_SECOND) * perSecond
    tokens = Math.min(burst, tokens + Math.max(0, earned))
    refilledAt = now
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
  return Tracer.make({
    context: (execute, fiber) => tracer.context(execute, fiber),
    span: (name, parent, context, links, startTime, kind, options) => {
      const span = tracer.span(name, parent, context, links, startTime, kind, options)
      // Whoever calls us from outside begins a trace here as well, as far as our memory is concerned.
      const isFollowed =
        Option.isSome(parent) && parent.value._tag === "Span"
          ? parent.value.sampled
          : Option.match(parent, { onNone: () => true, onSome: ({ sampled }) => sampled }) &&
            admitTrace(startTime)
      return isFollowed ? span : unseen(span)
    }
  })
}

/**
 * Server-sent events: a stream that browsers and `curl` understand, and that resumes where it broke off.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/** Below the idle timeout of the usual proxies (60 s), so that a quiet stream stays open. */
const HEARTBEAT_SECONDS = 15
/** What a browser waits before it reconnects, in milliseconds. */
const RECONNECT_MS = 2_000

export interface ServerSentEvent {
  readonly id: string
  readonly event: string
  readonly data: unknown
}

/** JSON has no line break, so one `data:` line is always enough; a name is one of ours, and has none either. */
const frame = ({ data, event, id }: ServerSentEvent): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`

/** Streams the events, with a comment now and then while there are none. Ends when they end. */
export const response = (events: Stream.Stream<ServerSentEvent>): HttpServerResponse.HttpServerResponse => {
  const heartbeats = Stream.as(Stream.fromSchedule(Schedule.spaced(`${HEARTBEAT_SECONDS} seconds`)), ": \n\n")
  const body = Stream.merge(Stream.map(events, frame), heartbeats, { haltStrategy: "left" }).pipe(
    // Sent at once, so that a client knows that it is connected before anything happens.
    (frames) => Stream.concat(Stream.succeed(`retry: ${RECONNECT_MS}\n\n`), frames),
    Stream.encodeText
  )
  return HttpServerResponse.stream(body, {
    contentType: "text/event-stream",
    // nginx buffers what it proxies unless it is told not to.
    headers: { "x-accel-buffering": "no" }
  })
}

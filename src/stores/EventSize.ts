/**
 * The most that the name and the arguments of an event may be, as JSON in UTF-8. LiveStore sends frames of at most 900,000
 * bytes (MAX_TRANSPORT_PAYLOAD_BYTES of sync-cf 0.4.0), to the backend and from it to every client; what is longer it tries
 * to send for ever. The rest is for what stands around the event: store, credentials, positions.
 */
export const MAX_EVENT_BYTES = 880_000

/** The bytes of an event as `JSON.stringify` writes it: what a character grows to by its escape counts. */
export const eventBytes = (event: { readonly name: string; readonly args: unknown }): number =>
  Buffer.byteLength(JSON.stringify(event))

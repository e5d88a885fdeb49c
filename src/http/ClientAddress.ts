/**
 * The address that a request really comes from. Anybody can write `X-Forwarded-For`: it is believed only as far as
 * proxies that we know have written it, from the right to the left.
 */
import * as Option from "effect/Option"
import * as IpList from "./IpList.ts"

/** Of a client whose socket is gone already. */
export const UNKNOWN_ADDRESS = "unknown"

/** More proxies than this in a row are none of ours. */
const MAX_HOPS = 32

/** `203.0.113.7`, `203.0.113.7:4711`, `[2001:db8::1]:4711`: some proxies add the port. */
const hopOf = (text: string): Option.Option<string> => {
  const hop = text.trim()
  const match = /^\[([^\]]+)\](?::\d+)?$/.exec(hop) ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop)
  return IpList.canonical(match?.[1] ?? hop)
}

/**
 * Finds the client behind these proxies. `peer` is the other end of the socket, `forwardedFor` the header with all its
 * values. What is no address ends the search: whoever wrote it is the last one that is known.
 */
export const make = (trustedProxies: ReadonlyArray<IpList.Network>) => {
  const isTrusted = IpList.matcher(trustedProxies)
  return (peer: string | undefined, forwardedFor: string | undefined): string => {
    let client = Option.getOrElse(IpList.canonical(peer ?? ""), () => peer ?? UNKNOWN_ADDRESS)
    if (forwardedFor === undefined || !isTrusted(client)) return client
    for (const text of forwardedFor.split(",").slice(-MAX_HOPS).reverse()) {
      const hop = hopOf(text)
      if (Option.isNone(hop)) return client
      client = hop.value
      if (!isTrusted(client)) return client
    }
    return client
  }
}

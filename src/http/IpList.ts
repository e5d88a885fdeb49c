/**
 * Lists of networks, IPv4 and IPv6. An IPv4 address that arrives in IPv6 clothes (`::ffff:10.0.0.1`) is that IPv4
 * address, or whoever listens on `::` could walk around every list.
 */
import * as Option from "effect/Option"
import { BlockList, isIP } from "node:net"

/** A range of addresses in CIDR notation; a single address has the longest prefix. */
export interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: "ipv4" | "ipv6"
}

const IPV4_BITS = 32
const IPV6_BITS = 128
/** Where the IPv4 address begins in `::ffff:0:0/96`. */
const MAPPED_BITS = 96
/** What one subscriber usually has of IPv6: it may use any address of it. */
const SUBSCRIBER_GROUPS = 4
const IPV6_GROUPS = 8

/** The shortest spelling of an IPv6 address, as the URL standard has it. */
const shortest = (address: string): string => new URL(`http://[${address}]`).hostname.slice(1, -1)

const mapped = (address: string): string | undefined => {
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address)
  if (match === null) return undefined
  const [high, low] = [parseInt(match[1] ?? "", 16), parseInt(match[2] ?? "", 16)]
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".")
}

/** One spelling for each address; None for what is no address. A zone (`fe80::1%eth0`) is dropped. */
export const canonical = (text: string): Option.Option<string> => {
  const address = text.replace(/%.*$/, "")
  switch (isIP(address)) {
    case 4:
      return Option.some(address)
    case 6: {
      const short = shortest(address)
      return Option.some(mapped(short) ?? short)
    }
    default:
      return Option.none()
  }
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; None for anything else. */
export const parse = (text: string): Option.Option<Network> => {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text)
  if (match === null) return Option.none()
  const [, written = "", bits] = match
  return Option.flatMap(canonical(written), (address) => {
    const wasIpv6 = isIP(written) === 6
    const isIpv4 = isIP(address) === 4
    const most = wasIpv6 ? IPV6_BITS : IPV4_BITS
    const given = bits === undefined ? most : Number(bits)
    const prefix = wasIpv6 && isIpv4 ? given - MAPPED_BITS : given
    return given > most || prefix < 0
      ? Option.none()
      : Option.some({ address, prefix, family: isIpv4 ? ("ipv4" as const) : ("ipv6" as const) })
  })
}

/** A test for "in one of these". What is no address is in none. */
export const matcher = (networks: ReadonlyArray<Network>): ((address: string) => boolean) => {
  const list = new BlockList()
  for (const { address, family, prefix } of networks) list.addSubnet(address, prefix, family)
  return (address) => {
    const known = canonical(address)
    return Option.isSome(known) && list.check(known.value, isIP(known.value) === 4 ? "ipv4" : "ipv6")
  }
}

/** Who stands behind an address, for limits: the address itself, or the /64 of an IPv6 address. */
export const sourceOf = (address: string): string => {
  const known = Option.getOrElse(canonical(address), () => address)
  if (isIP(known) !== 6) return known
  const [before = "", after] = known.split("::")
  const head = before === "" ? [] : before.split(":")
  const tail = after === undefined || after === "" ? [] : after.split(":")
  const zeros = Array.from({ length: IPV6_GROUPS - head.length - tail.length }, () => "0")
  const groups = after === undefined ? head : [...head, ...zeros, ...tail]
  return `${groups.slice(0, SUBSCRIBER_GROUPS).join(":")}::/64`
}

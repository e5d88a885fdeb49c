/** What one subscriber usually has of IPv6: it may use any address of it. */
const subscriberGroups = 4
const ipv6Groups = 8

const ipv4 = /^\d{1,3}(?:\.\d{1,3}){3}$/

/** The shortest spelling of an IPv6 address, as the URL standard has it, IPv4-mapped ones in hexadecimal too. */
const shortest = (address: string): string | undefined => {
  try {
    return new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1)
  } catch {
    return undefined
  }
}

/** The groups of an IPv6 address, or undefined for what is none. */
const groupsOf = (address: string): ReadonlyArray<string> | undefined => {
  const short = address.includes(":") ? shortest(address) : undefined
  if (short === undefined) return undefined
  const [before = "", after] = short.split("::")
  const head = before === "" ? [] : before.split(":")
  const tail = after === undefined || after === "" ? [] : after.split(":")
  const zeros = Array.from({ length: ipv6Groups - head.length - tail.length }, () => "0")
  return [...head, ...zeros, ...tail]
}

/**
 * Who stands behind an address, for limits: an IPv4 address, also one in IPv6's clothes (`::ffff:10.0.0.1`), is itself; of an
 * IPv6 address the /64 counts. What is no address counts as one sender.
 */
export const addressPrefix = (address: string): string => {
  const text = address.trim()
  if (ipv4.test(text)) return text
  const groups = groupsOf(text)
  if (groups === undefined) return "unknown"
  const isMapped = groups.slice(0, 5).every((group) => group === "0") && groups[5] === "ffff"
  if (isMapped) {
    return [groups[6], groups[7]]
      .flatMap((group = "0") => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff])
      .join(".")
  }
  return `${groups.slice(0, subscriberGroups).join(":")}::/64`
}

/**
 * Which names a server answers to. A page of a stranger can make a browser send requests to this machine under the page's own
 * name (DNS rebinding), and then read the answers: only the `Host` header tells.
 */

/** The name in a `Host` header: lower case, without the port and the root's dot. */
export const nameOf = (host: string): string =>
  host
    .trim()
    .toLowerCase()
    .replace(/^(\[[^\]]*\]|[^:]*)(?::\d*)?$/, "$1")
    .replace(/\.$/, "")

/** Names that resolve to this machine whatever a resolver says. */
const isLoopback = (name: string): boolean =>
  name === "localhost" ||
  name.endsWith(".localhost") ||
  name === "[::1]" ||
  /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name)

/** A test of a `Host` header: loopback names pass, and these. */
export const matcher = (names: ReadonlyArray<string>): ((host: string) => boolean) => {
  const known = new Set(names.map(nameOf))
  return (host) => {
    const name = nameOf(host)
    return isLoopback(name) || known.has(name)
  }
}

/**
 * Redirects are not followed: the host that was configured is the one that is trusted, and its answer must not hand the
 * token, the messages or the set of workspaces to another one. A 3xx is an error that names where it points.
 */
import { parseUrl } from "./UrlText.ts"

/** A target is cut at this many characters. */
const MAX_SHOWN = 200
/** A path's segment from this length on is not shown: it may be a secret (webhook URLs carry theirs so). */
const SECRET_SEGMENT_LENGTH = 20
const NOT_MODIFIED = 304

const shownSchemes: ReadonlySet<string> = new Set(["http:", "https:", "ws:", "wss:"])

/** Every 3xx but 304, which answers a conditional request. */
export const isRedirect = (status: number): boolean =>
  status >= 300 && status <= 399 && status !== NOT_MODIFIED

/**
 * Where a `Location` points, for people: origin and path, percent-encoded and cut. Without user, password, query and
 * fragment, any of which may hold a secret.
 */
export const targetOf = (location: string | null | undefined, from: string): string => {
  if (location === null || location === undefined || location.trim() === "") return "nowhere (no Location)"
  const url = parseUrl(location, from)
  if (url === undefined) return "something that is no URL"
  const { host, pathname, protocol } = url
  if (!shownSchemes.has(protocol)) return "something that is no web address"
  const path = pathname
    .split("/")
    .map((segment) => (segment.length >= SECRET_SEGMENT_LENGTH ? "…" : segment))
    .join("/")
  const shown = `${protocol}//${host}${path}`
  return shown.length <= MAX_SHOWN ? shown : `${shown.slice(0, MAX_SHOWN)}…`
}

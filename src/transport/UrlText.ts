/**
 * Whether a text is a URL that can be called as it stands. `new URL` mends what it is given (it drops line breaks, adds
 * slashes, swallows a `?`), so the request would go to another address than the one that was written.
 */

/** The URL that a text stands for, or nothing. */
export const parseUrl = (text: string, base?: string): URL | undefined => {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}

export interface UrlRule {
  /** Without `:`, such as `https`. */
  readonly schemes: ReadonlyArray<string>
  /** Paths are appended to it, so that a query has no place. */
  readonly isBase: boolean
  /** A fragment is never sent; a page that people open may have one. */
  readonly mayHaveFragment?: boolean
}

/** What such a URL looks like: completes "takes …". */
export const takes = ({ isBase, mayHaveFragment = false, schemes }: UrlRule): string => {
  const without = ["user", "password", ...(isBase ? ["?"] : []), ...(mayHaveFragment ? [] : ["#"])]
  const last = without.at(-1) ?? ""
  const list = without.length === 1 ? last : `${without.slice(0, -1).join(", ")} or ${last}`
  return `a URL beginning with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}, without ${list}`
}

/** Blanks, control characters, and what readers do not see or see in another order. */
const UNPRINTABLE = /[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

export const isUrl = (text: string, { isBase, mayHaveFragment = false, schemes }: UrlRule): boolean => {
  const url = parseUrl(text)
  if (url === undefined || UNPRINTABLE.test(text) || text.includes("\\")) return false
  const { hostname, password, protocol, username } = url
  const scheme = protocol.slice(0, -1)
  if (!schemes.includes(scheme) || hostname === "" || username !== "" || password !== "") return false
  // `http:host` and `http:///host` are mended silently.
  const behind = text.slice(protocol.length)
  if (!/^\/\/[^/]/.test(behind) || behind.split("/")[2]?.includes("@") === true) return false
  if (isBase && text.includes("?")) return false
  return mayHaveFragment || !text.includes("#")
}

/** A base URL without its trailing slashes. */
export const asBase = (text: string): string => text.replace(/\/+$/, "")

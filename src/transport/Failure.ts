/**
 * Why a request got no answer. `fetch` says only "fetch failed" and hides the cause; a person needs the system's own code
 * (`ECONNREFUSED`), what it means, and what to look at.
 */
import * as Predicate from "effect/Predicate"

/** Shown for a failure that has no code of its own. */
const UNNAMED = "UNKNOWN"
/** How deep causes are followed, and how many failures of one connection are looked at (one for each address). */
const MAX_DEPTH = 5
const MAX_ATTEMPTS = 16
/** At most this many different codes are named. */
const MAX_CODES = 3

export interface Failure {
  /** The system's code, such as `ECONNREFUSED`; several when the addresses of one name failed differently. */
  readonly code: string
  /** What it means and what to do: completes "cannot be reached: …". Holds neither URL nor message of the failure. */
  readonly meaning: string
}

const closed = "it closed the connection before it had answered; look at its log, and at proxies between"
const silent = "no connection came about in time; a firewall may drop it, or the machine is down"
const untrusted =
  "its certificate is not signed by an authority that this machine knows; install its chain, or name the authority in NODE_EXTRA_CA_CERTS"

/** By code. A code that is not listed is shown with the words of its family, or with none. */
const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there; check host and port of the URL, and that the service runs",
  ENOTFOUND: "its host name does not resolve; check the URL's spelling and the DNS",
  EAI_AGAIN: "the DNS does not answer; check this machine's resolver and network",
  ECONNRESET: closed,
  ECONNABORTED: closed,
  EPIPE: closed,
  UND_ERR_SOCKET: closed,
  UND_ERR_CLOSED: closed,
  UND_ERR_DESTROYED: closed,
  ETIMEDOUT: silent,
  UND_ERR_CONNECT_TIMEOUT: silent,
  UND_ERR_HEADERS_TIMEOUT: "it took the request and did not answer in time; look at its load",
  UND_ERR_BODY_TIMEOUT: "its answer stopped midway; look at its load, and at proxies between",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "its answer has another length than it announces",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "its answer is larger than is read",
  EHOSTUNREACH: "there is no route to its machine; check the network",
  ENETUNREACH: "there is no route to its network; check the network, and whether IPv6 works here",
  EADDRNOTAVAIL: "this machine has no address or no free port left for the connection",
  EMFILE: "this process has no file descriptor left; raise its limit",
  EACCES: "this process may not connect there; check firewall and sandbox rules",
  EPERM: "this process may not connect there; check firewall and sandbox rules",
  EPROTO: "TLS cannot be spoken with it; check whether the URL should begin with http:// or with https://",
  CERT_HAS_EXPIRED: "its certificate has expired; renew it",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; compare the clocks of both machines",
  CERT_REVOKED: "its certificate has been revoked; replace it",
  CERT_UNTRUSTED: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID:
    "its certificate is for another host name; check the URL, or whether another host answers there",
  BAD_PORT: "this port belongs to another protocol, and no HTTP request is sent to it; check the URL",
  [UNNAMED]: "the connection failed"
}

const families: ReadonlyArray<readonly [prefix: string, meaning: string]> = [
  [
    "ERR_SSL_",
    "TLS cannot be spoken with it; check whether the URL should begin with http:// or with https://"
  ],
  ["ERR_TLS_", "TLS cannot be spoken with it; check certificate and protocol of its host"],
  ["CERT_", "its certificate is not accepted"],
  ["HPE_", "what answers does not speak HTTP; check port and scheme of the URL"],
  ["EAI_", "its host name does not resolve; check the URL's spelling and the DNS"]
]

const meaningOf = (code: string): string =>
  meanings[code] ?? families.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "the connection failed"

/** A code is a word in capitals: anything else that stands there is a stranger's text. */
const codeOf = (error: unknown): string | undefined => {
  if (!Predicate.hasProperty(error, "code") || typeof error.code !== "string") return undefined
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(error.code) ? error.code : undefined
}

const codesOf = (error: unknown, depth: number): ReadonlyArray<string> => {
  if (depth > MAX_DEPTH || !Predicate.isObject(error)) return []
  // A name with several addresses fails once for each of them.
  if (Predicate.hasProperty(error, "errors") && Array.isArray(error.errors)) {
    const codes = error.errors.slice(0, MAX_ATTEMPTS).flatMap((one: unknown) => codesOf(one, depth + 1))
    if (codes.length > 0) return codes
  }
  const inner = Predicate.hasProperty(error, "cause") ? codesOf(error.cause, depth + 1) : []
  if (inner.length > 0) return inner
  const own = codeOf(error)
  if (own !== undefined) return [own]
  // fetch names a port that it refuses by this message alone.
  return Predicate.hasProperty(error, "message") && error.message === "bad port" ? ["BAD_PORT"] : []
}

/** What a rejected `fetch`, a broken body or a socket's error says. */
export const failureOf = (error: unknown): Failure => {
  const codes = [...new Set(codesOf(error, 0))].slice(0, MAX_CODES)
  const [first = UNNAMED] = codes
  return { code: codes.length === 0 ? UNNAMED : codes.join(", "), meaning: meaningOf(first) }
}

/** Code and meaning as one clause of a sentence. */
export const describeFailure = ({ code, meaning }: Failure): string =>
  code === UNNAMED ? meaning : `${code}: ${meaning}`

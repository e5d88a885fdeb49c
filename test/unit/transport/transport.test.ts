import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { describeFailure, failureOf } from "../../../src/transport/Failure.ts"
import { isRedirect, targetOf } from "../../../src/transport/Redirect.ts"
import { isUrl, takes } from "../../../src/transport/UrlText.ts"

const coded = (code: string, message = "hunter2") => Object.assign(new Error(message), { code })
/** As fetch throws it. */
const fetchFailed = (cause: unknown) => new TypeError("fetch failed", { cause })

describe("the cause of a request without an answer", () => {
  it.each([
    ["ECONNREFUSED", "nothing listens there"],
    ["ENOTFOUND", "host name does not resolve"],
    ["EAI_AGAIN", "the DNS does not answer"],
    ["ECONNRESET", "closed the connection"],
    ["ETIMEDOUT", "no connection came about in time"],
    ["UND_ERR_CONNECT_TIMEOUT", "no connection came about in time"],
    ["UND_ERR_SOCKET", "closed the connection"],
    ["UND_ERR_HEADERS_TIMEOUT", "did not answer in time"],
    ["CERT_HAS_EXPIRED", "certificate has expired"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "NODE_EXTRA_CA_CERTS"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "another host name"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "http:// or with https://"],
    ["EPROTO", "http:// or with https://"],
    ["HPE_INVALID_CONSTANT", "does not speak HTTP"]
  ])("%s is named, with what to do", (code, meaning) => {
    for (const error of [
      coded(code),
      fetchFailed(coded(code)),
      { reason: "Transport", cause: fetchFailed(coded(code)) }
    ]) {
      const said = describeFailure(failureOf(error))
      expect(said).toMatch(new RegExp(`^${code}: `))
      expect(said).toContain(meaning)
      expect(said).not.toContain("hunter2")
    }
  })

  it("names each cause once where the addresses of one name failed apart", () => {
    const attempts = [coded("ECONNREFUSED"), coded("ENETUNREACH"), coded("ECONNREFUSED")]
    expect(failureOf(fetchFailed(new AggregateError(attempts))).code).toBe("ECONNREFUSED, ENETUNREACH")
  })

  it("shows no text of a stranger as a code, and survives whatever is thrown", () => {
    const cyclic = new Error("x")
    cyclic.cause = cyclic
    for (const error of [
      undefined,
      null,
      "text",
      7,
      {},
      cyclic,
      coded("hunter2 <b>"),
      coded("x".repeat(200))
    ]) {
      expect(failureOf(error).code).toBe("UNKNOWN")
    }
    fc.assert(fc.property(fc.anything(), (thrown) => typeof failureOf(thrown).meaning === "string"))
  })
})

describe("where a redirect points", () => {
  it.each([
    ["https://new.example/list", "https://new.example/list"],
    ["/login?next=hunter2#hunter2", "https://auth.example/login"],
    ["//user:hunter2@other.example:8443/a", "https://other.example:8443/a"],
    ["javascript:alert(1)", "something that is no web address"],
    ["http://[", "something that is no URL"],
    ["", "nowhere (no Location)"]
  ])("of %j shows %j", (location, shown) => {
    expect(targetOf(location, "https://auth.example/internal/workspaces")).toBe(shown)
  })

  it("is a bounded text of visible ASCII, but for the mark of what is left out", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 600 }), (path) => {
        const shown = targetOf(`https://a.example/${path}`, "https://auth.example")
        return shown.length <= 201 && /^[\x20-\x7e…]*$/.test(shown)
      })
    )
  })

  it("shows no long segment of a path, which may be a secret", () => {
    expect(targetOf(`https://a.example/hooks/${"s3cret".repeat(5)}/x`, "https://b")).toBe(
      "https://a.example/hooks/…/x"
    )
  })

  it("is asked of every 3xx but 304", () => {
    expect([300, 301, 302, 303, 305, 307, 308, 399].every(isRedirect)).toBe(true)
    expect([200, 304, 299, 400].some(isRedirect)).toBe(false)
  })
})

describe("a URL as it is configured", () => {
  const base = { schemes: ["http", "https"], isBase: true }
  it.each([
    "https://auth.example",
    "https://auth.example/",
    "http://127.0.0.1:8788/auth",
    "https://[::1]:8443",
    "HTTPS://auth.example"
  ])("takes %j", (text) => {
    expect(isUrl(text, base)).toBe(true)
  })
  it.each([
    "https://auth.example?",
    "https://auth.example/?tenant=1",
    "https://auth.example#",
    "https://auth.example/#a",
    "https://user@auth.example",
    "https://:pass@auth.example",
    "https://@auth.example",
    "ftp://auth.example",
    "ws://auth.example",
    "auth.example",
    "https:auth.example",
    "https:///auth.example",
    "https:\\\\auth.example",
    "https://auth.example\\x",
    "https://auth .example",
    "https://auth.example/a b",
    "https://auth.\nexample",
    "https://auth.example/\u200b",
    "https://",
    "https://auth.example:99999",
    ""
  ])("refuses %j", (text) => {
    expect(isUrl(text, base)).toBe(false)
  })
  it("takes a query where the URL is called as it stands, and a fragment where people open it", () => {
    const called = { schemes: ["https"], isBase: false }
    expect(isUrl("https://a.example/hook?key=1", called)).toBe(true)
    expect(isUrl("https://a.example/hook#x", called)).toBe(false)
    expect(isUrl("https://a.example/d#panel", { ...called, mayHaveFragment: true })).toBe(true)
    expect(takes(called)).toBe("a URL beginning with https://, without user, password or #")
  })
})

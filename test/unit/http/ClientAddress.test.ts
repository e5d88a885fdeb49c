import { describe, expect, it } from "@effect/vitest"
import * as Option from "effect/Option"
import fc from "fast-check"
import { readFileSync } from "node:fs"
import * as ClientAddress from "../../../src/http/ClientAddress.ts"
import * as IpList from "../../../src/http/IpList.ts"

const behind = (...proxies: ReadonlyArray<string>) =>
  ClientAddress.make(proxies.flatMap((proxy) => Option.toArray(IpList.parse(proxy))))

describe("the client's address", () => {
  it("is the other end of the socket while no proxy is trusted, whatever the header says", () => {
    const clientOf = behind()
    expect(clientOf("198.51.100.1", "203.0.113.7")).toBe("198.51.100.1")
    expect(clientOf("::ffff:198.51.100.1", undefined)).toBe("198.51.100.1")
    expect(clientOf(undefined, "203.0.113.7")).toBe("unknown")
  })

  it.each([
    ["10.0.0.1", "203.0.113.7", "203.0.113.7"],
    ["10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"],
    // What the client has written itself, to look like another.
    ["10.0.0.1", "127.0.0.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"],
    ["10.0.0.1", "203.0.113.7:4711", "203.0.113.7"],
    ["10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"],
    ["::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"],
    // Proxies alone: the outermost that is known.
    ["10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    // What is no address ends the search at whoever wrote it.
    ["10.0.0.1", "203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["198.51.100.1", "203.0.113.7", "198.51.100.1"]
  ])("from %s with X-Forwarded-For %j is %s", (peer, forwardedFor, client) => {
    expect(behind("10.0.0.0/8")(peer, forwardedFor)).toBe(client)
  })

  it("cannot be forged by a client in the proxies' own network, with the list of the documented example", () => {
    const documented = /^TRUSTED_PROXIES=(\S+)/m.exec(readFileSync("docs/deployment.md", "utf8"))?.[1] ?? ""
    const proxies = documented.split(",")
    const clientOf = behind(...proxies)
    const [proxy = "", other = ""] = proxies
    const neighbour = proxy.replace(/\d+$/, "99")
    expect(clientOf(neighbour, "203.0.113.7")).toBe(neighbour)
    expect(clientOf(proxy, `203.0.113.7, ${neighbour}`)).toBe(neighbour)
    expect(clientOf(proxy, `127.0.0.1, 198.51.100.1, ${other}`)).toBe("198.51.100.1")
  })

  it("is never a trusted proxy's word about itself further out, nor anything but an address", () => {
    const clientOf = behind("10.0.0.0/8")
    const hop = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant("10.0.0.2"))
    fc.assert(
      fc.property(fc.array(hop, { maxLength: 50 }), (hops) => {
        expect(IpList.canonical(clientOf("10.0.0.1", hops.join(", ")))._tag).toBe("Some")
        expect(clientOf("192.0.2.1", hops.join(", "))).toBe("192.0.2.1")
      })
    )
  })
})

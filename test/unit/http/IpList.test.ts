import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import * as Option from "effect/Option"
import * as IpList from "../../../src/http/IpList.ts"

const networks = (...texts: ReadonlyArray<string>) =>
  texts.map((text) => Option.getOrThrowWith(IpList.parse(text), () => new Error(`no network: ${text}`)))

describe("a list of networks", () => {
  it.each([
    ["10.0.0.0/8", "10.255.255.255", "11.0.0.0"],
    ["203.0.113.7", "203.0.113.7", "203.0.113.8"],
    ["2001:db8::/32", "2001:DB8:ffff::1", "2001:db9::1"],
    ["2001:db8::1", "2001:0db8:0:0:0:0:0:1", "2001:db8::2"],
    ["::1", "0:0:0:0:0:0:0:1", "127.0.0.1"],
    ["fe80::/10", "fe80::1%eth0", "fec0::1"],
    ["0.0.0.0/0", "198.51.100.1", "2001:db8::1"],
    ["::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"]
  ])("%s has %s and not %s", (network, inside, outside) => {
    const isListed = IpList.matcher(networks(network))
    expect([isListed(inside), isListed(outside)]).toEqual([true, false])
  })

  it("knows an IPv4 address in IPv6 clothes, however it is spelt", () => {
    const isListed = IpList.matcher(networks("10.0.0.0/8"))
    for (const address of [
      "::ffff:10.1.2.3",
      "::FFFF:10.1.2.3",
      "::ffff:0a01:0203",
      "0:0:0:0:0:ffff:a01:203"
    ]) {
      expect([address, isListed(address)]).toEqual([address, true])
    }
  })

  it("refuses what is no network", () => {
    for (const text of [
      "",
      "localhost",
      "10.0.0",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/",
      "::/129",
      "1.2.3.4/8/9",
      "::ffff:10.0.0.0/8",
      "010.0.0.1"
    ]) {
      expect([text, IpList.parse(text)]).toEqual([text, Option.none()])
    }
  })

  it("has every address of a prefix and no neighbour of it", () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 32 }), (number, prefix) => {
        const text = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".")
        const size = 2 ** (32 - prefix)
        const first = Math.floor(number / size) * size
        const isListed = IpList.matcher(networks(`${text(number)}/${prefix}`))
        expect([isListed(text(first)), isListed(text(first + size - 1))]).toEqual([true, true])
        if (first > 0) expect(isListed(text(first - 1))).toBe(false)
        if (first + size <= 0xffffffff) expect(isListed(text(first + size))).toBe(false)
      })
    )
  })
})

describe("who stands behind an address", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["unknown", "unknown"]
  ])("of %s it is %s", (address, source) => {
    expect(IpList.sourceOf(address)).toBe(source)
  })
})

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { addressPrefix } from "../../../src/auth-worker/AddressPrefix.ts"
import { sourceOf } from "../../../src/http/IpList.ts"

describe("who stands behind an address", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:0DB8:0:0:ffff::1", "2001:db8:0:0::/64"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::ffff:cb00:7107", "203.0.113.7"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", "unknown"],
    ["nonsense", "unknown"]
  ])("is for %j %j", (address, expected) => {
    expect(addressPrefix(address)).toBe(expected)
  })

  it("is what the server takes it for, whatever address it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        expect(addressPrefix(address)).toBe(sourceOf(address))
      })
    )
  })
})

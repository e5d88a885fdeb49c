/**
 * Comparing what a caller presents with what is expected, in a time that says nothing about either.
 */
import { createHash, timingSafeEqual } from "node:crypto"

const digest = (value: string | Uint8Array): Uint8Array => createHash("sha256").update(value).digest()

/**
 * A test for "one of these". Digests are compared, so that lengths do not show, and all of them are, so that which
 * one matched does not show either. An empty candidate matches nothing, and no expectation is met by anything.
 */
export const matcher = (
  expected: ReadonlyArray<string | Uint8Array>
): ((candidate: string | Uint8Array) => boolean) => {
  const digests = expected.filter(({ length }) => length > 0).map(digest)
  return (candidate) => {
    const presented = digest(candidate)
    let matches = false
    for (const one of digests) matches = timingSafeEqual(one, presented) || matches
    return matches && candidate.length > 0
  }
}

/**
 * Comparing what a caller presents with what is expected, in a time that says nothing about either.
 */
import * as Option from "effect/Option"
import { createHash, timingSafeEqual } from "node:crypto"

const digest = (value: string | Uint8Array): Uint8Array => createHash("sha256").update(value).digest()

/**
 * Which of these a candidate is, by its place in the list. Digests are compared, so that lengths do not show, and all of
 * them are, so that which one matched does not show either. An empty candidate is none of them, and an empty
 * expectation is met by nothing.
 */
export const matcher = (
  expected: ReadonlyArray<string | Uint8Array>
): ((candidate: string | Uint8Array) => Option.Option<number>) => {
  const digests = expected.flatMap((value, place) =>
    value.length > 0 ? [{ place, digest: digest(value) }] : []
  )
  return (candidate) => {
    const presented = digest(candidate)
    let matched = -1
    for (const { digest: one, place } of digests) matched = timingSafeEqual(one, presented) ? place : matched
    return matched >= 0 && candidate.length > 0 ? Option.some(matched) : Option.none()
  }
}

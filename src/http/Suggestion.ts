/**
 * What somebody may have meant by a name that is not known: the known name that differs from it by a slip of the hand.
 */

/** Slips that a suggestion may be away from what was written: more, and it would be a guess. */
const MAX_SLIPS = 2
/** Shorter names are too close to each other for two slips. */
const MIN_LENGTH_FOR_TWO_SLIPS = 6
/** Nothing longer is compared: comparing costs the product of both lengths. */
const MAX_LENGTH = 64

/** `store_id`, `store-id`, `storeID` and `STORE_ID[]` are one name in different spellings. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "")

/**
 * The least number of characters to insert, delete, replace or swap with their neighbour that makes one text of the other
 * (optimal string alignment distance).
 */
const slipsBetween = (one: string, other: string): number => {
  let twoBack: ReadonlyArray<number> = []
  let previous: ReadonlyArray<number> = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1]
      const swapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      current[column] = Math.min(
        (previous[column] ?? Infinity) + 1,
        (current[column - 1] ?? Infinity) + 1,
        (previous[column - 1] ?? Infinity) + (isSame ? 0 : 1),
        swapped ? (twoBack[column - 2] ?? Infinity) + 1 : Infinity
      )
    }
    twoBack = previous
    previous = current
  }
  return previous[other.length] ?? Infinity
}

/** The known name that is nearest to the given one, if any is near enough to have been meant. */
export const closest = (given: string, known: Iterable<string>): string | undefined => {
  const written = plain(given.slice(0, MAX_LENGTH))
  let best: { readonly name: string; readonly slips: number } | undefined
  for (const name of known) {
    const slips = slipsBetween(written, plain(name))
    const allowed = Math.min(written.length, name.length) < MIN_LENGTH_FOR_TWO_SLIPS ? 1 : MAX_SLIPS
    if (slips <= allowed && slips < (best?.slips ?? Infinity)) best = { name, slips }
  }
  return best?.name
}

/** A name that may be repeated in an answer: it says nothing but itself. */
const NAMEABLE = /^[A-Za-z][A-Za-z0-9_]{0,31}$/
/** No more than this many unknown names are spoken of. */
const MAX_NAMED = 5

export interface Input {
  /** The input as a whole, such as "the body". */
  readonly subject: string
  /** One of its parts: "field" or "parameter". */
  readonly part: string
  /** The names that it takes. */
  readonly known: ReadonlyArray<string>
}

/**
 * What is wrong with an input that has parts which it does not take; undefined if it has none. A part that is ignored may
 * have been meant as protection: `storeid` beside a reason would pause everything.
 */
export const describeUnknown = (
  given: Iterable<string>,
  { known, part, subject }: Input
): string | undefined => {
  const unknown = [...given].filter((name) => !known.includes(name))
  if (unknown.length === 0) return undefined
  const places = unknown.slice(0, MAX_NAMED).map((name) => {
    const shown = NAMEABLE.test(name)
      ? `${name} is no ${part} of ${subject}`
      : `There is an unknown ${part} in ${subject}`
    const meant = closest(name, known)
    return meant === undefined ? `${shown}.` : `${shown}: did you mean ${meant}?`
  })
  const takes = known.length === 0 ? "It takes none." : `It takes ${known.join(", ")}.`
  return [...new Set(places), takes].join(" ")
}

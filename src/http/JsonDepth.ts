/**
 * How deep JSON nests, told from its bytes: recursive decoders overflow the stack on a few thousand brackets.
 */

/** No message of ours nests deeper than a handful. */
export const MAX_JSON_DEPTH = 32

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING = new Set([0x5b, 0x7b])
const CLOSING = new Set([0x5d, 0x7d])

/** Whether the text, JSON in UTF-8, nests deeper than `max`. Brackets within strings do not count. */
export const isDeeperThan = (text: Uint8Array, max: number): boolean => {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const byte = text[index] ?? 0
    if (inString) {
      if (byte === BACKSLASH) index++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (OPENING.has(byte)) {
      depth++
      if (depth > max) return true
    } else if (CLOSING.has(byte)) depth--
  }
  return false
}

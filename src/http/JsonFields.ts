/**
 * Whether a JSON object names a field twice. `JSON.parse` takes the last of them in silence, so that
 * `{"storeId":"a","storeId":"b"}` would be about one workspace that the reader of the request may not see.
 */

const COLON = /\s*:/y
const STRING = /"(?:[^"\\]|\\.)*"/y

/** `text` must be JSON: this looks at the fields of the outermost object alone. */
export const repeatedField = (text: string): boolean => {
  const seen = new Set<string>()
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (character === "{" || character === "[") depth++
    else if (character === "}" || character === "]") depth--
    else if (character === '"') {
      STRING.lastIndex = index
      const literal = STRING.exec(text)?.[0] ?? '""'
      index += literal.length - 1
      COLON.lastIndex = index + 1
      if (depth !== 1 || !COLON.test(text)) continue
      // Spelt with escapes, a field is the same field.
      const name = String(JSON.parse(literal))
      if (seen.has(name)) return true
      seen.add(name)
    }
  }
  return false
}

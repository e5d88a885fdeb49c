/**
 * Text that is safe in a chat: what comes from elsewhere is shown as code, on one line and cut, so that it can neither
 * mention anybody nor look like our own words.
 */

/** Discord's own limit, in characters. */
const MAX_MESSAGE_LENGTH = 2_000
const MAX_CODE_LENGTH = 120
const ELLIPSIS = "…"

/** At most so many UTF-16 units, and no half of a pair at the end. */
const cut = (text: string, maxLength: number): string =>
  text.length <= maxLength
    ? text
    : `${text.slice(0, maxLength - ELLIPSIS.length).replace(/[\ud800-\udbff]$/, "")}${ELLIPSIS}`

/** Foreign text: an id, a reason, an error. Nothing in code is a link, a mention or a format. */
export const code = (text: string, maxLength = MAX_CODE_LENGTH): string => {
  const line = text
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .replaceAll("`", "'")
    .trim()
  return `\`${cut(line === "" ? "-" : line, maxLength)}\``
}

/** Lines that fit into one message; what does not is left out, whole lines first. */
export const lines = (all: ReadonlyArray<string>): string => {
  const kept: Array<string> = []
  let length = 0
  for (const [index, line] of all.entries()) {
    const more = `${ELLIPSIS} and ${all.length - index} more lines: wso shows all.`
    if (length + line.length + more.length + 2 > MAX_MESSAGE_LENGTH) {
      kept.push(kept.length === 0 ? cut(line, MAX_MESSAGE_LENGTH) : more)
      break
    }
    kept.push(line)
    length += line.length + 1
  }
  return kept.join("\n")
}

/** `3 minutes ago`, as each reader's client says it; `at` is in epoch milliseconds. */
export const relative = (at: number): string => `<t:${Math.floor(at / 1_000)}:R>`

/** The same for ISO 8601. */
export const relativeIso = (time: string | null): string => {
  const at = time === null ? NaN : Date.parse(time)
  return Number.isNaN(at) ? "never" : relative(at)
}

export const count = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? "" : "s"}`

/**
 * Variables of the environment that look like ours and are not: a slip in a name leaves the setting at its default, in
 * silence. They are warned of and never stop the start, since the environment is shared with other programs.
 */
import { closest } from "./http/Suggestion.ts"

export interface StrayVariable {
  readonly name: string
  /** The variable that may have been meant. */
  readonly meant: string
}

/** Below this many characters, names are alike by chance (`HOST`, `PORT`). */
const MIN_LENGTH = 8

/** `MESSAGE_HANDLER_TIMEOUT` and `STORE_CONNECTION_TIMEOUT_MS`: the right words, and one unit or part too many or too few. */
const isCutOrExtended = (name: string, known: string): boolean => {
  const [short, long] = name.length < known.length ? [name, known] : [known, name]
  return short.length >= MIN_LENGTH && /_.*_/.test(short) && long.startsWith(`${short}_`)
}

/** Of the names of an environment, those that are none of `known` and near to one of them. */
export const strayVariables = (
  names: Iterable<string>,
  known: ReadonlyArray<string>
): ReadonlyArray<StrayVariable> => {
  const all = new Set(known)
  return [...names]
    .filter((name) => !all.has(name) && name.length >= MIN_LENGTH)
    .flatMap((name) => {
      const meant = closest(name, known) ?? known.find((one) => isCutOrExtended(name, one))
      return meant === undefined ? [] : [{ name, meant }]
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

/**
 * The ids of a list's rows. A row without an id is malformed and fails its list (law 5): its workspace cannot even be
 * named. A row whose id is no id of ours is that workspace's trouble alone (law 4): it is set apart with the reason,
 * never opened, and the others go on.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { letTurn } from "../controller/EventLoop.ts"
import { DirectoryMalformed } from "./DirectoryError.ts"
import { workspaceIdPattern } from "./Workspace.ts"

/** A workspace that exists and cannot be opened. */
export interface Unsupported {
  /** As the source has it, cut at 200 characters. */
  readonly instanceId: string
  /** Completes "its id …". */
  readonly reason: string
}

export interface Ids {
  readonly ids: ReadonlyArray<string>
  readonly unsupported: ReadonlyArray<Unsupported>
}

/** Rows that are looked at in one step: a millisecond or so. */
const ROWS_PER_TURN = 5_000
const MAX_ID_SHOWN = 200
const MIN_LENGTH = 3
const MAX_LENGTH = 64

/** Why an id cannot be opened; nothing if it can. */
export const unsupportedReason = (instanceId: string): string | undefined => {
  if (workspaceIdPattern.test(instanceId)) return undefined
  if (instanceId.length < MIN_LENGTH) return `is shorter than ${MIN_LENGTH} characters`
  if (instanceId.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`
  return /^[a-zA-Z0-9]/.test(instanceId)
    ? "has other characters than letters, digits, _ and -"
    : "does not begin with a letter or a digit"
}

export const unsupported = (instanceId: string, reason: string): Unsupported => ({
  instanceId: instanceId.length > MAX_ID_SHOWN ? `${instanceId.slice(0, MAX_ID_SHOWN)}…` : instanceId,
  reason
})

const withoutId = (index: number, row: unknown): DirectoryMalformed => {
  const path = Predicate.isRecord(row) ? `workspaces.${index}.instanceId` : `workspaces.${index}`
  const expected = Predicate.isRecord(row) ? "expected an id, a text that is not empty" : "expected a row"
  return new DirectoryMalformed({
    path,
    message: `The directory's answer is malformed at ${path}: ${expected}`
  })
}

/** A list may have a hundred thousand rows, so the event loop has its turn now and then. */
export const idsOf = (rows: ReadonlyArray<unknown>): Effect.Effect<Ids, DirectoryMalformed> =>
  Effect.gen(function* () {
    const ids: Array<string> = []
    const apart: Array<Unsupported> = []
    for (const [index, row] of rows.entries()) {
      if (index % ROWS_PER_TURN === ROWS_PER_TURN - 1) yield* letTurn
      const id = Predicate.hasProperty(row, "instanceId") ? row.instanceId : undefined
      if (typeof id !== "string" || id === "") return yield* withoutId(index, row)
      const reason = unsupportedReason(id)
      if (reason === undefined) ids.push(id)
      else apart.push(unsupported(id, reason))
    }
    return { ids, unsupported: apart }
  })

/** At most so many pairs are named. */
const MAX_LOOKALIKES = 1_000

/**
 * Ids that differ from another one only by case: two workspaces for LiveStore, and one folder on a disk that ignores case.
 * Lower-case ids cost nothing.
 */
export const lookalikesOf = (ids: ReadonlySet<string>): ReadonlyArray<readonly [string, string]> => {
  const pairs: Array<readonly [string, string]> = []
  const seen = new Map<string, string>()
  for (const id of ids) {
    const lower = id.toLowerCase()
    if (lower === id) continue
    const other = ids.has(lower) ? lower : seen.get(lower)
    if (other !== undefined && pairs.length < MAX_LOOKALIKES) pairs.push([other, id])
    seen.set(lower, id)
  }
  return pairs
}

/**
 * What is wrong with the server as a whole, as the checks judge it: pure and total. Whether people are told is decided
 * elsewhere (`IncidentBook`), by how long it lasts.
 */
import { type IncidentKind, isAtLeast } from "../orchestration/checks/Check.ts"
import { shownIn, type Result, type Snapshot } from "../orchestration/checks/Checks.ts"
import { table } from "../orchestration/checks/table.ts"
import type { Severity } from "./Incident.ts"

/** Something that is wrong now. */
export interface Trouble {
  readonly kind: IncidentKind
  readonly severity: Severity
  readonly summary: string
  /** When it began; null: not known, so that it begins when it is first seen. */
  readonly since: number | null
  readonly counts: Readonly<Record<string, number>>
  readonly storeIds: ReadonlyArray<string>
  /** Changes when there is something new to say, and not with every figure. */
  readonly fingerprint: string
}

/**
 * How long it must have lasted before people are told, in milliseconds: the table has it. Those that are alerts too have
 * the alert's `for` (`spec/alerts`), and a removal that is held waits for a person from its first moment.
 */
export const boundOf = (kind: IncidentKind): number => {
  for (const { incident } of table) {
    if ("kind" in incident && incident.kind === kind) return incident.afterMs
  }
  return 0
}

const capitalized = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

const troubleOf = ({
  check: { incident, name },
  counts = {},
  fingerprint,
  found,
  next,
  since,
  status,
  storeIds = []
}: Result): Trouble | undefined =>
  "none" in incident || !isAtLeast(status, incident.from)
    ? undefined
    : {
        kind: incident.kind,
        severity: incident.severity,
        summary: `${capitalized(name.replaceAll("-", " "))}: ${found}.${next === null ? "" : ` Next: ${next}.`}`,
        since,
        counts,
        storeIds,
        fingerprint: fingerprint ?? status
      }

/** Everything that is wrong now, at most one of each kind. */
export const incidentsOf = (snapshot: Pick<Snapshot, "results">): ReadonlyArray<Trouble> =>
  shownIn("incidents", snapshot).flatMap((result) => troubleOf(result) ?? [])

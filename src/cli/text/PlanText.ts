/**
 * `wso diff`: what would be done now, as a diff of the monitored set.
 */
import type { Plan } from "../../http/api/Views.ts"
import type { Screen, Tone } from "../Screen.ts"
import { relative } from "../Words.ts"

type Paint = (typeof Screen)["Service"]["paint"]

const lines = (
  sign: string,
  tone: Tone,
  rows: ReadonlyArray<{ readonly storeId: string; readonly why: string }>,
  total: number,
  paint: Paint
): ReadonlyArray<string> => [
  ...rows.map(({ storeId, why }) => paint(`${sign} ${storeId}  ${why}`, tone)),
  ...(total > rows.length ? [`${sign} … and ${total - rows.length} more`] : [])
]

/** One line: what holds it, what speaks for its removal, when it was last used, and what ends the hold. */
const heldText = (one: (typeof Plan.Type)["held"][number], now: number): string => {
  const who = one.deletedBy == null ? "" : ` by ${one.deletedBy}`
  const when = one.deletedAt ?? one.evidenceSince
  const evidence =
    one.evidence === "deleted"
      ? `deleted${who}${when == null ? "" : ` ${relative(when, now)}`}`
      : one.evidence === "absent"
        ? `missing${when == null ? "" : ` since ${relative(when, now)}`}`
        : null
  return [
    `held: ${one.reason}`,
    evidence,
    one.lastActivityAt == null ? null : `last active ${relative(one.lastActivityAt, now)}`,
    one.rejectedBy == null ? null : `kept by ${one.rejectedBy}`,
    one.reason === "guard" || one.endsWhen === undefined ? null : `ends when ${one.endsWhen}`
  ]
    .filter((part) => part !== null)
    .join(", ")
}

export const planText = (plan: typeof Plan.Type, now: number, paint: Paint): string => {
  const { add, counts, guard, held, paused, remove, waiting } = plan
  const because = ({ because: why, storeId }: { readonly because: string; readonly storeId: string }) => ({
    storeId,
    why
  })
  const changes = [
    ...lines("+", "good", add.map(because), counts.add, paint),
    ...lines("-", "bad", remove.map(because), counts.remove, paint),
    ...lines(
      "!",
      "warning",
      held.map((one) => ({ storeId: one.storeId, why: heldText(one, now) })),
      counts.held,
      paint
    ),
    ...lines(
      "~",
      "dim",
      waiting.map(({ reason, storeId, until }) => ({
        storeId,
        why: `waits: ${reason}, ${relative(until, now)}`
      })),
      counts.waiting,
      paint
    )
  ]
  const pauses = paused.map(
    ({ actor, expiresAt, reason, storeId }) =>
      `Paused: ${storeId ?? "the whole loop"}, by ${actor}, because: ${reason}${expiresAt === null ? "" : `; ends ${relative(expiresAt, now)}`}`
  )
  const approval =
    guard.planHash === null
      ? []
      : [
          `The removal guard holds ${guard.storeIds.length} removals (${guard.reason ?? "limit"}). If they are right: wso approve ${guard.planHash}; to keep them: wso reject ${guard.planHash}. Time alone ends nothing.`
        ]
  const stale = plan.desired.fresh ? [] : ["The desired set is stale: the source has not answered of late."]
  const summary = plan.differs
    ? `${counts.add} to open, ${counts.remove} to stop, ${counts.held} held, ${counts.waiting} waiting.`
    : "No difference: what is monitored is what is desired."
  return [...changes, ...(changes.length > 0 ? [""] : []), summary, ...approval, ...pauses, ...stale].join(
    "\n"
  )
}

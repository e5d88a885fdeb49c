/**
 * What must always hold, checked afresh: read off the live stores and the files, never off the figures that are kept as
 * things happen, so that wrong bookkeeping is found out (laws 2, 8, 9).
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { StoreManager } from "../stores/StoreManager.ts"
import { counters } from "../telemetry/Metrics.ts"
import { DesiredState } from "../workspaces/DesiredState.ts"
import { Backups } from "./Backups.ts"
import type { Invariant } from "./Reports.ts"
import { WorkspaceController } from "./WorkspaceController.ts"
import { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"

export interface Options {
  /** How often, of late, a store that is open was asked to be opened once more, which its driver refuses. */
  readonly secondOpenings: Effect.Effect<number>
}

/** Ids that are named where something does not hold. */
const MAX_NAMED = 5
/** The longest that one store may take to answer a read, and all of them. */
const READ_TIMEOUT_MS = 5_000
const READS_TIMEOUT_MS = 30_000
const READ_CONCURRENCY = 16
/** Looked at before other work has its turn. */
const IDS_PER_TURN = 5_000

const violations = counters(
  "wso_invariant_violations_total",
  "Invariants that did not hold when wso verify --deep looked",
  ["name"]
)

const named = (ids: ReadonlyArray<string>): string =>
  ids.length <= MAX_NAMED
    ? ids.join(", ")
    : `${ids.slice(0, MAX_NAMED).join(", ")} and ${ids.length - MAX_NAMED} more`

const invariant = (name: string, holds: boolean, detail: string): Invariant => {
  // Shown from the first look on, so that an alert sees the first violation.
  violations(name).add(holds ? 0 : 1)
  return { name, holds, detail }
}

export const make = (options: Options) =>
  Effect.gen(function* () {
    const desired = yield* DesiredState
    const manager = yield* StoreManager
    const orchestrator = yield* WorkspaceOrchestrator
    const controller = yield* WorkspaceController
    const backups = yield* Backups

    const openOnce = Effect.map(options.secondOpenings, (second) =>
      invariant(
        "store-open-once",
        second === 0,
        second === 0
          ? "no store was asked to be opened while it was open"
          : `a second opening was refused ${second} times of late: a defect of this program`
      )
    )

    /** The sets compared id by id, and the figures that everybody is shown compared with them. */
    const sets = Effect.gen(function* () {
      const missing: Array<string> = []
      const orphaned: Array<string> = []
      let monitored = 0
      let looked = 0
      const seen = new Set<string>()
      for (const id of [...desired.ids(), ...manager.storeIds()]) {
        if (seen.has(id)) continue
        seen.add(id)
        const isDesired = desired.get(id)._tag === "Present"
        const isMonitored = orchestrator.isMonitored(id)
        if (isMonitored) monitored++
        if (isDesired && !isMonitored) missing.push(id)
        if (!isDesired && isMonitored) orphaned.push(id)
        if (++looked % IDS_PER_TURN === 0) yield* Effect.yieldNow()
      }
      const drift = missing.length + orphaned.length
      const shown = controller.drift.size()
      return [
        invariant(
          "desired-equals-observed",
          drift === 0,
          drift === 0
            ? `${monitored} monitored, each of them desired, and none missing`
            : [
                ...(missing.length > 0 ? [`missing: ${named(missing)}`] : []),
                ...(orphaned.length > 0 ? [`orphaned: ${named(orphaned)}`] : [])
              ].join("; ")
        ),
        invariant(
          "figures-are-true",
          shown === drift && controller.drift.monitored() === monitored,
          `drift ${drift} and ${monitored} monitored when counted, ${shown} and ${controller.drift.monitored()} shown`
        )
      ]
    })

    const state = Effect.map(backups.inspect, ({ audit, intact, problems, schemaVersion }) => [
      invariant(
        "state-database",
        intact,
        intact ? `read through and whole, schema ${schemaVersion}` : problems.join("; ")
      ),
      invariant(
        "audit-chain",
        audit.intact,
        audit.intact
          ? `${audit.records} records, each bound to the one before it`
          : `broken at record ${audit.firstBrokenSeq ?? "?"}`
      )
    ])

    /** One that dies or closes meanwhile is the loop's business and no violation. */
    const answers = (id: string): Effect.Effect<boolean | undefined> =>
      Effect.suspend(() => {
        const store = manager.openStore(id)
        if (store === undefined) return Effect.succeed(undefined)
        return store.read(Option.none(), 1).pipe(
          Effect.timeoutOption(READ_TIMEOUT_MS),
          Effect.map(Option.isSome),
          Effect.catchAllCause(() => Effect.succeed(manager.openStore(id) === store ? false : undefined))
        )
      })

    const reads = Effect.gen(function* () {
      const ids = [...manager.storeIds()]
      const mute: Array<string> = []
      let read = 0
      yield* Effect.forEach(
        ids,
        (id) =>
          Effect.map(answers(id), (answered) => {
            if (answered === undefined) return
            read++
            if (!answered) mute.push(id)
          }),
        { concurrency: READ_CONCURRENCY, discard: true }
      ).pipe(Effect.timeoutOption(READS_TIMEOUT_MS))
      return invariant(
        "stores-answer",
        mute.length === 0,
        mute.length === 0 ? `${read} of ${ids.length} stores were read` : `no answer from ${named(mute)}`
      )
    })

    /** All of them, in this order. */
    return Effect.gen(function* () {
      return [yield* openOnce, ...(yield* sets), ...(yield* state), yield* reads]
    })
  })

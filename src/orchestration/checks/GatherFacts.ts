/**
 * Gathers the facts off the running loop: one pass over the open stores, and otherwise as much work as there is trouble.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as CircuitBreaker from "../../controller/CircuitBreaker.ts"
import { letTurn } from "../../controller/EventLoop.ts"
import { EventProcessor } from "../../stores/EventProcessor.ts"
import { StoreManager } from "../../stores/StoreManager.ts"
import { DesiredState, describeRefreshError } from "../../workspaces/DesiredState.ts"
import { Lockdown } from "../Lockdown.ts"
import { Pauses } from "../Pauses.ts"
import { StateStore } from "../StateStore.ts"
import { WorkspaceController } from "../WorkspaceController.ts"
import { type LoopState, WorkspaceReconciler } from "../WorkspaceReconciler.ts"
import type { Disabled, Facts, OpeningFacts, StoresFacts } from "./Facts.ts"
import { FactSources } from "./FactSources.ts"
import { makePace } from "./Opening.ts"

export interface Options {
  readonly breakers: ReadonlyArray<CircuitBreaker.CircuitBreaker>
  /** Null: the set is reconciled with an Auth Worker. */
  readonly disabled: Disabled | null
  /** Workspaces that STORE_IDS names. */
  readonly pinned: number
  readonly intervalMs: number
  /** Whether user messages are answered, or only counted. */
  readonly handlesMessages: boolean
  readonly webhooksConfigured: boolean
}

/** Workspaces that a fact names; the counts beside them are exact. */
const MAX_STORE_IDS = 20
/** Stores looked at before other work has its turn: about a millisecond. */
const STORES_PER_TURN = 2_000
/** While none is connected, so many are asked since when: they have all lost the same backend. */
const MAX_ASKED = 1_000
const NANOS_PER_MS = 1_000_000

const firstOf = <A>(items: Iterable<A>, most: number): ReadonlyArray<A> => {
  const some: Array<A> = []
  for (const item of items) {
    if (some.length === most) break
    some.push(item)
  }
  return some
}

/** The first of both, those that have drifted longest first: they were put in as time went by. */
const longest = (
  missing: ReadonlyMap<string, number>,
  orphaned: ReadonlyMap<string, number>
): ReadonlyArray<string> =>
  [...firstOf(missing, MAX_STORE_IDS), ...firstOf(orphaned, MAX_STORE_IDS)]
    .sort(([, one], [, other]) => one - other)
    .slice(0, MAX_STORE_IDS)
    .map(([storeId]) => storeId)

export const make = (options: Options) =>
  Effect.gen(function* () {
    const controller = yield* WorkspaceController
    const desired = yield* DesiredState
    const manager = yield* StoreManager
    const processor = yield* EventProcessor
    const reconciler = yield* WorkspaceReconciler
    const lockdown = yield* Lockdown
    const pauses = yield* Pauses
    const state = yield* StateStore
    const sources = yield* FactSources
    const clock = yield* Effect.clock
    const monotonicMs = (): number => Number(clock.unsafeCurrentTimeNanos()) / NANOS_PER_MS

    const pace = makePace()
    yield* controller.subscribe(({ did }) => {
      if (did === "added") pace.opened(monotonicMs())
    })

    /** Since when, on a clock that only goes forward, the newest run has been the newest. */
    let run: { readonly startedAt: number; readonly at: number } | undefined
    const sinceRunBegan = ({ lastRunStartedAt }: LoopState, now: number): number | null => {
      if (lastRunStartedAt === null) return null
      const at = monotonicMs()
      if (run?.startedAt !== lastRunStartedAt) {
        // It began after the last look: a wall clock that was set meanwhile must not make it older than that.
        const mostMs = run === undefined ? Infinity : at - run.at
        run = { startedAt: lastRunStartedAt, at: at - Math.min(mostMs, Math.max(0, now - lastRunStartedAt)) }
      }
      return at - run.at
    }

    /** Since when none of the stores has been heard; `everHeard`: whether one was since it was opened. */
    const silence = (): Pick<StoresFacts, "everHeard" | "unheardSince"> => {
      let lost: number | null = null
      let begun: number | null = null
      for (const storeId of firstOf(manager.storeIds(), MAX_ASKED)) {
        const view = manager.view(storeId)
        if (view === undefined) continue
        const { lastConnectedAt, lastDisconnectedAt } = view
        // One that died while it was connected says nothing about the backend.
        if (
          lastDisconnectedAt !== null &&
          lastConnectedAt !== null &&
          lastDisconnectedAt >= lastConnectedAt
        ) {
          lost = Math.max(lost ?? 0, lastDisconnectedAt)
        }
        const first = view.statusHistory[0]?.at
        if (first !== undefined) begun = Math.min(begun ?? Infinity, first)
      }
      return { everHeard: lost !== null, unheardSince: lost ?? begun }
    }

    const stores = Effect.gen(function* () {
      const counts = { connected: 0, connecting: 0, disconnected: 0, error: 0 }
      let total = 0
      for (const storeId of manager.storeIds()) {
        const status = manager.status(storeId)
        if (status !== undefined) counts[status]++
        if (++total % STORES_PER_TURN === 0) yield* letTurn
      }
      const silent = total > 0 && counts.connected === 0 ? silence() : null
      // Stores that cannot even be opened say nothing about the backend; `failing` has them.
      const isHeldAgainstBackend =
        silent !== null && (silent.everHeard || counts.connecting + counts.disconnected > 0)
      const failing = controller.failing()
      const facts: StoresFacts = {
        total,
        ...counts,
        unheardSince: isHeldAgainstBackend ? silent.unheardSince : null,
        everHeard: silent?.everHeard ?? counts.connected > 0,
        failing: failing.size,
        failingIds: firstOf(failing.keys(), MAX_STORE_IDS)
      }
      return facts
    })

    /** What nothing but time keeps from being open: neither held nor failing. */
    const opening = (present: number): OpeningFacts | null => {
      const { missing } = controller.drift
      if (missing.size === 0 || pauses.list().some(({ storeId }) => storeId === null)) return null
      const put = new Set<string>()
      for (const storeId of controller.failing().keys()) if (missing.has(storeId)) put.add(storeId)
      for (const storeId of controller.blocked().keys()) if (missing.has(storeId)) put.add(storeId)
      const remaining = missing.size - put.size
      if (remaining === 0) return null
      return {
        opened: present - missing.size,
        total: present - put.size,
        etaMs: pace.etaMs(remaining, monotonicMs())
      }
    }

    return Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const contributed = sources.read()
      const { plan, tripped } = yield* controller.verdict
      const breakers = yield* Effect.forEach(options.breakers, ({ status }) => status)
      const queue = yield* controller.queueStats
      const { missing, orphaned } = controller.drift
      const { converged, notConvergedForMs } = controller.convergence()
      const present = desired.size() - desired.absences().size
      const view = desired.view()
      const loop = reconciler.state()
      const totals = processor.totals()
      const persistence = state.health()
      const locked = lockdown.current()
      const facts: Facts = {
        now,
        reconciler: {
          disabled: options.disabled,
          pinned: options.pinned,
          intervalMs: options.intervalMs,
          isRunning: loop.isRunning,
          sinceRunBeganMs: sinceRunBegan(loop, now),
          waitMs:
            loop.nextRunAt === null || loop.lastRunCompletedAt === null
              ? 0
              : Math.max(0, loop.nextRunAt - loop.lastRunCompletedAt),
          consecutiveFailures: loop.consecutiveFailures
        },
        convergence: {
          converged,
          desired: present,
          monitored: controller.drift.monitored(),
          missing: missing.size,
          orphaned: orphaned.size,
          notConvergedForMs,
          storeIds: longest(missing, orphaned)
        },
        opening: opening(present),
        source: {
          name: view.source,
          fresh: controller.isFresh(),
          ageMs: view.ageMs,
          error: view.lastError === null ? null : describeRefreshError(view.lastError)
        },
        stores: yield* stores,
        queue: { depth: queue.ready, oldestMs: queue.oldestReadyMs },
        guard: { tripped, planHash: plan?.hash ?? null, storeIds: plan?.storeIds ?? [] },
        pauses: pauses.list(),
        lockdown: locked === undefined ? null : { since: locked.since, actor: locked.actor },
        messages: {
          isHandled: options.handlesMessages,
          pending: totals.pendingUserMessages,
          parked: totals.parkedUserMessages,
          active: totals.activeHandlers,
          oldestOpenAt: processor.oldestOpenAt(),
          errorRate: processor.errorRate()
        },
        breakers: breakers.map(({ lastErrorTag, name, openedAt, state: breaker, willResetAt }) => ({
          name,
          state: breaker,
          openedAt,
          willResetAt,
          lastError: lastErrorTag
        })),
        state: {
          healthy: persistence.healthy,
          error: persistence.lastError,
          auditIntact: yield* contributed.auditIntact
        },
        machine: yield* contributed.machine,
        newestBackupAgeMs: yield* contributed.newestBackupAgeMs,
        notifications: yield* contributed.notifications,
        webhooks: {
          configured: options.webhooksConfigured,
          rejections: yield* contributed.webhookRejections
        },
        oldestSecret: yield* contributed.oldestSecret,
        day: yield* contributed.day
      }
      return facts
    })
  })

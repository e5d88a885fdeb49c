/**
 * The controller of workspaces: brings one workspace after the other to its desired state. Everything that may have
 * changed something (a nudge, a resync, an operator, a store that died) only names a key; what to do is read afresh
 * (law 1).
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Controller from "../controller/Controller.ts"
import { letTurn } from "../controller/EventLoop.ts"
import { ageMs, monotonicMsOf, steadyEpochMs } from "../controller/Elapsed.ts"
import * as Supervised from "../controller/Supervised.ts"
import type { AddOptions, KeyView, Stats } from "../controller/WorkQueue.ts"
import type { StoreOpenError } from "../stores/StoreDriver.ts"
import { StoreManager, type Observed } from "../stores/StoreManager.ts"
import { ORCHESTRATION_CATEGORY } from "../telemetry/LogLine.ts"
import * as SpanLinks from "../telemetry/SpanLinks.ts"
import * as Tracing from "../telemetry/Tracing.ts"
import { DesiredState, describeRefreshError, type RefreshError } from "../workspaces/DesiredState.ts"
import { decide, type Action, type ById, type Facts, type Policy } from "./decide.ts"
import * as Convergence from "./Convergence.ts"
import * as Drift from "./Drift.ts"
import * as DueRemovals from "./DueRemovals.ts"
import { EventFeed } from "./EventFeed.ts"
import * as OrchestrationMetrics from "./OrchestrationMetrics.ts"
import { Pauses } from "./Pauses.ts"
import * as RecentErrors from "./RecentErrors.ts"
import type { GuardPolicy, RemovalPlan, Verdict } from "./RemovalGuard.ts"
import { StateStore, type StateWriteFailed } from "./StateStore.ts"
import { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"
import * as Status from "./WorkspaceStatus.ts"

export interface Options {
  readonly policy: Policy
  readonly guard: GuardPolicy
  /** How many workspaces are worked on at once (`PROVISION_CONCURRENCY`). */
  readonly concurrency: number
  /** The longest that one reconcile of one workspace may take, in milliseconds. */
  readonly reconcileTimeoutMs: number
  /** How long the end of the loop lets running reconciles finish, in milliseconds. */
  readonly shutdownGraceMs: number
  /** The longest backoff of a failing workspace, in milliseconds: at most one resync interval (law 11). */
  readonly maxBackoffMs: number
  /** A snapshot older than this is stale: twice the resync interval. */
  readonly freshForMs: number
  /** Whether this replica is responsible for a key. All of them, on one machine. */
  readonly owns?: (id: string) => boolean
}

/** How one reconcile of one key ended, for whoever waits for it. */
export interface KeyOutcome {
  readonly id: string
  readonly did: "added" | "removed" | "nothing"
  readonly failure: Status.LastError | null
}

export class WorkspaceController extends Context.Tag(
  "workspace-orchestrator/orchestration/WorkspaceController"
)<
  WorkspaceController,
  {
    /** Takes keys from now on. Before, they only queue up. */
    readonly start: Effect.Effect<void>
    /** Takes no new key, lets running reconciles finish within the grace, then interrupts them. */
    readonly stop: Effect.Effect<void>
    /** Asks for a workspace to be looked at now, backoff or not. */
    readonly look: (id: string) => Effect.Effect<void>
    /** The calling fiber's span, if there is one, is a reason for the workspace's next reconcile. */
    readonly noteReason: (id: string) => Effect.Effect<void>
    /**
     * Asks for every workspace that may need something to be looked at, and returns them.
     * `now` cuts backoffs short; `resync` leaves them alone, or each resync would undo them. The first of them may have
     * been reconciled before the last is asked for: `onAsked` hears each before that.
     */
    readonly lookAtAll: (
      urgency: "now" | "resync",
      onAsked?: (id: string) => void
    ) => Effect.Effect<ReadonlySet<string>>
    /** Completes when the workspace is neither waiting for a worker nor in one's hand. */
    readonly awaitSettled: (id: string) => Effect.Effect<void>
    /** Hears how each reconcile ended. Synchronous; must not throw. */
    readonly subscribe: (listener: (outcome: KeyOutcome) => void) => Effect.Effect<void, never, Scope.Scope>
    readonly drift: Drift.Drift
    /** Whether the set is converged, as of now. */
    readonly convergence: () => Convergence.Convergence
    /** Whether the accepted snapshot is fresh, as of now. */
    readonly isFresh: () => boolean
    readonly verdict: Effect.Effect<Verdict>
    /** Lets exactly the held plan of this hash pass, for a while. Fails with what is held now, if anything. */
    readonly approve: (
      hash: string,
      actor: string
    ) => Effect.Effect<RemovalPlan, PlanChanged | StateWriteFailed>
    /** Keeps the workspaces of exactly the held plan of this hash, until there is newer evidence about them. */
    readonly reject: (
      hash: string,
      actor: string
    ) => Effect.Effect<RemovalPlan, PlanChanged | StateWriteFailed>
    /** Since when, and why, the guard holds the removal of a workspace. */
    readonly heldSince: (id: string) => DueRemovals.Held | undefined
    /** Who has rejected its removal, and when. */
    readonly rejection: (id: string) => DueRemovals.Rejected | undefined
    /** What would be done about a workspace now. */
    readonly plan: (id: string) => Action
    /** Begins again with one worker, doubling every few seconds: after a pause there may be much to do. */
    readonly startSlowly: Effect.Effect<void>
    readonly recentErrors: RecentErrors.RecentErrors
    readonly status: (id: string) => Status.WorkspaceStatus
    /** The workspaces that are held or wait, with the reason. */
    readonly blocked: () => ReadonlyMap<string, Status.Blocked>
    /** The workspaces whose newest reconcile failed. */
    readonly failing: () => ReadonlyMap<string, Status.LastError>
    readonly inspect: (id: string) => Effect.Effect<KeyView>
    readonly queueStats: Effect.Effect<Stats>
    /** Up to `limit` keys that run, are ready or wait. */
    readonly queueSnapshot: (limit: number) => Effect.Effect<ReadonlyArray<KeyView>>
  }
>() {}

/** The plan that was to be approved is not the one that is held (any more). */
export class PlanChanged extends Schema.TaggedError<PlanChanged>()("PlanChanged", {
  /** The hash of the plan that is held now; null if none is. */
  currentHash: Schema.NullOr(Schema.String)
}) {}

/** How long an approval holds: enough for the removals, not for another day's. */
const APPROVAL_TTL_MS = 900_000
/** Slow start: the concurrency doubles this often. */
const SLOW_START_STEP_MS = 2_000
/** Backoff of a failing workspace: 1 s · 2^n with jitter (operations map; client-go: 5 ms · 2^n). */
const BACKOFF_BASE_MS = 1_000
const BACKOFF_JITTER = 0.2
/** While the source contradicts itself about a workspace, it is looked at again this often. */
const DISAGREEMENT_RETRY_MS = 5_000
/** Keys looked at in one step of a whole pass, before other work gets its turn on the event loop: some milliseconds. */
const PASS_STEP = 2_000

type ReconcileError = StoreOpenError | RefreshError

const errorOf = (
  cause: Cause.Cause<ReconcileError | Controller.ReconcileTimeout>,
  now: number
): Status.LastError => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (failure === undefined) {
    return { code: "Defect", message: "A defect of this program; the log has the cause", at: now }
  }
  if (failure._tag === "ReconcileTimeout") {
    return { code: failure._tag, message: `Not finished within ${failure.timeoutMs} ms`, at: now }
  }
  return failure._tag === "StoreOpenError"
    ? { code: `StoreOpen_${failure.reason}`, message: failure.message, at: now }
    : { ...describeRefreshError(failure), at: now }
}

export const make = (options: Options) =>
  Effect.gen(function* () {
    const desired = yield* DesiredState
    const manager = yield* StoreManager
    const state = yield* StateStore
    const pauses = yield* Pauses
    const feed = yield* EventFeed
    const orchestrator = yield* WorkspaceOrchestrator
    const clock = yield* Effect.clock
    const spans = yield* Tracing.spans
    const reasons = SpanLinks.make()
    /** Why the keys that are about to be added will be reconciled; nothing where no spans are exported. */
    const noteReasons = (ids: Iterable<string>) => (spans.areOn ? reasons.note(ids) : Effect.void)
    const owns = options.owns ?? (() => true)

    const freshnessAt = (now: number): Convergence.Freshness => {
      const { ageMs, source } = desired.view()
      if (source === "static") return { fresh: true, staleFrom: null }
      if (ageMs === null || ageMs === Infinity) return { fresh: false, staleFrom: null }
      return { fresh: ageMs <= options.freshForMs, staleFrom: now + options.freshForMs - ageMs }
    }
    /** What is being opened afresh: not monitored, from before it is closed until it is open again (law 10). */
    const reopening = new Set<string>()
    const drift = Drift.make(
      desired.get,
      (id) => orchestrator.isMonitored(id) && !reopening.has(id),
      owns,
      () => clock.unsafeCurrentTimeMillis()
    )
    const startedAt = clock.unsafeCurrentTimeMillis()
    const steadyNow = steadyEpochMs(clock)
    const convergence = Convergence.track(drift, freshnessAt, startedAt)
    /** Looks at a key again after its desired or its observed state may have changed. */
    const see = (id: string): void => {
      drift.update(id)
      convergence.update(steadyNow())
    }
    const statuses = new Map<string, Status.Remembered>()
    const blocked = new Map<string, Status.Blocked>()
    const failing = new Map<string, Status.LastError>()
    const listeners = new Set<(outcome: KeyOutcome) => void>()
    const recentErrors = RecentErrors.make()
    const due = DueRemovals.make({
      guard: options.guard,
      removalConfirmations: options.policy.removalConfirmations,
      desired: desired.get,
      owns,
      removable: desired.removable,
      now: () => clock.unsafeCurrentTimeMillis(),
      recent: yield* state.removals.load,
      approved: new Map(
        (yield* state.approvals.load).flatMap(({ approvedAt, expiresAt, storeIds }) =>
          storeIds.map((id) => [id, { approvedAt, expiresAt }] as const)
        )
      ),
      held: new Map((yield* state.held.load).map(({ storeId, ...held }) => [storeId, held])),
      rejected: new Map((yield* state.held.rejected).map(({ storeId, ...rejected }) => [storeId, rejected]))
    })
    /** What is held or rejected and is not written yet. */
    const unsavedHolds = new Set<string>()
    const holdsChanged = () => {
      for (const id of due.takeChanged()) unsavedHolds.add(id)
      return unsavedHolds.size > 0
    }
    /** Writes what has changed about holds; what cannot be written now is written with the next change. */
    const saveHolds = Effect.suspend(() => {
      if (!holdsChanged()) return Effect.void
      const ids = new Set(unsavedHolds)
      const rows = <A>(of: (id: string) => A | undefined) =>
        [...ids].flatMap((storeId) => {
          const row = of(storeId)
          return row === undefined ? [] : [{ storeId, ...row }]
        })
      return state.held
        .save(
          ids,
          rows(due.hold),
          rows((id) => due.rejections().get(id))
        )
        .pipe(
          Effect.tap(() =>
            Effect.sync(() => {
              for (const id of ids) unsavedHolds.delete(id)
            })
          ),
          Effect.uninterruptible
        )
    })
    const trySaveHolds = Effect.ignore(saveHolds)
    /** The removed ones whose local data is still there. */
    const retired = new Set(yield* state.retired.before(Number.MAX_SAFE_INTEGER))

    const pausedUntil = (id: string): Facts["paused"] => {
      const pause = pauses.holding(id)
      return pause === undefined ? null : { until: pause.expiresAt }
    }
    const factsOf = (id: string, byId: ById): Facts => ({
      desired: desired.get(id),
      observed: manager.observe(id),
      processing: orchestrator.isMonitored(id),
      owned: owns(id),
      paused: pausedUntil(id),
      guard: due.rejection(id) !== undefined ? "rejected" : due.holds(id) ? "holds" : "admits",
      byId,
      now: clock.unsafeCurrentTimeMillis()
    })

    const statusOf = (id: string): Status.Remembered => statuses.get(id) ?? Status.unobserved

    const note = (id: string, action: Action | null, lastError: Status.LastError | null): void => {
      const now = clock.unsafeCurrentTimeMillis()
      const block = action === null ? null : Status.blockedBy(action, now)
      if (block === null) blocked.delete(id)
      else blocked.set(id, block)
      if (lastError === null) failing.delete(id)
      else failing.set(id, lastError)
      see(id)
      statuses.set(
        id,
        Status.observe(statusOf(id), {
          desired: desired.get(id)._tag,
          monitored: orchestrator.isMonitored(id),
          synced: manager.openStore(id)?.connectivity().isConnected ?? null,
          blocked: block,
          lastError,
          revision: desired.view().revision,
          now
        })
      )
    }

    const noteStarted = (id: string, startedAt: number): void => {
      const now = clock.unsafeCurrentTimeMillis()
      const before = statusOf(id)
      statuses.set(id, {
        ...before,
        firstMonitoredAt: before.firstMonitoredAt ?? now,
        lastEnsuredAt: now,
        provisionDurationMs: Math.round(monotonicMsOf(clock) - startedAt)
      })
    }

    /** What the orchestrator has not said already: that the key was given up, or that the source did not answer. */
    const logFailure = (
      id: string,
      cause: Cause.Cause<ReconcileError | Controller.ReconcileTimeout>,
      workMs: number
    ) => {
      if (Option.exists(Cause.failureOption(cause), ({ _tag }) => _tag === "StoreOpenError")) {
        return Effect.void
      }
      return Effect.logWarning("workspace_orchestration.reconcile_failed", cause, {
        category: ORCHESTRATION_CATEGORY,
        operation: "reconcile",
        phase: "execute",
        outcome: "failed",
        storeId: id,
        durationMs: Math.round(workMs)
      })
    }

    /** `durationMs` is how long it had been monitored. */
    const logDeath = (id: string, { at, death, deaths }: Extract<Observed, { readonly _tag: "Dead" }>) =>
      Effect.logWarning("workspace_orchestration.store_died", {
        category: ORCHESTRATION_CATEGORY,
        operation: "store_died",
        phase: death.reason,
        outcome: "died",
        storeId: id,
        durationMs: ageMs(statusOf(id).lastEnsuredAt ?? at, at),
        deaths,
        error: death.message
      })

    type Because = Extract<Action, { readonly _tag: "EnsureMonitored" }>["because"]

    const ensured = (id: string, because: Because, startedAt: number, wantedSince: number) => {
      noteStarted(id, startedAt)
      const now = clock.unsafeCurrentTimeMillis()
      if (because === "desired") OrchestrationMetrics.provisioned(ageMs(wantedSince, now))
      const published = feed.publish({
        type: "monitoring_started",
        storeId: id,
        message: `Opened in ${Math.round(monotonicMsOf(clock) - startedAt)} ms, because: ${because}`
      })
      const noted = retired.delete(id) ? Effect.zipRight(state.retired.remove(id), published) : published
      return Effect.as(noted, "added" as const)
    }

    const reopen = (id: string) =>
      Effect.suspend(() => {
        reopening.add(id)
        see(id)
        return Effect.ensuring(
          orchestrator.reopen(id),
          Effect.sync(() => reopening.delete(id))
        )
      })

    const ensure = (id: string, because: Because) =>
      Effect.suspend(() => {
        const startedAt = monotonicMsOf(clock)
        const wantedSince = drift.missing.get(id) ?? clock.unsafeCurrentTimeMillis()
        // What looks open but hears nothing, or is not processed, is opened afresh.
        const opened =
          because === "disconnected" || because === "processor"
            ? reopen(id)
            : orchestrator.ensureMonitored(id)
        return Effect.flatMap(opened, (outcome) =>
          outcome === "already_monitored"
            ? Effect.succeed("nothing" as const)
            : ensured(id, because, startedAt, wantedSince)
        )
      })

    /** Ends the monitoring, then lets the desired state forget: in this order, so that a crash repeats it (law 6). */
    const remove = (id: string, because: "deleted" | "absent" | "not-owner") =>
      Effect.gen(function* () {
        if (because !== "not-owner") due.begins(id)
        const outcome = yield* Effect.onError(orchestrator.stopMonitoring(id), () =>
          Effect.sync(() => due.fails(id))
        )
        const now = yield* Clock.currentTimeMillis
        if (because !== "not-owner") {
          const removal = due.happened(id, now)
          if (removal !== undefined) yield* state.removals.record(removal, now - options.guard.windowMs)
          retired.add(id)
          yield* state.retired.add(id, now)
          yield* desired.forget(id)
          due.update(id)
          yield* trySaveHolds
          yield* state.audit.append({
            at: now,
            actor: "controller",
            address: "",
            action: "store.stopped",
            subject: id,
            detail: because,
            outcome: "succeeded"
          })
        }
        yield* feed.publish({
          type: "monitoring_stopped",
          storeId: id,
          message: `Closed, because: ${because}`
        })
        return outcome === "monitoring_stopped" ? ("removed" as const) : ("nothing" as const)
      }).pipe(Effect.uninterruptible)

    const execute = (
      id: string,
      action: Action
    ): Effect.Effect<
      { readonly did: KeyOutcome["did"]; readonly next: Controller.Result },
      ReconcileError
    > => {
      switch (action._tag) {
        case "Nothing":
          return Effect.succeed({ did: "nothing", next: Controller.Done })
        case "EnsureMonitored":
          return Effect.map(ensure(id, action.because), (did) => ({ did, next: Controller.Done }))
        case "StopMonitoring":
          return Effect.map(remove(id, action.because), (did) => ({ did, next: Controller.Done }))
        case "AskById":
          return Effect.flatMap(desired.existsById(id), (answer) => {
            const byId = Option.match(answer, {
              onNone: () => "not-offered" as const,
              onSome: (exists) => (exists ? ("exists" as const) : ("gone" as const))
            })
            return act(id, byId)
          })
        case "Wait":
          return Effect.succeed({ did: "nothing", next: Controller.RequeueAfter(action.afterMs) })
        case "Hold":
          return Effect.succeed({
            did: "nothing",
            next:
              action.reason === "source-disagrees"
                ? Controller.RequeueAfter(DISAGREEMENT_RETRY_MS)
                : Controller.Done
          })
      }
    }

    const act = (id: string, byId: ById) =>
      Effect.suspend(() => {
        const action = decide(factsOf(id, byId), options.policy)
        const executed = Effect.map(execute(id, action), (outcome) => {
          if (action._tag !== "AskById") note(id, action, null)
          return outcome
        })
        return spans.areOn
          ? Effect.zipRight(spans.annotate({ "workspace.action": action._tag }), executed)
          : executed
      })

    const reconcile = (id: string): Effect.Effect<Controller.Result, ReconcileError> =>
      Effect.map(act(id, "not-asked"), ({ did, next }) => {
        for (const listener of listeners) listener({ id, did, failure: null })
        return next
      })

    /** Each reconcile in a trace of its own, linked to whatever has asked for it. */
    const traced = (id: string) =>
      Effect.suspend(() =>
        spans.within(reconcile(id), "workspace.reconcile", {
          root: true,
          links: reasons.take(id),
          attributes: { "workspace.id": id }
        })
      )

    const controller = yield* Controller.make({
      name: "workspaces",
      workers: options.concurrency,
      reconcile: spans.areOn ? traced : reconcile,
      timeout: options.reconcileTimeoutMs,
      shutdownGrace: options.shutdownGraceMs,
      backoff: { baseMs: BACKOFF_BASE_MS, maxMs: options.maxBackoffMs, jitter: BACKOFF_JITTER },
      hooks: {
        onAdd: OrchestrationMetrics.added,
        onRetry: OrchestrationMetrics.retried,
        onEnd: ({ exit, key, outcome, queueMs, workMs }) =>
          Effect.suspend(() => {
            OrchestrationMetrics.reconciled({ outcome, queueMs, workMs })
            // A stopped workspace that the desired state has forgotten needs no status any more.
            if (desired.get(key)._tag === "Unknown" && manager.observe(key)._tag === "Closed") {
              statuses.delete(key)
              blocked.delete(key)
              failing.delete(key)
            }
            if (Exit.isSuccess(exit) || outcome === "interrupted") return Effect.void
            const failure = errorOf(exit.cause, clock.unsafeCurrentTimeMillis())
            note(key, null, failure)
            recentErrors.record("workspaces", failure, key)
            OrchestrationMetrics.failed("workspaces", failure.code)
            for (const listener of listeners) listener({ id: key, did: "nothing", failure })
            const published = feed.publish({
              type: "failed",
              storeId: key,
              message: `${failure.code}: ${failure.message}`
            })
            return Effect.zipLeft(published, logFailure(key, exit.cause, workMs))
          })
      }
    })
    yield* controller.pause

    for (const id of desired.ids()) {
      drift.update(id)
      due.update(id)
    }
    yield* trySaveHolds
    // Law 7: the guard judges all removals of one list together, so it hears of them before any can be carried out.
    yield* desired.watch(due.update)
    yield* desired.subscribe(({ touched }) =>
      Effect.zipRight(
        inSteps(touched, (id) => {
          drift.update(id)
          return true
        }),
        Effect.zipRight(
          Effect.sync(() => convergence.update(steadyNow())),
          trySaveHolds
        )
      )
    )

    const signals = yield* Queue.unbounded<string>()
    yield* manager.subscribe((signal) => {
      const isTrouble =
        signal._tag === "Died" || (signal._tag === "Connectivity" && !signal.connectivity.isConnected)
      if (isTrouble) Queue.unsafeOffer(signals, signal.storeId)
    })
    yield* Queue.take(signals).pipe(
      Effect.flatMap((id) => {
        see(id)
        const observed = manager.observe(id)
        // Law 9: what died, or may stay deaf, re-enters the queue by itself.
        if (observed._tag === "Dead") {
          const died = feed.publish({
            type: "died",
            storeId: id,
            message: `${observed.death.reason}: ${observed.death.message} (death ${observed.deaths} of late)`
          })
          return Effect.all([died, logDeath(id, observed), controller.add(id, { priority: "died" })], {
            discard: true
          })
        }
        return observed._tag === "Open" && !observed.connectivity.isConnected
          ? controller.add(id, { priority: "died", afterMs: options.policy.disconnectedLimitMs })
          : Effect.void
      }),
      Effect.forever,
      (signalled) => Supervised.run("store-signals", signalled)
    )

    /** Goes over ids, a little at a time, and asks for those to be looked at that the choice falls on. */
    const inSteps = (
      ids: Iterable<string>,
      choose: (id: string) => boolean,
      how: AddOptions = { priority: "drift", respectBackoff: true }
    ) =>
      Effect.gen(function* () {
        let chosen: Array<string> = []
        let step = 0
        for (const id of ids) {
          if (choose(id)) chosen.push(id)
          if (++step % PASS_STEP !== 0) continue
          yield* noteReasons(chosen)
          yield* controller.addAll(chosen, how)
          chosen = []
          yield* letTurn
        }
        yield* noteReasons(chosen)
        yield* controller.addAll(chosen, how)
      })

    const needsLook = (id: string): boolean => {
      // What the guard holds is looked at again once it lets go, and not by every resync meanwhile (law 11).
      const reason = blocked.get(id)?.reason
      const isHeld = (reason === "guard" && due.rejection(id) === undefined) || reason === "rejected"
      if (isHeld && orchestrator.isMonitored(id) && due.holds(id)) return false
      if (drift.has(id) || desired.get(id)._tag !== "Present") return true
      const observed = manager.observe(id)
      return observed._tag !== "Open" || !observed.connectivity.isConnected
    }

    /** As it should be, and known to be: the answer for nearly all of them, nearly always, so it must be cheap. */
    const isQuiet = (id: string): boolean =>
      drift.isSettled(id) &&
      desired.get(id)._tag === "Present" &&
      orchestrator.isMonitored(id) &&
      manager.openStore(id)?.connectivity().isConnected === true &&
      owns(id)

    const lookAtAll = (urgency: "now" | "resync", onAsked?: (id: string) => void) =>
      Effect.gen(function* () {
        const keys = new Set<string>()
        const consider = (id: string): boolean => {
          if (isQuiet(id)) return false
          drift.update(id)
          if (!needsLook(id)) return false
          keys.add(id)
          onAsked?.(id)
          return true
        }
        const how: AddOptions =
          urgency === "now" ? { priority: "nudge" } : { priority: "drift", respectBackoff: true }
        yield* inSteps(desired.ids(), consider, how)
        // Those that are desired have been considered.
        yield* inSteps(manager.storeIds(), (id) => desired.get(id)._tag === "Unknown" && consider(id), how)
        return keys
      })

    const heldPlan = (hash: string): Effect.Effect<RemovalPlan, PlanChanged> =>
      Effect.suspend(() => {
        const { plan } = due.verdict()
        return plan?.hash === hash
          ? Effect.succeed(plan)
          : new PlanChanged({ currentHash: plan?.hash ?? null })
      })

    /** Written first: an approval that could not be written has not been given. */
    const approve = (hash: string, actor: string) =>
      Effect.gen(function* () {
        const plan = yield* heldPlan(hash)
        const approvedAt = yield* Clock.currentTimeMillis
        const expiresAt = approvedAt + APPROVAL_TTL_MS
        yield* state.approvals.save({ hash, storeIds: plan.storeIds, actor, approvedAt, expiresAt })
        due.approve(plan, { approvedAt, expiresAt })
        yield* controller.addAll(plan.storeIds, { priority: "nudge" })
        return plan
      }).pipe(Effect.uninterruptible)

    const reject = (hash: string, actor: string) =>
      Effect.gen(function* () {
        const plan = yield* heldPlan(hash)
        const rejectedAt = yield* Clock.currentTimeMillis
        const rejected = new Map<string, DueRemovals.Rejected>()
        for (const id of plan.storeIds) {
          const what = desired.get(id)
          if (what._tag === "Absent") rejected.set(id, { kind: what.absence.kind, rejectedAt, actor })
        }
        const rows = [...rejected].map(([storeId, one]) => ({ storeId, ...one }))
        yield* state.held.save(new Set(rejected.keys()), [], rows)
        due.reject(rejected)
        yield* controller.addAll(plan.storeIds, { priority: "nudge" })
        return plan
      }).pipe(Effect.uninterruptible)

    const startSlowly = Effect.gen(function* () {
      for (let concurrency = 1; concurrency < options.concurrency; concurrency *= 2) {
        yield* controller.setConcurrency(concurrency)
        yield* Effect.sleep(SLOW_START_STEP_MS)
      }
    }).pipe(
      Effect.ensuring(controller.setConcurrency(options.concurrency)),
      Effect.forkIn(yield* Effect.scope),
      Effect.asVoid
    )

    return WorkspaceController.of({
      start: controller.resume,
      stop: controller.shutdown,
      look: (id) => Effect.zipRight(noteReasons([id]), controller.add(id, { priority: "nudge" })),
      noteReason: (id) => noteReasons([id]),
      lookAtAll,
      awaitSettled: controller.awaitSettled,
      subscribe: (listener) =>
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        ),
      drift,
      convergence: () => convergence.read(steadyNow()),
      isFresh: () => freshnessAt(clock.unsafeCurrentTimeMillis()).fresh,
      verdict: Effect.sync(due.verdict),
      approve,
      reject,
      heldSince: due.heldSince,
      rejection: due.rejection,
      plan: (id) => decide(factsOf(id, "not-asked"), options.policy),
      startSlowly,
      recentErrors,
      status: (id) => {
        const { fresh, staleFrom } = freshnessAt(clock.unsafeCurrentTimeMillis())
        return Status.view(statusOf(id), fresh ? null : (staleFrom ?? startedAt))
      },
      blocked: () => blocked,
      failing: () => failing,
      inspect: controller.inspect,
      queueStats: controller.stats,
      queueSnapshot: controller.snapshot
    })
  })

export const layer = (
  options: Options
): Layer.Layer<
  WorkspaceController,
  never,
  DesiredState | StoreManager | WorkspaceOrchestrator | StateStore | Pauses | EventFeed
> => Layer.scoped(WorkspaceController, make(options))

/** `Administration` over the running loop. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as CircuitBreaker from "../controller/CircuitBreaker.ts"
import type { KeyView } from "../controller/WorkQueue.ts"
import { EventProcessor } from "../stores/EventProcessor.ts"
import type { StoreDriver } from "../stores/StoreDriver.ts"
import { StoreManager } from "../stores/StoreManager.ts"
import { DesiredState, describeRefreshError } from "../workspaces/DesiredState.ts"
import {
  Administration,
  PlanMismatch,
  UnknownBreaker,
  UnknownWorkspace,
  type BreakerView,
  type HeldView,
  type LockdownView,
  type PauseView,
  type Plan,
  type Probe,
  type Which
} from "./Administration.ts"
import type { AuditEntry } from "./Audit.ts"
import { Checks, type Snapshot, unwellIn, viewOf } from "./checks/Checks.ts"
import { SOURCE_BREAKER, sourceNextStep } from "./checks/rows/source.ts"
import type { HoldReason } from "./decide.ts"
import { EventFeed } from "./EventFeed.ts"
import { blockers, summarize, type ServerSituation, type Situation, unsupportedSummary } from "./Explain.ts"
import { Lockdown } from "./Lockdown.ts"
import { Operations, ReconcilerDisabled, type Actor } from "./Operations.ts"
import { Pauses } from "./Pauses.ts"
import type { Verdict } from "./RemovalGuard.ts"
import * as SelfTest from "./SelfTest.ts"
import * as StateMetrics from "./StateMetrics.ts"
import { StateStore, type LockdownState, type Pause, type StateWriteFailed } from "./StateStore.ts"
import { iso } from "./StoreRows.ts"
import type { DesiredView } from "./Views.ts"
import { WorkspaceController } from "./WorkspaceController.ts"
import { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "./WorkspaceReconciler.ts"
import { holdMessage } from "./WorkspaceStatus.ts"

export interface Options {
  /** Why the reconciler is disabled; None if it is not. */
  readonly disabled: Option.Option<string>
  readonly breakers: ReadonlyArray<CircuitBreaker.CircuitBreaker>
  readonly workers: number
  readonly removalConfirmations: number
  readonly removalGraceMs: number
  readonly owns?: (id: string) => boolean
}

/** Ids in one list: the counts beside it are exact. */
const MAX_LISTED = 1_000
const MAX_QUEUE_ITEMS = 100
const MAX_TRANSITIONS_SHOWN = 20

const isoOf = (at: number): string => new Date(at).toISOString()

const pauseView = (pause: Pause): PauseView => ({
  storeId: pause.storeId,
  reason: pause.reason,
  actor: pause.actor,
  since: isoOf(pause.since),
  expiresAt: iso(pause.expiresAt)
})

const lockdownView = ({ actor, reason, since }: LockdownState): LockdownView => ({
  reason,
  actor,
  since: isoOf(since)
})

const breakerView = (status: CircuitBreaker.Status): BreakerView => ({
  name: status.name,
  state: status.state,
  failureCount: status.failureCount,
  openedAt: iso(status.openedAt),
  willResetAt: iso(status.willResetAt),
  lastError: status.lastErrorTag,
  history: status.history.map(({ at, from, reason, to }) => ({ at: isoOf(at), from, to, reason }))
})

const queueStateOf = ({ state }: KeyView) => ({
  state: ({ Absent: "none", Ready: "ready", Running: "running", Waiting: "waiting" } as const)[state._tag],
  priority: "priority" in state ? state.priority : null,
  since: "since" in state ? isoOf(state.since) : null,
  until: "until" in state ? isoOf(state.until) : null
})

export const make = (options: Options) =>
  Effect.gen(function* () {
    const desired = yield* DesiredState
    const manager = yield* StoreManager
    const controller = yield* WorkspaceController
    const orchestrator = yield* WorkspaceOrchestrator
    const operations = yield* Operations
    const pauses = yield* Pauses
    const lockdown = yield* Lockdown
    const reconciler = yield* WorkspaceReconciler
    const state = yield* StateStore
    const feed = yield* EventFeed
    const checks = yield* Checks
    const processor = yield* EventProcessor
    const owns = options.owns ?? (() => true)

    const record = (
      actor: Actor,
      entry: Pick<AuditEntry, "action" | "subject" | "detail" | "outcome">
    ): Effect.Effect<void> =>
      Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        yield* state.audit.append({ at, actor: actor.name, address: actor.address, ...entry })
        yield* feed.publish({
          type: entry.action,
          storeId: null,
          message: `${actor.name}: ${entry.subject} ${entry.detail} (${entry.outcome})`.replaceAll(
            /\s+/g,
            " "
          )
        })
      })

    const desiredView = (): DesiredView => {
      const view = desired.view()
      return {
        revision: view.revision,
        source: view.source,
        fetchedAt: iso(view.fetchedAt),
        ageMs: view.ageMs,
        fresh: controller.isFresh()
      }
    }

    /** Of the source: whether the handler of messages can be asked says nothing about a workspace. */
    const openBreaker = Effect.map(
      Effect.forEach(options.breakers, (breaker) => breaker.status),
      (statuses) => {
        const open = statuses.find(({ name, state }) => name === SOURCE_BREAKER && state !== "closed")
        if (open === undefined) return null
        const { lastError } = desired.view()
        return {
          name: open.name,
          until: open.willResetAt,
          lastError: lastError === null ? open.lastErrorTag : describeRefreshError(lastError).message
        }
      }
    )

    /** What of the whole server matters to what may be done about one workspace. */
    const serverSituation = ({ facts, results }: Snapshot): ServerSituation => {
      const failing = (name: string) =>
        results.find(({ check, status }) => check.name === name && status === "fail")
      const backend = failing("sync-backend")
      const sourceBreaker = facts.breakers.some(
        ({ name, state: it }) => name === SOURCE_BREAKER && it !== "closed"
      )
      return {
        locked: facts.lockdown !== null,
        reconcilerOff:
          facts.reconciler.disabled === null
            ? null
            : (failing("reconciler")?.next ??
              `The reconciler is off (${facts.reconciler.disabled.reason}): only what STORE_IDS names is monitored`),
        sourceDown: facts.source.error !== null || sourceBreaker ? sourceNextStep(facts) : null,
        backendDown: backend?.next == null ? null : { found: backend.found, nextStep: backend.next }
      }
    }

    const situationOf = (storeId: string, key: KeyView, everListed: boolean, now: number) =>
      Effect.gen(function* () {
        const what = desired.get(storeId)
        const observed = manager.observe(storeId)
        const status = controller.status(storeId)
        const pause = pauses.holding(storeId)
        const judged = yield* checks.now
        const processing = processor.processing(storeId)
        const verdict = yield* controller.verdict
        const isHeldByGuard = verdict.plan?.storeIds.includes(storeId) === true
        const blockedReason = status.blocked?.reason
        const waitReason =
          blockedReason === "grace" || blockedReason === "flapping" || blockedReason === "paused"
            ? blockedReason
            : null
        const waiting = ((): Situation["waiting"] => {
          if (key.state._tag !== "Waiting") return null
          const reason = key.state.reason === "backoff" ? "backoff" : waitReason
          return reason === null ? null : { reason, until: key.state.until }
        })()
        const situation: Situation = {
          storeId,
          monitored: orchestrator.isMonitored(storeId),
          desired: ({ Present: "present", Absent: "absent", Unknown: "unknown" } as const)[what._tag],
          owned: owns(storeId),
          pause:
            pause === undefined
              ? null
              : {
                  whole: pause.storeId === null,
                  reason: pause.reason,
                  actor: pause.actor,
                  until: pause.expiresAt
                },
          absence:
            what._tag !== "Absent"
              ? null
              : {
                  kind: what.absence.kind,
                  confirmations: what.absence.confirmations,
                  confirmationsNeeded: options.removalConfirmations,
                  graceUntil:
                    options.removalGraceMs === 0 ? null : what.absence.since + options.removalGraceMs
                },
          guardPlan: isHeldByGuard
            ? {
                hash: verdict.plan.hash,
                count: verdict.plan.storeIds.length,
                why:
                  verdict.reason === "everything"
                    ? "nothing would be left"
                    : "too many were to be removed within one window",
                since: controller.heldSince(storeId)?.since ?? now
              }
            : null,
          rejection: controller.rejection(storeId) ?? null,
          deleted:
            what._tag === "Absent" && what.absence.kind === "deleted"
              ? { by: what.absence.deletedBy ?? null, at: what.absence.deletedAt ?? null }
              : null,
          lastActivityAt: manager.view(storeId)?.lastActivity ?? null,
          waiting,
          sourceDisagrees: blockedReason === "source-disagrees",
          lastError: status.lastError,
          attempts: key.failures,
          queue: queueStateOf(key).state,
          breaker: yield* openBreaker,
          fresh: controller.isFresh(),
          everListed,
          server: serverSituation(judged),
          messages: {
            pending: processing?.pendingUserMessages ?? 0,
            parked: processing?.parkedUserMessages ?? 0
          },
          observed: ({ Closed: "closed", Opening: "opening", Open: "open", Dead: "dead" } as const)[
            observed._tag
          ],
          isConnected: observed._tag === "Open" ? observed.connectivity.isConnected : null,
          now
        }
        return { situation, what, observed, status, judged }
      })

    const explain: Administration["Type"]["explain"] = (storeId) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const reason = desired.view().unsupported.get(storeId)
        const key = yield* controller.inspect(storeId)
        const transitions = yield* state.transitions.read(storeId, MAX_TRANSITIONS_SHOWN)
        const { judged, observed, situation, status, what } = yield* situationOf(
          storeId,
          key,
          transitions.length > 0,
          now
        )
        const isNews = situation.desired === "unknown" && situation.observed === "closed"
        if (
          reason === undefined &&
          isNews &&
          transitions.length === 0 &&
          situation.fresh &&
          // Else what there is to do is more than to look for the id.
          situation.server.sourceDown === null &&
          situation.server.reconcilerOff === null
        ) {
          return yield* new UnknownWorkspace({ storeId })
        }
        const blockedBy = blockers(situation)
        const view = manager.view(storeId)
        const queue = queueStateOf(key)
        return {
          storeId,
          monitored: situation.monitored,
          ...(reason === undefined ? summarize(situation, blockedBy) : unsupportedSummary(reason)),
          desired: {
            state: situation.desired,
            pinned: what._tag === "Present" && what.pinned,
            wasKnown: transitions.length > 0,
            ...desiredView(),
            absence:
              what._tag !== "Absent" || situation.absence === null
                ? null
                : {
                    kind: what.absence.kind,
                    confirmations: what.absence.confirmations,
                    confirmationsNeeded: options.removalConfirmations,
                    since: isoOf(what.absence.since),
                    graceUntil: iso(situation.absence.graceUntil)
                  }
          },
          observed: {
            state: situation.observed,
            since:
              "since" in observed
                ? isoOf(observed.since)
                : observed._tag === "Dead"
                  ? isoOf(observed.at)
                  : null,
            status: view?.status ?? null,
            isConnected: situation.isConnected,
            processing: situation.monitored,
            message: observed._tag === "Dead" ? observed.death.message : (view?.lastError ?? null)
          },
          queue,
          attempts: key.failures,
          lastError:
            status.lastError === null
              ? null
              : {
                  code: status.lastError.code,
                  message: status.lastError.message,
                  at: isoOf(status.lastError.at)
                },
          nextAttemptAt: queue.until,
          blockedBy,
          checks: unwellIn("explain", judged).map(viewOf),
          conditions: status.conditions,
          transitions: transitions.map(({ at, message, type }) => ({ at: isoOf(at), type, message }))
        }
      })

    const endOfHold = (storeId: string, reason: HoldReason, verdict: Verdict): string => {
      switch (reason) {
        case "guard": {
          const hash = verdict.plan?.hash ?? "<hash>"
          return `wso approve ${hash} stops it, wso reject ${hash} keeps it, or it comes back; time alone ends nothing`
        }
        case "rejected":
          return "it comes back, or the source has newer evidence of its removal"
        case "paused":
          return `wso resume ${storeId}, or the end of the pause`
        case "evidence":
          return "another complete list without it, or one with it"
        case "source-disagrees":
          return "the source's list and its answer by id agree"
        case "no-evidence":
          return "the source speaks of it"
      }
    }

    const heldView = (storeId: string, reason: HoldReason, verdict: Verdict): HeldView => {
      const what = desired.get(storeId)
      if (what._tag !== "Absent") return { storeId, reason, endsWhen: endOfHold(storeId, reason, verdict) }
      const { absence } = what
      const rejection = reason === "rejected" ? controller.rejection(storeId) : undefined
      const since = rejection?.rejectedAt ?? controller.heldSince(storeId)?.since ?? null
      return {
        storeId,
        reason,
        evidence: absence.kind,
        evidenceSince: iso(absence.since),
        deletedBy: absence.deletedBy ?? null,
        deletedAt: iso(absence.deletedAt ?? null),
        lastActivityAt: iso(manager.view(storeId)?.lastActivity ?? null),
        heldSince: iso(since),
        rejectedBy: rejection?.actor ?? null,
        endsWhen: endOfHold(storeId, reason, verdict)
      }
    }

    const planFor = Effect.fnUntraced(function* (ids: Iterable<string>) {
      const now = yield* Clock.currentTimeMillis
      const verdict = yield* controller.verdict
      const counts = { add: 0, remove: 0, held: 0, waiting: 0 }
      const add: Array<Plan["add"][number]> = []
      const remove: Array<Plan["remove"][number]> = []
      const held: Array<Plan["held"][number]> = []
      const waiting: Array<Plan["waiting"][number]> = []
      const push = <A>(list: Array<A>, item: A): void => {
        if (list.length < MAX_LISTED) list.push(item)
      }
      for (const storeId of ids) {
        const action = controller.plan(storeId)
        switch (action._tag) {
          case "EnsureMonitored":
            counts.add++
            push(add, { storeId, because: action.because })
            break
          case "StopMonitoring":
            counts.remove++
            push(remove, { storeId, because: action.because })
            break
          case "AskById":
            counts.remove++
            push(remove, { storeId, because: "absent" })
            break
          case "Hold":
            counts.held++
            push(held, heldView(storeId, action.reason, verdict))
            break
          case "Wait":
            counts.waiting++
            push(waiting, { storeId, reason: action.reason, until: isoOf(now + action.afterMs) })
            break
          case "Nothing":
            break
        }
      }
      return {
        desired: desiredView(),
        differs: counts.add + counts.remove + counts.held + counts.waiting > 0,
        counts,
        add,
        remove,
        held,
        waiting,
        guard: {
          tripped: verdict.tripped,
          reason: verdict.reason,
          planHash: verdict.plan?.hash ?? null,
          storeIds: verdict.plan?.storeIds ?? [],
          limit: verdict.limit,
          deleteLimit: verdict.deleteLimit,
          recentRemovals: verdict.recent
        },
        paused: pauses.list().map(pauseView)
      } satisfies Plan
    })

    /** Whether the id is desired, absent but not yet stopped, open, or that of one whose local data is still kept. */
    const isKnown = (storeId: string): Effect.Effect<boolean> =>
      Effect.suspend(() =>
        desired.get(storeId)._tag !== "Unknown" || manager.observe(storeId)._tag !== "Closed"
          ? Effect.succeed(true)
          : Effect.map(state.transitions.read(storeId, 1), (transitions) => transitions.length > 0)
      )

    const requireKnown = (storeId: string, { allowUnknown = false }: Which = {}) =>
      Effect.flatMap(isKnown(storeId), (known) =>
        allowUnknown || known ? Effect.void : new UnknownWorkspace({ storeId })
      )

    /** Of all others it is known that nothing would be done. */
    const plan = Effect.suspend(() =>
      planFor(
        new Set([
          ...controller.drift.missing.keys(),
          ...controller.drift.orphaned.keys(),
          ...desired.absences().keys(),
          ...controller.blocked().keys()
        ])
      )
    )

    /** An operator's write that fails is in the trail as failed, once the trail can be written. */
    const recordFailed = <A, E extends { readonly _tag: string }>(
      actor: Actor,
      action: string,
      subject: string,
      effect: Effect.Effect<A, E | StateWriteFailed>
    ): Effect.Effect<A, E | StateWriteFailed> =>
      Effect.tapError(effect, (error) =>
        error._tag === "StateWriteFailed"
          ? record(actor, { action, subject, detail: "the state could not be written", outcome: "failed" })
          : Effect.void
      )

    const decidePlan = (
      { action, decision }: { readonly action: string; readonly decision: typeof controller.approve },
      planHash: string,
      actor: Actor
    ) =>
      recordFailed(actor, action, planHash, decision(planHash, actor.name)).pipe(
        Effect.tap(({ storeIds }) =>
          record(actor, {
            action,
            subject: planHash,
            detail: `${storeIds.length} workspaces`,
            outcome: "succeeded"
          })
        ),
        Effect.map(({ storeIds }) => ({ planHash, storeIds })),
        Effect.catchTag("PlanChanged", ({ currentHash }) =>
          Effect.zipRight(
            record(actor, {
              action,
              subject: planHash,
              detail: `the held plan is ${currentHash ?? "none"}`,
              outcome: "refused"
            }),
            Effect.fail(new PlanMismatch({ currentHash }))
          )
        )
      )

    const approve: Administration["Type"]["approve"] = (planHash, actor) =>
      decidePlan({ action: "removal.approved", decision: controller.approve }, planHash, actor)
    const reject: Administration["Type"]["reject"] = (planHash, actor) =>
      decidePlan({ action: "removal.rejected", decision: controller.reject }, planHash, actor)

    const reconcileOne: Administration["Type"]["reconcileOne"] = (storeId, actor, which) =>
      Effect.gen(function* () {
        if (Option.isSome(options.disabled)) {
          return yield* new ReconcilerDisabled({ reason: options.disabled.value })
        }
        const wasKnown = yield* isKnown(storeId)
        const outcome = yield* operations.nudge(storeId, { claim: "asked", userId: null })
        // While the source cannot be asked, the id may be one that it knows.
        const isStrange = !wasKnown && outcome.status === "already_stopped"
        const refusal = isStrange ? yield* Effect.either(requireKnown(storeId, which)) : Either.void
        yield* record(actor, {
          action: "workspace.reconciled",
          subject: storeId,
          detail: Either.isLeft(refusal) ? "unknown" : outcome.status,
          outcome: Either.isLeft(refusal) ? "refused" : "succeeded"
        })
        return yield* Effect.as(refusal, outcome)
      })

    const pause: Administration["Type"]["pause"] = (request, actor, which) =>
      Effect.gen(function* () {
        if (request.storeId !== null) yield* requireKnown(request.storeId, which)
        const since = yield* Clock.currentTimeMillis
        const expiresAt = request.expiresInMs === null ? null : since + request.expiresInMs
        const { reason, storeId } = request
        const set: Pause = { storeId, reason, actor: actor.name, since, expiresAt }
        const action = storeId === null ? "loop.paused" : "workspace.paused"
        yield* recordFailed(actor, action, storeId ?? "", pauses.pause(set))
        yield* record(actor, {
          action,
          subject: storeId ?? "",
          detail: reason,
          outcome: "succeeded"
        })
        // Looked at once, so that its status says that it is paused.
        if (storeId !== null) yield* controller.look(storeId)
        else yield* controller.lookAtAll("now")
        return pauseView(set)
      })

    const resume: Administration["Type"]["resume"] = (storeId, actor) =>
      Effect.gen(function* () {
        // A pause of what no longer exists can be ended all the same.
        const isPaused = pauses.list().some((pause) => pause.storeId === storeId)
        if (storeId !== null && !isPaused) yield* requireKnown(storeId)
        const action = storeId === null ? "loop.resumed" : "workspace.resumed"
        const wasPaused = yield* recordFailed(actor, action, storeId ?? "", pauses.resume(storeId))
        yield* record(actor, {
          action,
          subject: storeId ?? "",
          detail: wasPaused ? "" : "nothing was paused",
          outcome: wasPaused ? "succeeded" : "refused"
        })
        if (storeId !== null) yield* controller.look(storeId)
        else {
          yield* controller.startSlowly
          yield* controller.lookAtAll("now")
        }
        return wasPaused
      })

    /** What was refused meanwhile is made good by one whole run (law 1). */
    const catchUp = Option.isSome(options.disabled)
      ? Effect.void
      : reconciler.reconcile.pipe(
          // A run that is in flight, or a source that does not answer: the loop comes round by itself.
          Effect.ignore,
          Effect.forkIn(yield* Effect.scope),
          Effect.asVoid
        )

    const lockDown: Administration["Type"]["lockDown"] = (reason, actor) =>
      Effect.gen(function* () {
        const since = yield* Clock.currentTimeMillis
        const asked = { reason, actor: actor.name, since }
        const standing = yield* recordFailed(actor, "lockdown.begun", "", lockdown.lock(asked))
        const isNew = standing === asked
        yield* record(actor, {
          action: "lockdown.begun",
          subject: "",
          detail: reason,
          outcome: isNew ? "succeeded" : "refused"
        })
        return { isNew, lockdown: lockdownView(standing) }
      })

    const liftLockdown: Administration["Type"]["liftLockdown"] = (reason, actor) =>
      Effect.gen(function* () {
        const lifted = yield* recordFailed(actor, "lockdown.lifted", "", lockdown.lift)
        yield* record(actor, {
          action: "lockdown.lifted",
          subject: "",
          detail: reason,
          outcome: lifted === undefined ? "refused" : "succeeded"
        })
        if (lifted === undefined) return null
        yield* catchUp
        return lockdownView(lifted)
      })

    const stuck: Administration["Type"]["stuck"] = (olderThanMs) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const entries = [
          ...[...controller.drift.missing].map(([storeId, since]) => ({
            storeId,
            since,
            kind: "missing" as const
          })),
          ...[...controller.drift.orphaned].map(([storeId, since]) => ({
            storeId,
            since,
            kind: "orphaned" as const
          }))
        ]
          .filter(({ since }) => now - since > olderThanMs)
          .sort((one, other) => one.since - other.since)
          .slice(0, MAX_LISTED)
        return entries.map(({ kind, since, storeId }) => {
          const { blocked, lastError } = controller.status(storeId)
          return {
            storeId,
            kind,
            since: isoOf(since),
            forMs: now - since,
            reason: blocked?.reason ?? lastError?.code ?? "in-progress",
            message:
              blocked !== null ? holdMessage(blocked.reason) : (lastError?.message ?? "It is being worked on")
          }
        })
      })

    const probe: Administration["Type"]["probe"] = (check) =>
      Effect.gen(function* (): Effect.fn.Return<Probe> {
        switch (check) {
          case "db": {
            const { healthy, lastError, path } = state.health()
            return { healthy, detail: { path, error: lastError } }
          }
          case "auth-worker": {
            const { lastError, source } = desired.view()
            const { ageMs, fetchedAt, fresh, revision } = desiredView()
            const breaker = yield* openBreaker
            return {
              healthy: source === "static" || (lastError === null && fresh && breaker === null),
              detail: {
                source,
                revision,
                fetchedAt,
                ageMs,
                fresh,
                breaker: breaker === null ? "closed" : "open",
                error: lastError === null ? null : describeRefreshError(lastError).message
              }
            }
          }
          case "sync": {
            const judged = yield* checks.recent
            const { connected, connecting, disconnected } = judged.facts.stores
            // One store that is offline is its own trouble; all of them are the backend's.
            const backend = judged.results.find(({ check: { name } }) => name === "sync-backend")
            return {
              healthy: backend?.status !== "fail",
              detail: {
                openStores: connected + connecting + disconnected,
                connectedStores: connected,
                ...(backend?.next == null ? {} : { error: backend.found, next: backend.next })
              }
            }
          }
        }
      })

    return Administration.of({
      checks: (view) => Effect.map(checks.now, (judged) => unwellIn(view, judged).map(viewOf)),
      explain,
      plan,
      planOne: (storeId, which) => Effect.zipRight(requireKnown(storeId, which), planFor([storeId])),
      reconcileOne,
      approve,
      reject,
      pause,
      resume,
      lockdown: () => {
        const standing = lockdown.current()
        return standing === undefined ? null : lockdownView(standing)
      },
      lockDown,
      liftLockdown,
      audit: state.audit.read,
      verifyAudit: state.audit.verify,
      queue: Effect.gen(function* () {
        const stats = yield* controller.queueStats
        const items = yield* controller.queueSnapshot(MAX_QUEUE_ITEMS)
        return {
          depth: stats.ready,
          byPriority: stats.readyByPriority,
          running: stats.running,
          waiting: stats.waiting,
          workers: options.workers,
          oldestMs: stats.oldestReadyMs,
          longestRunningMs: stats.longestRunningMs,
          unfinishedWorkSeconds: stats.unfinishedWorkSeconds,
          adds: stats.adds,
          retries: stats.retries,
          items: items.flatMap((item) => {
            const { state: queueState, ...rest } = queueStateOf(item)
            if (queueState === "none") return []
            const reason = item.state._tag === "Waiting" ? item.state.reason : null
            return [{ storeId: item.key, state: queueState, ...rest, reason, attempts: item.failures }]
          })
        }
      }),
      stuck,
      breakers: Effect.forEach(options.breakers, (breaker) => Effect.map(breaker.status, breakerView)),
      resetBreaker: (name, actor) =>
        Option.match(Option.fromNullable(options.breakers.find((breaker) => breaker.name === name)), {
          onNone: () => Effect.fail(new UnknownBreaker({ known: options.breakers.map((one) => one.name) })),
          onSome: (breaker) =>
            breaker.reset.pipe(
              Effect.zipRight(
                record(actor, { action: "breaker.reset", subject: name, detail: "", outcome: "succeeded" })
              ),
              Effect.zipRight(Effect.map(breaker.status, breakerView))
            )
        }),
      recentErrors: Effect.sync(() =>
        controller.recentErrors.list().map((group) => ({
          component: group.component,
          code: group.code,
          count: group.count,
          firstSeenAt: isoOf(group.firstSeenAt),
          lastSeenAt: isoOf(group.lastSeenAt),
          lastMessage: group.lastMessage,
          lastStoreId: group.lastStoreId
        }))
      ),
      events: feed.since,
      probe,
      selfTest: yield* SelfTest.make,
      measure: yield* StateMetrics.make(options, probe)
    })
  })

export const layer = (
  options: Options
): Layer.Layer<
  Administration,
  never,
  | DesiredState
  | StoreDriver
  | StoreManager
  | EventProcessor
  | WorkspaceController
  | WorkspaceOrchestrator
  | WorkspaceReconciler
  | Operations
  | Pauses
  | Lockdown
  | StateStore
  | EventFeed
  | Checks
> => Layer.scoped(Administration, make(options))

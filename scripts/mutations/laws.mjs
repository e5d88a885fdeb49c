/**
 * The laws of docs/architecture.md, and how the code may be broken so that one of them does not hold any more. `from`
 * must be in the file exactly once; `tests` names what must notice, beside the describe block of the law itself.
 */

const lawTests = "test/unit/orchestration/Laws.test.ts"
const lives = "test/integration/persistence/Lives.test.ts"

/** `name` restricts the tests to those whose full name begins so. */
const byLaw = (law) => [{ file: lawTests, name: `law ${law}:` }]
const byLife = (name) => [{ file: lives, name }]

export const laws = [
  {
    law: 1,
    title: "a nudge about an unknown workspace opens it",
    file: "src/orchestration/decide.ts",
    from: `return facts.observed._tag === "Closed" ? Nothing : hold("no-evidence")`,
    to: `return facts.observed._tag === "Closed" ? { _tag: "EnsureMonitored", because: "desired" } : hold("no-evidence")`
  },
  {
    law: 1,
    title: "only nudged workspaces are looked at after a refresh",
    file: "src/orchestration/WorkspaceController.ts",
    from: `if (choose(id)) chosen.push(id)`,
    to: `choose(id)`
  },
  {
    law: 2,
    title: "a running key that is added again is handed out at once",
    file: "src/controller/internal/QueueCore.ts",
    from: `if (!entry.running) this.link(entry)
    this.onAdd`,
    to: `this.link(entry)
    this.onAdd`
  },
  {
    law: 3,
    title: "what is added while its key runs is dropped",
    file: "src/controller/internal/QueueCore.ts",
    from: `if (entry.pending === "ready") this.link(entry)
    else this.dropIfIdle(entry)`,
    to: `if (entry.pending === "ready") entry.pending = "none"
    this.dropIfIdle(entry)`
  },
  {
    law: 4,
    title: "one backoff counts the failures of all",
    file: "src/controller/internal/QueueCore.ts",
    from: `return ++this.entry(key).failures`,
    to: `return (this.entry(key).failures = this.retries)`
  },
  {
    law: 4,
    title: "an opening that hangs is never given up",
    file: "src/stores/StoreManager.ts",
    from: `duration: options.openTimeoutMs,`,
    to: `duration: "1 day",`
  },
  {
    law: 5,
    title: "an older revision is accepted",
    file: "src/workspaces/DesiredState.ts",
    from: `BigInt(revision) < BigInt(meta.revision)`,
    to: `false`
  },
  {
    law: 5,
    title: "another environment's list is accepted",
    file: "src/workspaces/DesiredState.ts",
    from: `meta.environmentId !== listing.environmentId`,
    to: `false`
  },
  {
    law: 6,
    title: "one list is evidence enough",
    file: "src/orchestration/decide.ts",
    from: `absence.confirmations >= policy.removalConfirmations`,
    to: `absence.confirmations >= 1`
  },
  {
    law: 6,
    title: "the directory is not asked by id",
    file: "src/orchestration/decide.ts",
    from: `if (absence.kind === "absent") {`,
    to: `if (absence.kind === "never") {`
  },
  {
    law: 6,
    title: "there is no grace",
    file: "src/orchestration/decide.ts",
    from: `if (graceMs > 0) return`,
    to: `if (graceMs > Infinity) return`
  },
  {
    law: 6,
    title: "what was stopped is not forgotten, and stopped again",
    file: "src/orchestration/WorkspaceController.ts",
    from: `yield* desired.forget(id)`,
    to: `yield* Effect.void`
  },
  {
    law: 6,
    title: "evidence does not survive a restart",
    file: "src/persistence/SqliteSnapshotStore.ts",
    from: `row.absence_kind === null`,
    to: `row.absence_kind !== undefined`,
    tests: byLife("a restart")
  },
  {
    law: 6,
    title: "an approval counts for each removal to come",
    file: "src/orchestration/DueRemovals.ts",
    from: `if (what._tag === "Present") approved.delete(id)`,
    to: ``,
    also: {
      file: "src/orchestration/DueRemovals.ts",
      from: `what._tag === "Absent" && what.absence.since <= approval.approvedAt`,
      to: `what._tag === "Absent"`
    },
    tests: byLife("a restart")
  },
  {
    law: 7,
    title: "a tripped guard admits",
    file: "src/orchestration/DueRemovals.ts",
    from: `return tripped && !isApproved(id)`,
    to: `return tripped && isApproved(id)`
  },
  {
    law: 7,
    title: "the guard hears of no removal as the list says it",
    file: "src/orchestration/WorkspaceController.ts",
    from: `yield* desired.watch(due.update)`,
    to: `yield* Effect.void`
  },
  {
    law: 7,
    title: "any hash approves the held plan",
    file: "src/orchestration/WorkspaceController.ts",
    from: `if (plan?.hash !== hash) return`,
    to: `if (plan === null) return`
  },
  {
    law: 7,
    title: "the guard does not remember a drip",
    file: "src/orchestration/RemovalGuard.ts",
    from: `recent.filter((at) => at > now - policy.windowMs).length`,
    to: `0 * recent.length`
  },
  {
    law: 8,
    title: "a failed opening keeps what it had acquired",
    file: "src/stores/StoreManager.ts",
    from: `closeInTime(record.storeId, scope, exit),`,
    to: `Effect.void,`
  },
  {
    law: 8,
    title: "the end of the program closes no store",
    file: "src/stores/StoreManager.ts",
    from: `return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)`,
    to: `return scope === undefined ? Effect.void : Effect.void`
  },
  {
    law: 9,
    title: "monitored is what was started once",
    file: "src/orchestration/WorkspaceOrchestrator.ts",
    from: `manager.openStore(storeId) !== undefined && processor.isMonitoring(storeId)`,
    to: `processor.isMonitoring(storeId)`
  },
  {
    law: 9,
    title: "a death does not re-enter the queue",
    file: "src/orchestration/WorkspaceController.ts",
    from: `controller.add(id, { priority: "died" })`,
    to: `Effect.void`
  },
  {
    law: 10,
    title: "an old list counts as converged",
    file: "src/orchestration/Convergence.ts",
    from: `drift.size() === 0 && fresh`,
    to: `drift.size() === 0`
  },
  {
    law: 10,
    title: "a snapshot of an earlier life looks green",
    file: "src/orchestration/OperationsLayer.ts",
    from: `desired.view().source === "snapshot" ||`,
    to: ``,
    tests: [{ file: lawTests, name: "law 12:" }]
  },
  {
    law: 10,
    title: "conditions do not say against which revision",
    file: "src/orchestration/WorkspaceStatus.ts",
    from: `revision: now.revision,`,
    to: `revision: null,`
  },
  {
    law: 11,
    title: "a sick source is asked ever more seldom",
    file: "src/orchestration/WorkspaceReconciler.ts",
    from: `Math.min(options.intervalMs, FAILURE_BACKOFF_BASE_MS * 2 ** Math.max(0, doublings))`,
    to: `options.intervalMs * 2 ** Math.max(0, doublings)`
  },
  {
    law: 11,
    title: "each resync works on every workspace",
    file: "src/orchestration/WorkspaceController.ts",
    from: `return observed._tag !== "Open" || !observed.connectivity.isConnected`,
    to: `return true`,
    also: {
      file: "src/orchestration/WorkspaceController.ts",
      from: `if (isQuiet(id)) return false`,
      to: ``
    }
  },
  {
    law: 12,
    title: "a start waits for the directory",
    file: "src/orchestration/WorkspaceReconciler.ts",
    from: `const known = yield* controller.lookAtAll("now")`,
    to: `const known = new Set<string>()`
  },
  {
    law: 12,
    title: "the accepted snapshot is not saved",
    file: "src/workspaces/DesiredState.ts",
    from: `if (meta !== undefined) yield* store.save({ ...meta, entries }, touched)`,
    to: ``
  }
].map((mutation) => ({ tests: byLaw(mutation.law), ...mutation }))

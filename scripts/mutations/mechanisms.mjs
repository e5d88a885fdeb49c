/**
 * The mechanisms that the laws stand on, each broken in one way. As in `mutations.mjs`, `from` must be in the file exactly
 * once; `tests` names what must notice.
 */
import { source } from "./source.mjs"

const unit = (file, ...names) => names.map((name) => ({ file: `test/unit/${file}.test.ts`, name }))
const queue = (...names) => unit("controller/WorkQueue", ...names.map((name) => `WorkQueue: ${name}`))
const breaker = unit("controller/CircuitBreaker", "CircuitBreaker")
const desired = (name) => unit("workspaces/DesiredState", `DesiredState ${name}`)
const directory = [
  { file: "test/integration/workspaces/AuthWorkerDirectory.test.ts", name: "AuthWorkerDirectory" }
]
const messages = unit(
  "stores/EventProcessor",
  "handling user messages",
  "an attempt that fails",
  "a store that fails"
)
const webhooks = unit("http/WebhookAuthentication", "the authentication of webhooks")

const queueCore = "src/controller/internal/QueueCore.ts"
const controller = "src/controller/Controller.ts"
const circuitBreaker = "src/controller/CircuitBreaker.ts"
const desiredState = "src/workspaces/DesiredState.ts"
const authWorkerDirectory = "src/workspaces/AuthWorkerDirectory.ts"
const webhookAuthentication = "src/http/WebhookAuthentication.ts"

export const mechanisms = [
  {
    part: "work queue",
    title: "forget does not cancel a delayed add",
    file: queueCore,
    from: `if (entry.pending === "waiting" && (entry.backingOff || !entry.running)) this.cancel(entry)`,
    to: ``,
    tests: queue("retries")
  },
  {
    part: "work queue",
    title: "forget drops what was asked for during the run",
    file: queueCore,
    from: `(entry.backingOff || !entry.running)`,
    to: `true`,
    tests: queue("retries")
  },
  {
    part: "work queue",
    title: "the latest of several delays counts",
    file: queueCore,
    from: `else if (now + afterMs < entry.dueAt)`,
    to: `else if (now + afterMs > entry.dueAt)`,
    tests: queue("delays")
  },
  {
    part: "work queue",
    title: "a queued key keeps its lower priority",
    file: queueCore,
    from: `if (rank < entry.rank) this.raise(entry, rank)`,
    to: ``,
    tests: queue("priorities")
  },
  {
    part: "work queue",
    title: "there is no aging",
    file: queueCore,
    from: `++this.passedOver < AGING_INTERVAL`,
    to: `++this.passedOver < Infinity`,
    tests: queue("priorities")
  },
  {
    part: "work queue",
    title: "a nudge during a run that fails waits for the backoff",
    file: queueCore,
    from: `if (!entry.running || !entry.yielding) return`,
    to: ``,
    tests: queue("retries")
  },
  {
    part: "work queue",
    title: "a resync during a run that fails undoes its backoff",
    file: queueCore,
    from: `if (!entry.running || !entry.yielding) return`,
    to: `return`,
    tests: queue("retries")
  },
  {
    part: "work queue",
    title: "a discarding shutdown still hands out what is ready",
    file: queueCore,
    from: `else if (discard && entry.pending === "ready")`,
    to: `else if (!discard && entry.pending === "ready")`,
    tests: queue("shutdown")
  },
  {
    part: "work queue",
    title: "there is no limit",
    file: queueCore,
    from: `Math.min(this.readyCount, this.limit - this.running.size)`,
    to: `this.readyCount`,
    tests: queue("limit")
  },
  {
    part: "backoff",
    title: "there is no jitter",
    file: "src/controller/Backoff.ts",
    from: `ceiling * (1 - policy.jitter * random)`,
    to: `ceiling`,
    tests: unit("controller/Backoff", "Backoff")
  },
  {
    part: "controller",
    title: "a worker that was interrupted is not replaced",
    file: controller,
    from: `return worker.overdue ? hire : Effect.void`,
    to: `return Effect.void`,
    tests: unit("controller/Controller", "Controller")
  },
  {
    part: "controller",
    title: "shutdown does not wait for running work",
    file: controller,
    from: `Effect.zipRight(graceOver), `,
    to: ``,
    tests: unit("controller/Controller", "Controller: shutdown")
  },
  {
    part: "circuit breaker",
    title: "everybody is a probe",
    file: circuitBreaker,
    from: `probing = state === "half-open"`,
    to: `probing = false`,
    tests: breaker
  },
  {
    part: "circuit breaker",
    title: "the open time does not grow",
    file: circuitBreaker,
    from: `Backoff.delayMs(policy, openings, random)`,
    to: `Backoff.delayMs(policy, 1, random)`,
    tests: breaker
  },
  {
    part: "circuit breaker",
    title: "the system's Retry-After is ignored",
    file: circuitBreaker,
    from: `, wishedMs)`,
    to: `, 0)`,
    tests: breaker
  },
  {
    part: "circuit breaker",
    title: "a call from before it opened closes it",
    file: circuitBreaker,
    from: `if (era !== begunIn) return Effect.void`,
    to: ``,
    tests: breaker
  },
  {
    part: "desired state",
    title: "a failed list is an empty one",
    file: desiredState,
    from: `revision: listedRevision
      })`,
    to: `revision: listedRevision
      }).pipe(
        Effect.orElseSucceed(() =>
          Option.some({ ids: new Set(), revision: null, environmentId: null, features: new Set() })
        )
      )`,
    tests: desired("a failed read")
  },
  {
    part: "desired state",
    title: "a feed that no longer reaches back means that nothing has changed",
    file: desiredState,
    from: `onNone: () => Effect.succeedNone,`,
    to: `onNone: () => Effect.succeedSome(new Set()),`,
    tests: desired("the changes feed")
  },
  {
    part: "desired state",
    title: "a nudge during a read is answered by that read",
    file: desiredState,
    from: `if (!flying.reading) return restore(join(flying, kind, asker))`,
    to: `return restore(join(flying, kind, asker))`,
    tests: desired("refreshing")
  },
  {
    part: "desired state",
    title: "lists are not paced",
    file: desiredState,
    from: `yield* pace
`,
    to: ``,
    tests: desired("pacing")
  },
  {
    part: "desired state",
    title: "what STORE_IDS names may be removed",
    file: desiredState,
    from: `if (pinned.has(id)) return pinnedHere`,
    to: ``,
    tests: desired("pinned ids")
  },
  {
    part: "desired state",
    title: "reappearing does not clear the evidence",
    file: desiredState,
    from: `for (const id of listing.ids) set(id, null, touched)`,
    to: `for (const id of listing.ids) if (!absent.has(id)) set(id, null, touched)`,
    tests: desired("absence")
  },
  {
    part: "directory",
    title: "pages of two revisions are one list",
    file: authWorkerDirectory,
    from: `body.metadata?.revision !== first.metadata?.revision`,
    to: `false`,
    tests: directory
  },
  {
    part: "directory",
    title: "a list may lack rows that it announces",
    file: authWorkerDirectory,
    from: `if (total > rows)`,
    to: `if (total > Infinity)`,
    tests: directory
  },
  {
    part: "directory",
    title: "any 404 says that a workspace does not exist",
    file: authWorkerDirectory,
    from: `if (answer.status === 404) yield* decodeNotFound(answer.text)
        else`,
    to: `if (answer.status !== 404)`,
    tests: directory
  },
  {
    part: "removal guard",
    title: "everything at once may go",
    file: "src/orchestration/RemovalGuard.ts",
    from: `due.count >= known && due.unexplained > 0`,
    to: `false`,
    tests: unit("orchestration/RemovalGuard", "RemovalGuard")
  },
  {
    part: "removal guard",
    title: "the window's removals raise no limit",
    file: "src/orchestration/RemovalGuard.ts",
    from: `(known + inWindow) * policy.allowedRatio`,
    to: `known * policy.allowedRatio`,
    tests: unit("orchestration/RemovalGuard", "RemovalGuard")
  },
  {
    part: "pauses",
    title: "a pause never expires",
    file: "src/orchestration/Pauses.ts",
    from: `pause.expiresAt === null || pause.expiresAt > clock.unsafeCurrentTimeMillis()`,
    to: `true`,
    tests: unit("orchestration/Operators", "a pause")
  },
  {
    part: "audit",
    title: "a record does not depend on the one before it",
    file: "src/orchestration/Audit.ts",
    from: `JSON.stringify([
        previousHash,`,
    to: `JSON.stringify([`,
    tests: unit("orchestration/AuditWatch", "the watch over the audit trail")
  },
  {
    part: "messages",
    title: "an answer counts though it is not confirmed",
    file: "src/stores/messages/Answers.ts",
    from: `if (Either.isRight(committed))`,
    to: `if (Either.isRight(committed) || committed.left.reason !== "invalid")`,
    tests: messages
  },
  {
    part: "messages",
    title: "each attempt has an idempotency key of its own",
    file: "src/stores/messages/Attempts.ts",
    from: `idempotencyKey: idempotencyKeyOf(one.storeId, row.messageId)`,
    to: `idempotencyKey: idempotencyKeyOf(one.storeId, row.messageId + String(row.attempts))`,
    tests: [...messages, ...unit("stores/messages/Crashes", "every user message")]
  },
  {
    part: "messages",
    title: "a poison message is never parked",
    file: "src/stores/messages/Failures.ts",
    from: `failures >= maxAttempts || row.attempts >= PATIENCE * maxAttempts`,
    to: `false`,
    tests: messages
  },
  {
    part: "messages",
    title: "a hole in a pull is passed on",
    file: "src/stores/livestore/ContiguousPull.ts",
    from: `seqNumOf(batch[0]) !== last() + 1`,
    to: `false`,
    tests: unit("stores/ContiguousPull", "a pull")
  },
  {
    part: "webhooks",
    title: "a signature of any age passes",
    file: webhookAuthentication,
    from: `ageSeconds <= TIMESTAMP_TOLERANCE_SECONDS`,
    to: `ageSeconds <= Infinity`,
    tests: webhooks
  },
  {
    part: "webhooks",
    title: "the body is not signed",
    file: webhookAuthentication,
    from: `.update(body).digest("base64")`,
    to: `.digest("base64")`,
    tests: webhooks
  },
  {
    part: "webhooks",
    title: "what was handled is handled again",
    file: "src/http/ReplayMap.ts",
    from: `known !== undefined && known.expiresAt > now`,
    to: `known !== undefined && known.expiresAt < now`,
    tests: unit("http/ReplayMap", "the replay map")
  },
  ...source
]

/**
 * Watches the running loop for incidents, remembers them, and has people told. It only looks: the loop never waits for
 * it, and knows nothing of it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Supervised from "../controller/Supervised.ts"
import { Checks } from "../orchestration/checks/Checks.ts"
import { FactSources } from "../orchestration/checks/FactSources.ts"
import { EventFeed } from "../orchestration/EventFeed.ts"
import type { Actor } from "../orchestration/Operations.ts"
import { StateStore } from "../orchestration/StateStore.ts"
import { WorkspaceReconciler } from "../orchestration/WorkspaceReconciler.ts"
import type { Incident, Kind } from "./Incident.ts"
import * as IncidentBook from "./IncidentBook.ts"
import * as IncidentMetrics from "./IncidentMetrics.ts"
import { incidentsOf } from "./incidentsOf.ts"
import { IncidentStore } from "./IncidentStore.ts"
import { owedFor, testBody, viewOf, type IncidentView } from "./Notification.ts"
import * as NotificationWebhook from "./NotificationWebhook.ts"
import * as Notifier from "./Notifier.ts"

export interface Options {
  /** Where incidents are told; None: they are only listed. */
  readonly webhook: Option.Option<NotificationWebhook.Options>
  /** `NOTIFY_MIN_INTERVAL_MS`. */
  readonly minIntervalMs: number
  readonly incidentDashboardUrl: Option.Option<string>
}

/** Times are ISO 8601. */
export interface IncidentList {
  /** The open ones, then those that are over; each the newest first. */
  readonly incidents: ReadonlyArray<IncidentView>
  readonly notifications: {
    readonly configured: boolean
    /** Notifications that have not arrived yet. */
    readonly pending: number
    readonly lastDeliveredAt: string | null
    readonly lastError: string | null
  }
}

/** There is no `NOTIFY_WEBHOOK_URL`. */
export class NotificationsNotConfigured extends Schema.TaggedError<NotificationsNotConfigured>()(
  "NotificationsNotConfigured",
  {}
) {}

export class Incidents extends Context.Tag("workspace-orchestrator/incidents/Incidents")<
  Incidents,
  {
    readonly list: Effect.Effect<IncidentList>
    /** Sends a test notification, once, and says what came back: the status, which is 2xx. It is in the audit trail. */
    readonly test: (
      actor: Actor
    ) => Effect.Effect<
      { readonly httpStatus: number },
      NotificationsNotConfigured | NotificationWebhook.Undelivered
    >
  }
>() {}

/** How often the state is looked at; oftener where the least time between two notifications is shorter. */
const LOOK_EVERY_MS = 5_000
const ID_SPACE = 0x7fffffff

const make = (options: Options) =>
  Effect.gen(function* () {
    const store = yield* IncidentStore
    const state = yield* StateStore
    const feed = yield* EventFeed
    const reconciler = yield* WorkspaceReconciler
    const checks = yield* Checks
    const notifier = yield* Effect.transposeMapOption(options.webhook, Notifier.make)
    const incidentDashboardUrl = Option.getOrNull(options.incidentDashboardUrl)
    yield* (yield* FactSources).contribute({
      notifications: Effect.sync(() => {
        const delivery = Option.getOrNull(Option.map(notifier, (one) => one.delivery()))
        return {
          configured: Option.isSome(notifier),
          pending: delivery?.pending ?? 0,
          lastError: delivery?.lastError ?? null
        }
      })
    })
    const policy: IncidentBook.Policy = { minIntervalMs: options.minIntervalMs }

    /** Servers that tell the same receiver, and lives of one of them, never give two incidents one id. */
    const life = (yield* Random.nextIntBetween(0, ID_SPACE)).toString(36)
    const idOf = (kind: Kind, openedAt: number): string => `inc_${kind}_${openedAt.toString(36)}_${life}`

    let book = IncidentBook.restore(yield* store.incidents)

    const announce = ({ incident, type }: IncidentBook.Change) => {
      const { id, kind, severity, summary } = incident
      const fields = { incident: id, kind, severity, summary }
      const publish = (event: string) =>
        feed.publish({ type: event, storeId: null, message: `${kind} (${severity}): ${summary}` })
      switch (type) {
        case "opened":
          return Effect.zipRight(Effect.logWarning("incident.opened", fields), publish("incident.opened"))
        case "updated":
          return Effect.zipRight(Effect.logWarning("incident.updated", fields), publish("incident.updated"))
        case "resolved":
          return Effect.zipRight(Effect.logInfo("incident.resolved", fields), publish("incident.resolved"))
      }
    }

    const look = Effect.gen(function* () {
      const seen = yield* checks.now
      const { now, state: persistence } = seen.facts
      const stepped = IncidentBook.step(
        book,
        { now, troubles: incidentsOf(seen), isWhole: reconciler.firstPassMade() },
        policy,
        idOf
      )
      book = stepped.book
      IncidentMetrics.areOpen(new Set(IncidentBook.openOf(book).map(({ kind }) => kind)))
      // A storage that fails is written to again and again, or nobody would learn that it works again.
      const changed = persistence.healthy
        ? stepped.changes.map(({ incident }) => incident)
        : [...IncidentBook.openOf(book), ...stepped.changes.map(({ incident }) => incident)]
      const owed = Option.isSome(notifier)
        ? stepped.changes.map((change) => owedFor(change, incidentDashboardUrl))
        : []
      if (changed.length > 0) yield* store.record(changed, owed)
      if (Option.isSome(notifier)) yield* notifier.value.enqueue(owed)
      yield* Effect.forEach(stepped.changes, announce, { discard: true })
      // What was told and is not written, or the other way round, would be told again by the next life.
    }).pipe(Effect.uninterruptible)

    // A look that dies of a defect must not be the last: nobody would notice that nothing is told any more.
    const safely = Effect.catchAllCause(look, (cause) => Effect.logError("incidents.look_failed", cause))
    yield* Supervised.run(
      "incidents",
      Effect.repeat(safely, Schedule.spaced(Math.min(LOOK_EVERY_MS, options.minIntervalMs)))
    )

    /** Open ones with the figures of the newest look; the store has those that were told. */
    const current = Effect.map(store.incidents, (kept): ReadonlyArray<Incident> => {
      const open = IncidentBook.openOf(book)
      return [
        ...open.toSorted((one, other) => other.openedAt - one.openedAt),
        ...kept.filter(({ resolvedAt }) => resolvedAt !== null)
      ]
    })

    const list = Effect.map(current, (incidents): IncidentList => {
      const delivery = Option.map(notifier, (configured) => configured.delivery())
      const lastDeliveredAt = Option.getOrNull(delivery)?.lastDeliveredAt ?? null
      return {
        incidents: incidents.map((incident) => viewOf(incident, incidentDashboardUrl)),
        notifications: {
          configured: Option.isSome(notifier),
          pending: Option.getOrNull(delivery)?.pending ?? 0,
          lastDeliveredAt: lastDeliveredAt === null ? null : new Date(lastDeliveredAt).toISOString(),
          lastError: Option.getOrNull(delivery)?.lastError ?? null
        }
      }
    })

    const sendTest = (webhook: NotificationWebhook.Options) =>
      Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        return yield* NotificationWebhook.post(
          webhook,
          `test_${at.toString(36)}_${life}`,
          testBody(at, incidentDashboardUrl)
        )
      })

    const test: Incidents["Type"]["test"] = (actor) =>
      Effect.gen(function* () {
        if (Option.isNone(options.webhook)) return yield* new NotificationsNotConfigured()
        const result = yield* Effect.either(sendTest(options.webhook.value))
        const delivered = result._tag === "Right"
        IncidentMetrics.notified(delivered ? "test_delivered" : "test_failed")
        yield* state.audit.append({
          at: yield* Clock.currentTimeMillis,
          actor: actor.name,
          address: actor.address,
          action: "notification.tested",
          subject: "",
          detail: delivered ? `the receiver answered ${result.right}` : result.left.message,
          outcome: delivered ? "succeeded" : "failed"
        })
        return { httpStatus: yield* result }
      })

    return Incidents.of({ list, test })
  })

export const layer = (
  options: Options
): Layer.Layer<
  Incidents,
  never,
  IncidentStore | StateStore | EventFeed | WorkspaceReconciler | Checks | FactSources
> => Layer.scoped(Incidents, make(options))

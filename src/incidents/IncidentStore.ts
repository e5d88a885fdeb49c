/**
 * Incidents and owed notifications over a restart, so that what was opened is not opened again and is resolved once.
 * Writes never fail their caller: a disk that is full is an incident itself, and must not stop the others.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Incident } from "./Incident.ts"
import type { Owed } from "./Notification.ts"

/** Incidents that are kept after they were resolved; the oldest are forgotten first. */
export const KEPT_RESOLVED = 100

export class IncidentStore extends Context.Tag("workspace-orchestrator/incidents/IncidentStore")<
  IncidentStore,
  {
    /** The open incidents and the kept resolved ones, the newest first. */
    readonly incidents: Effect.Effect<ReadonlyArray<Incident>>
    /** What is owed, oldest first. */
    readonly owed: Effect.Effect<ReadonlyArray<Owed>>
    /** Notes incidents and what is owed for them: both or neither. */
    readonly record: (incidents: ReadonlyArray<Incident>, owed: ReadonlyArray<Owed>) => Effect.Effect<void>
    /** Another attempt has failed. */
    readonly putOff: (owed: Owed) => Effect.Effect<void>
    /** It has arrived, or was given up. */
    readonly settle: (id: string) => Effect.Effect<void>
  }
>() {}

const makeMemory = (): (typeof IncidentStore)["Service"] => {
  const incidents = new Map<string, Incident>()
  const owed = new Map<string, Owed>()
  const newestFirst = (): ReadonlyArray<Incident> =>
    [...incidents.values()].sort((one, other) => other.openedAt - one.openedAt)
  return {
    incidents: Effect.sync(newestFirst),
    owed: Effect.sync(() => [...owed.values()]),
    record: (changed, news) =>
      Effect.sync(() => {
        for (const incident of changed) incidents.set(incident.id, incident)
        for (const one of news) owed.set(one.id, one)
        const resolved = newestFirst().filter(({ resolvedAt }) => resolvedAt !== null)
        for (const { id } of resolved.slice(KEPT_RESOLVED)) incidents.delete(id)
      }),
    putOff: (one) => Effect.sync(() => void owed.set(one.id, one)),
    settle: (id) => Effect.sync(() => void owed.delete(id))
  }
}

/** Remembers nothing beyond the process. */
export const layerMemory: Layer.Layer<IncidentStore> = Layer.sync(IncidentStore, makeMemory)

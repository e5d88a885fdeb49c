/**
 * The desired set: the workspaces of the newest accepted snapshot of the directory, with the evidence about those
 * that are missing from it. A workspace leaves the set only when `forget` says that it has been stopped; until then
 * it stands there as absent, whatever restarts in between (laws 5, 6 and 12).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type * as CircuitBreaker from "../controller/CircuitBreaker.ts"
import * as Tracing from "../telemetry/Tracing.ts"
import { DirectoryInconsistent, DirectoryUnavailable, type DirectoryError } from "./DirectoryError.ts"
import * as DirectoryMetrics from "./DirectoryMetrics.ts"
import * as Rows from "./Rows.ts"
import * as SnapshotStore from "./SnapshotStore.ts"
import type { Absence, Entry, Snapshot } from "./SnapshotStore.ts"
import type { Feature } from "./Workspace.ts"
import { WorkspaceDirectory, type Changes, type Listing } from "./WorkspaceDirectory.ts"

export type RefreshError = DirectoryError | CircuitBreaker.CircuitOpen

/** The error's code and a sentence, for people and programs. */
export const describeRefreshError = (
  error: RefreshError
): { readonly code: string; readonly message: string } =>
  error._tag === "CircuitOpen"
    ? {
        code: error._tag,
        message: `The circuit breaker ${error.name} is open; next attempt in ${error.retryAfterMs} ms`
      }
    : { code: error._tag, message: error.message }

/**
 * Why the directory is read.
 * - `resync`: the whole list, which also checks the feed
 * - `nudge`: what has changed, where the directory offers it, else the list
 * - `confirm`: the whole list once more, because somebody waits for evidence
 *
 * Lists that are not a resync are paced, so that a flow of nudges stays below the 60 requests a minute that existing
 * Auth Workers allow.
 */
export type RefreshKind = "resync" | "nudge" | "confirm"

/** Where the accepted set came from. */
export type Source = "auth-worker" | "snapshot" | "static" | "none"

/** What the desired state says of one workspace. */
export type Desired =
  | { readonly _tag: "Present"; readonly pinned: boolean }
  | { readonly _tag: "Absent"; readonly absence: Absence }
  /** Neither the directory nor the snapshot has ever spoken of it, or it has been stopped. */
  | { readonly _tag: "Unknown" }

export interface Accepted {
  /** The keys of which the desired state now says something else than before. */
  readonly touched: ReadonlySet<string>
}

/** The accepted snapshot, as operators see it. `fetchedAt` is in milliseconds since the epoch. */
export interface View {
  readonly source: Source
  readonly revision: string | null
  readonly environmentId: string | null
  readonly features: ReadonlySet<Feature>
  readonly fetchedAt: number | null
  /** How old it is, in milliseconds, however the wall clock was set meanwhile. Infinite: from a time that is yet to come. */
  readonly ageMs: number | null
  readonly lastError: RefreshError | null
  /** Workspaces that exist and cannot be opened, by id, with what is wrong with each. They are neither desired nor drift. */
  readonly unsupported: ReadonlyMap<string, string>
  /** Pairs of ids of the newest list that differ only by case. */
  readonly lookalikes: ReadonlyArray<readonly [string, string]>
}

export interface Options {
  /**
   * There is no directory to be asked (none is configured, or reconciliation is switched off): `STORE_IDS` are all that
   * is desired. What an earlier life has saved is neither used nor touched, for when the directory comes back.
   */
  readonly staticOnly: boolean
  /** How many complete lists make an absence proven; more are not counted. */
  readonly removalConfirmations: number
  /** The `STORE_IDS`: desired whatever the directory says, and never removed. */
  readonly pinned: ReadonlyArray<string>
  readonly breaker: CircuitBreaker.CircuitBreaker
}

export class DesiredState extends Context.Tag("workspace-orchestrator/workspaces/DesiredState")<
  DesiredState,
  {
    /**
     * Reads the directory anew. Single-flight with one trailing rerun: a call during a refresh waits for the next
     * one, which begins after the call, so a thousand calls cost at most two refreshes.
     * A failure leaves the accepted snapshot as it is (law 5).
     */
    readonly refresh: (kind: RefreshKind) => Effect.Effect<void, RefreshError>
    readonly get: (id: string) => Desired
    /** Every id that is desired or absent but not yet stopped. */
    readonly ids: () => Iterable<string>
    readonly size: () => number
    /** Grows whenever an id has come or gone. */
    readonly generation: () => number
    /** How many of them the directory, and not STORE_IDS, has made desired. */
    readonly removable: () => number
    /** How many workspaces the accepted list has. */
    readonly listed: () => number
    /** The absent ones with their evidence. */
    readonly absences: () => ReadonlyMap<string, Absence>
    readonly view: () => View
    /** Runs on each accepted refresh, before the callers of `refresh` go on. */
    readonly subscribe: (
      listener: (accepted: Accepted) => Effect.Effect<void>
    ) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Hears each id in the very step in which what the desired state says of it changes: before anything is done about
     * it, and before anybody can see the others that change with it. Synchronous, cheap, and must not throw.
     */
    readonly watch: (listener: (id: string) => void) => Effect.Effect<void, never, Scope.Scope>
    /** The absent workspace has been stopped: the desired state need not speak of it any more. */
    readonly forget: (id: string) => Effect.Effect<void>
    /** Asks the directory for this one id, where it can be asked; None where it cannot. */
    readonly existsById: (id: string) => Effect.Effect<Option.Option<boolean>, RefreshError>
  }
>() {}

/** One object for all that are simply there: a hundred thousand of them must stay cheap. */
const PRESENT: Entry = { absence: null }
const pinnedHere: Desired = { _tag: "Present", pinned: true }
const listedHere: Desired = { _tag: "Present", pinned: false }
const unknown: Desired = { _tag: "Unknown" }

/** Paced lists: this many at once, and one more every two seconds. */
const PACED_LISTS_BURST = 20
const PACED_LIST_EVERY_MS = 2_000
/**
 * In a storm, when nudges have come while the list was being read, the next list waits for more of them: this · 2^n for the
 * nth in a row. Nudges that come one after the other wait for nothing.
 */
const STORM_BASE_MS = 100
const STORM_MAX_MS = 1_500

/** Workspaces that cannot be opened are remembered up to this number. */
const MAX_UNSUPPORTED = 10_000

/** Of those who wait for one refresh, so many are linked to its span. */
const MAX_ASKERS = 32

const rank: Record<RefreshKind, number> = { nudge: 0, confirm: 1, resync: 2 }

/** A set that changes faster than it can be paged through is no sign of a sick source. */
const speaksAgainst = (error: DirectoryError): boolean =>
  !(error._tag === "DirectoryInconsistent" && error.reason === "revision-moved")

const retryAfter = (error: DirectoryError): number | undefined =>
  error._tag === "DirectoryUnavailable" ? (error.retryAfterMs ?? undefined) : undefined

const NANOS_PER_MS = 1_000_000

/** Of a snapshot of an earlier life. A clock that was set back to before it cannot say how old it is. */
const ageOfLoaded = (fetchedAt: number, clock: Clock.Clock): number => {
  const ageMs = clock.unsafeCurrentTimeMillis() - fetchedAt
  return ageMs < 0 ? Infinity : ageMs
}

export const make = (options: Options) =>
  Effect.gen(function* () {
    const directory = yield* WorkspaceDirectory
    const store = yield* SnapshotStore.SnapshotStore
    const scope = yield* Effect.scope
    const clock = yield* Effect.clock
    const spans = yield* Tracing.spans
    const monotonicMs = () => Number(clock.unsafeCurrentTimeNanos()) / NANOS_PER_MS
    const pinned: ReadonlySet<string> = new Set(options.pinned)
    const listeners = new Set<(accepted: Accepted) => Effect.Effect<void>>()
    const watchers = new Set<(id: string) => void>()

    const loaded = options.staticOnly ? Option.none() : yield* store.load
    const entries = new Map<string, Entry>(Option.isSome(loaded) ? loaded.value.entries : [])
    const absent = new Map<string, Absence>()
    for (const [id, entry] of entries) {
      if (entry.absence === null) continue
      if (pinned.has(id)) entries.delete(id)
      else absent.set(id, entry.absence)
    }
    let meta: Omit<Snapshot, "entries"> | undefined = Option.getOrUndefined(loaded)
    let source: Source = options.staticOnly ? "static" : meta !== undefined ? "snapshot" : "none"
    /** When the snapshot was how old, on a clock that only goes forward. */
    let aged = { at: monotonicMs(), ms: meta === undefined ? 0 : ageOfLoaded(meta.fetchedAt, clock) }
    let lastError: RefreshError | null = null
    /** The newest revision of which a list has brought nothing new: only then may the next one be conditional. */
    let listedRevision: string | null = null

    let unsupported = new Map<string, string>()
    let lookalikes: Listing["lookalikes"] = []

    let generation = 0
    const drop = (id: string): void => {
      if (entries.delete(id)) generation++
    }
    const set = (id: string, absence: Absence | null, touched: Set<string>): void => {
      const before = entries.get(id)
      if (before === undefined ? absence !== null : before.absence === absence) return
      if (before === undefined) generation++
      entries.set(id, absence === null ? PRESENT : { absence })
      if (absence === null) absent.delete(id)
      else absent.set(id, absence)
      touched.add(id)
      for (const watcher of watchers) watcher(id)
    }

    /** One more list without it. Once that proves its absence, nothing about it changes any more. */
    const missed = ({ absence }: Entry, now: number): Absence => {
      // A clock that was set back since then begins the grace anew, rather than to make it last for hours.
      const since = Math.min(absence?.since ?? now, now)
      const isProven =
        absence?.kind === "deleted" || (absence?.confirmations ?? 0) >= options.removalConfirmations
      if (absence !== null && isProven) return absence.since === since ? absence : { ...absence, since }
      return { kind: "absent", confirmations: (absence?.confirmations ?? 0) + 1, since }
    }

    const refuseOlder = (revision: string | null) =>
      revision !== null && meta?.revision != null && BigInt(revision) < BigInt(meta.revision)
        ? new DirectoryInconsistent({
            reason: "older-revision",
            message: `The directory offers revision ${revision}; ${meta.revision} has been accepted already`
          })
        : Effect.void

    /** One line whenever there are others than before: every list repeats them. */
    const tellOfUnsupported = (now: ReadonlyMap<string, string>) => {
      const isNews = now.size !== unsupported.size || [...now.keys()].some((id) => !unsupported.has(id))
      if (!isNews) return Effect.void
      const [[instanceId, reason] = ["", ""]] = now
      return Effect.logWarning("workspace_directory.unsupported", {
        count: now.size,
        ...(now.size === 0 ? {} : { example: JSON.stringify(instanceId), reason: `its id ${reason}` })
      })
    }

    const applyListing = (listing: Listing, now: number) =>
      Effect.gen(function* () {
        if (
          meta?.environmentId != null &&
          listing.environmentId !== null &&
          meta.environmentId !== listing.environmentId
        ) {
          return yield* new DirectoryInconsistent({
            reason: "foreign-environment",
            message: `The directory speaks for environment ${listing.environmentId}, not for ${meta.environmentId}`
          })
        }
        yield* refuseOlder(listing.revision)
        const touched = new Set<string>()
        const isKnown = listing.revision === meta?.revision
        yield* tellOfUnsupported(listing.unsupported)
        unsupported = new Map(listing.unsupported)
        lookalikes = listing.lookalikes
        for (const id of listing.ids) set(id, null, touched)
        for (const [id, entry] of entries) {
          if (listing.ids.has(id)) continue
          // What STORE_IDS names is desired without the directory: its absence there is no evidence of anything.
          if (pinned.has(id)) drop(id)
          else set(id, missed(entry, now), touched)
        }
        meta = {
          revision: listing.revision,
          environmentId: listing.environmentId ?? meta?.environmentId ?? null,
          features: listing.features,
          fetchedAt: now
        }
        // One answer may have lacked something that its tag vouches for; two that agree are believed (law 5).
        listedRevision = touched.size === 0 && isKnown ? listing.revision : null
        return touched
      })

    /** The directory says that its list is still the one we know: once more, the absent ones are absent. */
    const applyNotModified = (now: number): Set<string> => {
      const touched = new Set<string>()
      for (const id of [...absent.keys()]) set(id, missed(entries.get(id) ?? PRESENT, now), touched)
      if (meta !== undefined) meta = { ...meta, fetchedAt: now }
      return touched
    }

    const applyChanges = (changes: Changes, now: number) =>
      Effect.gen(function* () {
        yield* refuseOlder(changes.revision)
        const touched = new Set<string>()
        for (const { instanceId, kind } of changes.changes) {
          const reason = Rows.unsupportedReason(instanceId)
          if (reason !== undefined) {
            const apart = Rows.unsupported(instanceId, reason)
            const others = new Map(unsupported)
            if (kind === "delete") others.delete(apart.instanceId)
            else if (others.size < MAX_UNSUPPORTED) others.set(apart.instanceId, reason)
            yield* tellOfUnsupported(others)
            unsupported = others
            continue
          }
          const entry = entries.get(instanceId)
          if (kind === "upsert") set(instanceId, null, touched)
          else if (pinned.has(instanceId)) drop(instanceId)
          else if (entry !== undefined) {
            const since = entry.absence?.since ?? now
            set(
              instanceId,
              { kind: "deleted", confirmations: entry.absence?.confirmations ?? 0, since },
              touched
            )
          }
        }
        if (meta !== undefined) {
          if (changes.revision !== meta.revision) listedRevision = null
          meta = { ...meta, revision: changes.revision, fetchedAt: now }
        }
        return touched
      })

    /**
     * A list shows only that workspaces are gone. Where the directory keeps a feed, it also says whether they were
     * deleted, which is better evidence; a feed that cannot be read takes nothing away.
     */
    const explainAbsences = (since: string, touched: Set<string>) =>
      directory.changes(since).pipe(
        Effect.map(
          Option.map(({ changes }) => {
            // The feed may be newer than the list: what it deletes and creates again is not deleted.
            const last = new Map(changes.map(({ instanceId, kind }) => [instanceId, kind]))
            for (const [instanceId, kind] of last) {
              const absence = absent.get(instanceId)
              if (kind === "delete" && absence !== undefined)
                set(instanceId, { ...absence, kind: "deleted" }, touched)
            }
          })
        ),
        Effect.ignore
      )

    const readChanges = (since: string) =>
      Effect.flatMap(
        directory.changes(since),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (changes) =>
            Effect.asSome(Effect.flatMap(Clock.currentTimeMillis, (now) => applyChanges(changes, now)))
        })
      )

    let leftAloneUntil = 0
    /** What has been taken in is saved, and whoever listens hears of it. */
    const accept = (touched: ReadonlySet<string>) =>
      Effect.gen(function* () {
        source = "auth-worker"
        lastError = null
        leftAloneUntil = 0
        aged = { at: monotonicMs(), ms: 0 }
        if (meta !== undefined) yield* store.save({ ...meta, entries }, touched)
        yield* Effect.forEach(listeners, (listener) => listener({ touched }), { discard: true })
      })

    const readList = Effect.gen(function* () {
      const before = meta
      const listing = yield* directory.list({
        features: before?.features ?? new Set(),
        revision: listedRevision
      })
      const now = yield* Clock.currentTimeMillis
      if (Option.isNone(listing)) return applyNotModified(now)
      const touched = yield* applyListing(listing.value, now)
      const newlyAbsent = [...touched].some((id) => absent.get(id)?.confirmations === 1)
      if (!newlyAbsent || !listing.value.features.has("changes") || before?.revision == null) return touched
      // What the list has brought need not wait for a feed that may hang, and is not passed over in silence meanwhile.
      yield* accept(touched)
      const explained = new Set<string>()
      yield* explainAbsences(before.revision, explained)
      return explained
    })

    /** A token bucket: waits until one more list may be read. Flights come one at a time, so nobody overtakes. */
    let tokens = PACED_LISTS_BURST
    let refilledAt = yield* Clock.currentTimeMillis
    const pace = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const earned = Math.max(0, now - refilledAt) / PACED_LIST_EVERY_MS
      tokens = Math.min(PACED_LISTS_BURST, tokens + earned) - 1
      refilledAt = now
      if (tokens < 0) yield* Effect.sleep(-tokens * PACED_LIST_EVERY_MS)
    })

    const read = (kind: RefreshKind) =>
      Effect.gen(function* () {
        // A snapshot of an earlier life is compared with a whole list before its revision is trusted.
        if (kind === "nudge" && source === "auth-worker" && meta?.features.has("changes") === true) {
          const touched = meta.revision === null ? Option.none() : yield* readChanges(meta.revision)
          // None is a 410: the feed no longer reaches back to our revision, so the list is read instead.
          if (Option.isSome(touched)) return touched.value
        }
        if (kind !== "resync") {
          const now = yield* Clock.currentTimeMillis
          // Nobody who only nudges asks a directory that has asked to be left alone until then.
          if (now < leftAloneUntil) {
            return yield* new DirectoryUnavailable({
              reason: "status",
              status: null,
              retryAfterMs: leftAloneUntil - now,
              message: "The directory has asked not to be called yet (Retry-After)"
            })
          }
          yield* pace
        }
        return yield* readList
      })

    const refreshOnce = (kind: RefreshKind): Effect.Effect<void, RefreshError> =>
      options.breaker.protect(read(kind), { isFailure: speaksAgainst, retryAfterMs: retryAfter }).pipe(
        Effect.tap(accept),
        Effect.tapError((error) =>
          Effect.sync(() => {
            if (error._tag === "DirectoryUnavailable" && error.retryAfterMs !== null) {
              leftAloneUntil = clock.unsafeCurrentTimeMillis() + error.retryAfterMs
            }
            // That the breaker is open explains less than the failure that has opened it.
            if (error._tag !== "CircuitOpen" || lastError === null) lastError = error
          })
        ),
        Effect.asVoid
      )

    interface Flight {
      kind: RefreshKind
      /** It has begun to read: who comes now needs the next one. */
      reading: boolean
      /** How many flights in a row it is that nudges have asked for while another was on its way. */
      readonly inStorm: number
      /** The spans of those who have asked for it, where spans are exported; the first has it in its own trace. */
      readonly askers: Array<Tracer.AnySpan>
      readonly landed: Deferred.Deferred<void, RefreshError>
    }
    let flying: Flight | undefined
    let waiting: Flight | undefined

    const gather = (flight: Flight) =>
      Effect.suspend(() => {
        const offersFeed = meta?.features.has("changes") === true
        if (flight.kind === "resync" || flight.inStorm === 0 || offersFeed) return Effect.void
        return Effect.sleep(Math.min(STORM_MAX_MS, STORM_BASE_MS * 2 ** (flight.inStorm - 1)))
      })

    const traced = (
      { askers: [first, ...others], kind }: Flight,
      refreshed: Effect.Effect<void, RefreshError>
    ) =>
      spans.within(refreshed, "directory.refresh", {
        ...(first === undefined ? { root: true } : { parent: first }),
        links: others.map((span) => ({ _tag: "SpanLink", span, attributes: {} })),
        attributes: { "directory.refresh.kind": kind }
      })

    const fly = (flight: Flight): Effect.Effect<void> =>
      gather(flight).pipe(
        Effect.zipRight(
          Effect.suspend(() => {
            flight.reading = true
            const refreshed = refreshOnce(flight.kind)
            return spans.areOn ? traced(flight, refreshed) : refreshed
          })
        ),
        Effect.intoDeferred(flight.landed),
        Effect.ensuring(
          Effect.suspend(() => {
            const next = waiting
            flying = next
            waiting = undefined
            return next === undefined ? Effect.void : Effect.asVoid(takeOff(next))
          })
        ),
        Effect.asVoid
      )

    /** Interruptible by itself: who takes off may not be, and no timeout could then end a request that hangs (law 4). */
    const takeOff = (flight: Flight) => Effect.forkIn(Effect.interruptible(fly(flight)), scope)

    const makeFlight = (kind: RefreshKind, inStorm: number): Flight => ({
      kind,
      reading: false,
      inStorm,
      askers: [],
      landed: Deferred.unsafeMake(FiberId.none)
    })
    const join = (flight: Flight, kind: RefreshKind, asker: Option.Option<Tracer.AnySpan>) => {
      if (rank[kind] > rank[flight.kind]) flight.kind = kind
      if (Option.isSome(asker) && flight.askers.length < MAX_ASKERS) flight.askers.push(asker.value)
      return Deferred.await(flight.landed)
    }

    const asked = (
      kind: RefreshKind,
      asker: Option.Option<Tracer.AnySpan>
    ): Effect.Effect<void, RefreshError> =>
      // Interrupted between the two, it would be a flight that never takes off, and that everybody waits for.
      Effect.uninterruptibleMask((restore) => {
        if (flying === undefined) {
          const flight = makeFlight(kind, 0)
          flight.askers.push(...Option.toArray(asker))
          flying = flight
          return Effect.zipRight(takeOff(flight), restore(Deferred.await(flight.landed)))
        }
        if (!flying.reading || waiting !== undefined) DirectoryMetrics.refreshShared()
        if (!flying.reading) return restore(join(flying, kind, asker))
        // The refresh under way may have read before the caller's reason arose: it takes the next one (law 3).
        waiting ??= makeFlight(kind, Math.min(flying.inStorm + 1, 30))
        return restore(join(waiting, kind, asker))
      })

    const refresh = (kind: RefreshKind): Effect.Effect<void, RefreshError> =>
      spans.areOn
        ? Effect.flatMap(Tracing.currentSpan, (asker) => asked(kind, asker))
        : asked(kind, Option.none())

    const get = (id: string): Desired => {
      if (pinned.has(id)) return pinnedHere
      const entry = entries.get(id)
      if (entry === undefined) return unknown
      return entry.absence === null ? listedHere : { _tag: "Absent", absence: entry.absence }
    }

    return DesiredState.of({
      refresh,
      get,
      ids: function* () {
        for (const id of pinned) if (!entries.has(id)) yield id
        yield* entries.keys()
      },
      size: () => {
        let count = entries.size
        for (const id of pinned) if (!entries.has(id)) count++
        return count
      },
      generation: () => generation,
      removable: () => {
        let count = entries.size
        for (const id of pinned) if (entries.has(id)) count--
        return count
      },
      listed: () => entries.size - absent.size,
      absences: () => absent,
      view: () => ({
        source,
        revision: meta?.revision ?? null,
        environmentId: meta?.environmentId ?? null,
        features: meta?.features ?? new Set(),
        fetchedAt: meta?.fetchedAt ?? null,
        ageMs: meta === undefined ? null : Math.round(aged.ms + monotonicMs() - aged.at),
        lastError,
        unsupported,
        lookalikes
      }),
      subscribe: (listener) =>
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        ),
      watch: (watcher) =>
        Effect.acquireRelease(
          Effect.sync(() => watchers.add(watcher)),
          () => Effect.sync(() => watchers.delete(watcher))
        ),
      forget: (id) =>
        Effect.suspend(() => {
          if (!absent.has(id)) return Effect.void
          drop(id)
          absent.delete(id)
          return meta === undefined ? Effect.void : store.save({ ...meta, entries }, new Set([id]))
        }),
      existsById: (id) =>
        meta?.features.has("get") === true
          ? options.breaker
              .protect(directory.exists(id), { isFailure: speaksAgainst, retryAfterMs: retryAfter })
              .pipe(Effect.map(Option.some))
          : Effect.succeedNone
    })
  })

export const layer = (
  options: Options
): Layer.Layer<DesiredState, never, WorkspaceDirectory | SnapshotStore.SnapshotStore> =>
  Layer.scoped(DesiredState, make(options))

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
import * as Budget from "./Budget.ts"
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
 * - `whole`: as `confirm`, without a validator, because a nudge contradicts what is believed
 * - `manual`: as `resync`, without a validator, because a person asks
 *
 * What nudges cause is paced by the source's budget (`Budget`); a resync and a person are not.
 */
export type RefreshKind = "resync" | "nudge" | "confirm" | "whole" | "manual"

/** What a nudge says happened, and to whose workspace. It decides when and how the source is read, and nothing else. */
export interface News {
  readonly claim: "created" | "deleted" | "asked"
  readonly userId: string | null
}

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
  /** Of look-ups by id, whose failures must not keep the list from being read, nor the other way round. */
  readonly lookups?: CircuitBreaker.CircuitBreaker
  /** What the source lets itself be asked; shared with what asks it. */
  readonly budget?: Budget.Budget
  /** The resync interval: lists that nudges cause confirm an absence at most once in it. Defaults to 0: always. */
  readonly intervalMs?: number
}

export class DesiredState extends Context.Tag("workspace-orchestrator/workspaces/DesiredState")<
  DesiredState,
  {
    /**
     * Reads the directory anew. Single-flight with one trailing rerun: a call during a refresh waits for the next
     * one, which begins after the call, so a thousand calls cost at most two refreshes.
     * A failure leaves the accepted snapshot as it is (law 5).
     */
    readonly refresh: (kind: RefreshKind, about?: string) => Effect.Effect<void, RefreshError>
    /**
     * Reads what is needed to know of one workspace: its user's instances where that is offered and free, else what has
     * changed; and, where the answer contradicts the news, by id, then the whole list without a validator.
     */
    readonly consult: (id: string, news?: News) => Effect.Effect<void, RefreshError>
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

/** Every so many resyncs one asks without a validator: a 304 is believed for no longer (six intervals of 5 min: half an hour). */
const UNCONDITIONAL_EVERY = 6
/** A deletion that a webhook has told of counts beside a list that is read within this time. */
const CLAIM_VALID_MS = 60_000
/** Claims, and ids that one flight is about, are remembered up to this number. */
const MAX_ABOUT = 10_000
/** A look-up that the source does not offer is tried again after this time. */
const NOT_OFFERED_MS = 3_600_000
/** Look-ups by id: this many at once, then one each 50 ms. */
const LOOKUP_BURST = 20
const LOOKUP_EVERY_MS = 50

/** Paced lists of a source that offers a feed: this many at once, and one more every two seconds. */
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

const rank: Record<RefreshKind, number> = { nudge: 0, confirm: 1, whole: 2, resync: 3, manual: 4 }
const isPaced = (kind: RefreshKind): boolean => kind !== "resync" && kind !== "manual"

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
    let lineage: string | null = null
    const budget = options.budget ?? Budget.make()
    /** A directory that tells the budget nothing: each read counts as one request. */
    const spendHere = options.budget === undefined
    const lookups = options.lookups ?? options.breaker
    const intervalMs = options.intervalMs ?? 0
    /** Deletions that webhooks have told of, and when lists that nudges caused have last confirmed an absence. */
    const claims = new Map<string, number>()
    const confirmedByNudge = new Map<string, number>()
    /** How the newest read was answered: by a whole list, or by something that builds on what is believed. */
    let lastRead: "whole" | "built-on" = "built-on"
    let resyncs = 0
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
      if (absence === null) {
        absent.delete(id)
        confirmedByNudge.delete(id)
      } else absent.set(id, absence)
      touched.add(id)
      for (const watcher of watchers) watcher(id)
    }

    /** One more list without it. Once that proves its absence, nothing about it changes any more. */
    const missed = (id: string, { absence }: Entry, now: number, flight: Flight): Absence => {
      // A clock that was set back since then begins the grace anew, rather than to make it last for hours.
      const since = Math.min(absence?.since ?? now, now)
      const isProven =
        absence?.kind === "deleted" || (absence?.confirmations ?? 0) >= options.removalConfirmations
      if (absence !== null && isProven) return absence.since === since ? absence : { ...absence, since }
      const claimedAt = claims.get(id)
      claims.delete(id)
      if (isPaced(flight.kind)) {
        // A flow of nudges about others would turn one lapse of the source into all the evidence that is needed.
        const at = confirmedByNudge.get(id)
        const isSoon = at !== undefined && monotonicMs() - at < intervalMs
        if (absence !== null && isSoon && !flight.about.has(id)) return absence
        confirmedByNudge.set(id, monotonicMs())
      }
      // The source has said twice, in two ways, that it is gone: by its webhook and by a complete list.
      const isClaimed = claimedAt !== undefined && monotonicMs() - claimedAt <= CLAIM_VALID_MS
      const confirmations = (absence?.confirmations ?? 0) + (isClaimed ? 2 : 1)
      return {
        kind: "absent",
        confirmations: Math.min(confirmations, Math.max(1, options.removalConfirmations)),
        since
      }
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

    const applyListing = (listing: Listing, now: number, flight: Flight) =>
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
        const isKnown = listing.revision === meta?.revision && (listing.lineage ?? null) === lineage
        yield* tellOfUnsupported(listing.unsupported)
        unsupported = new Map(listing.unsupported)
        lookalikes = listing.lookalikes
        for (const id of listing.ids) set(id, null, touched)
        for (const [id, entry] of entries) {
          if (listing.ids.has(id)) continue
          // What STORE_IDS names is desired without the directory: its absence there is no evidence of anything.
          if (pinned.has(id)) drop(id)
          else set(id, missed(id, entry, now, flight), touched)
        }
        lineage = listing.lineage ?? null
        lastRead = "whole"
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
    const applyNotModified = (now: number, flight: Flight): Set<string> => {
      lastRead = "built-on"
      const touched = new Set<string>()
      for (const id of [...absent.keys()])
        set(id, missed(id, entries.get(id) ?? PRESENT, now, flight), touched)
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
          lineage = changes.lineage ?? null
          lastRead = "built-on"
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

    /** None: the feed no longer reaches back to our revision, or is another lineage's, so the list is read instead. */
    const readChanges = (since: string) =>
      Effect.flatMap(
        Effect.map(
          directory.changes(since, lineage),
          Option.filter(
            ({ environmentId }) =>
              environmentId == null || meta?.environmentId == null || environmentId === meta.environmentId
          )
        ),
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

    const readList = Effect.fnUntraced(function* (flight: Flight) {
      const before = meta
      const isCheck = flight.kind === "resync" && ++resyncs % UNCONDITIONAL_EVERY === 0
      const listing = yield* directory.list({
        features: before?.features ?? new Set(),
        revision: listedRevision,
        ...(flight.unconditional || isCheck ? { unconditional: true } : {})
      })
      const now = yield* Clock.currentTimeMillis
      if (Option.isNone(listing)) return applyNotModified(now, flight)
      const touched = yield* applyListing(listing.value, now, flight)
      const newlyAbsent = [...touched].some((id) => absent.get(id)?.confirmations === 1)
      if (!newlyAbsent || !listing.value.features.has("changes") || before?.revision == null) return touched
      // What the list has brought need not wait for a feed that may hang, and is not passed over in silence meanwhile.
      yield* accept(touched)
      const explained = new Set<string>()
      yield* explainAbsences(before.revision, explained)
      return explained
    })

    const offersFeed = (): boolean => meta?.features.has("changes") === true
    /** A token bucket, for a source with a feed: waits until one more list may be read. Flights come one at a time, so nobody overtakes. */
    let tokens = PACED_LISTS_BURST
    let refilledAt = yield* Clock.currentTimeMillis
    const pace = Effect.gen(function* () {
      if (!offersFeed()) return
      const now = yield* Clock.currentTimeMillis
      const earned = Math.max(0, now - refilledAt) / PACED_LIST_EVERY_MS
      tokens = Math.min(PACED_LISTS_BURST, tokens + earned) - 1
      refilledAt = now
      if (tokens < 0) yield* Effect.sleep(-tokens * PACED_LIST_EVERY_MS)
    })

    const read = (flight: Flight) =>
      Effect.gen(function* () {
        const { kind } = flight
        if (spendHere) budget.spend(monotonicMs())
        // A snapshot of an earlier life is compared with a whole list before its revision is trusted.
        if (kind === "nudge" && source === "auth-worker" && meta?.features.has("changes") === true) {
          const touched = meta.revision === null ? Option.none() : yield* readChanges(meta.revision)
          if (Option.isSome(touched)) return touched.value
        }
        if (isPaced(kind)) {
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
        return yield* readList(flight)
      })

    const refreshOnce = (flight: Flight): Effect.Effect<void, RefreshError> =>
      options.breaker.protect(read(flight), { isFailure: speaksAgainst, retryAfterMs: retryAfter }).pipe(
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
      /** Somebody among those who wait for it needs an answer that builds on nothing. */
      unconditional: boolean
      /** The workspaces that its nudges were about. */
      readonly about: Set<string>
      /** Completes when somebody joins who does not wait for the source's budget. */
      readonly hurried: Deferred.Deferred<void>
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
        if (!isPaced(flight.kind)) return Effect.void
        const isPlain = !offersFeed()
        const stormMs =
          isPlain && flight.inStorm > 0
            ? Math.min(STORM_MAX_MS, STORM_BASE_MS * 2 ** (flight.inStorm - 1))
            : 0
        // Before it reads, so that the nudges that come meanwhile are answered by the same read.
        const waitMs = Math.max(stormMs, budget.waitMs(monotonicMs(), isPlain ? "plain-list" : "none"))
        return waitMs <= 0
          ? Effect.void
          : Effect.raceFirst(Effect.sleep(waitMs), Deferred.await(flight.hurried))
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
            const refreshed = refreshOnce(flight)
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

    const makeFlight = (kind: RefreshKind, inStorm: number, about?: string): Flight => ({
      kind,
      unconditional: kind === "whole" || kind === "manual",
      about: new Set(about === undefined ? [] : [about]),
      hurried: Deferred.unsafeMake(FiberId.none),
      reading: false,
      inStorm,
      askers: [],
      landed: Deferred.unsafeMake(FiberId.none)
    })
    const join = (
      flight: Flight,
      kind: RefreshKind,
      asker: Option.Option<Tracer.AnySpan>,
      about: string | undefined
    ) => {
      if (rank[kind] > rank[flight.kind]) flight.kind = kind
      if (kind === "whole" || kind === "manual") flight.unconditional = true
      if (about !== undefined && flight.about.size < MAX_ABOUT) flight.about.add(about)
      if (!isPaced(kind)) Deferred.unsafeDone(flight.hurried, Effect.void)
      if (Option.isSome(asker) && flight.askers.length < MAX_ASKERS) flight.askers.push(asker.value)
      return Deferred.await(flight.landed)
    }

    const asked = (
      kind: RefreshKind,
      asker: Option.Option<Tracer.AnySpan>,
      about: string | undefined
    ): Effect.Effect<void, RefreshError> =>
      // Interrupted between the two, it would be a flight that never takes off, and that everybody waits for.
      Effect.uninterruptibleMask((restore) => {
        if (flying === undefined) {
          const flight = makeFlight(kind, 0, about)
          flight.askers.push(...Option.toArray(asker))
          flying = flight
          return Effect.zipRight(takeOff(flight), restore(Deferred.await(flight.landed)))
        }
        if (!flying.reading || waiting !== undefined) DirectoryMetrics.refreshShared()
        if (!flying.reading) return restore(join(flying, kind, asker, about))
        // The refresh under way may have read before the caller's reason arose: it takes the next one (law 3).
        waiting ??= makeFlight(kind, Math.min(flying.inStorm + 1, 30))
        return restore(join(waiting, kind, asker, about))
      })

    const refresh = (kind: RefreshKind, about?: string): Effect.Effect<void, RefreshError> =>
      spans.areOn
        ? Effect.flatMap(Tracing.currentSpan, (asker) => asked(kind, asker, about))
        : asked(kind, Option.none(), about)

    let lookupTokens = LOOKUP_BURST
    let lookupsAt = monotonicMs()
    /** The pace of look-ups by id: a token bucket of their own. Refused at once where the source wants to be left alone. */
    const paceLookup = Effect.suspend((): Effect.Effect<void, DirectoryError> => {
      const leftAloneMs = leftAloneUntil - clock.unsafeCurrentTimeMillis()
      if (leftAloneMs > 0) {
        return new DirectoryUnavailable({
          reason: "status",
          status: null,
          retryAfterMs: leftAloneMs,
          message: "The directory has asked not to be called yet (Retry-After)"
        })
      }
      const now = monotonicMs()
      lookupTokens = Math.min(LOOKUP_BURST, lookupTokens + (now - lookupsAt) / LOOKUP_EVERY_MS) - 1
      lookupsAt = now
      return lookupTokens >= 0 ? Effect.void : Effect.sleep(-lookupTokens * LOOKUP_EVERY_MS)
    })
    const lookUp = <A>(question: Effect.Effect<A, DirectoryError>) =>
      Effect.zipRight(
        paceLookup,
        lookups.protect(question, { isFailure: speaksAgainst, retryAfterMs: retryAfter })
      )

    const existsById = (id: string): Effect.Effect<Option.Option<boolean>, RefreshError> =>
      // `changes` is a workspace's id like any other, and the path of the feed.
      meta?.features.has("get") === true && id !== "changes"
        ? Effect.asSome(lookUp(directory.exists(id)))
        : Effect.succeedNone

    let isTargeting = false
    let notOfferedUntil = -Infinity
    /** One small read instead of a list: whether its user's instances have it. False: that has not been shown. */
    const isOneOf = (userId: string, id: string): Effect.Effect<boolean> =>
      Effect.suspend(() => {
        const now = monotonicMs()
        const isFree = flying === undefined && !isTargeting && budget.waitMs(now, "plain-list") <= 0
        if (offersFeed() || source !== "auth-worker" || now < notOfferedUntil || !isFree) {
          return Effect.succeed(false)
        }
        isTargeting = true
        return lookUp(directory.instancesOf(userId)).pipe(
          Effect.map((instances) => {
            if (Option.isNone(instances)) notOfferedUntil = monotonicMs() + NOT_OFFERED_MS
            return Option.exists(instances, (ids) => ids.has(id))
          }),
          // What could not be shown by the small read is asked of the list.
          Effect.orElseSucceed(() => false),
          Effect.ensuring(Effect.sync(() => (isTargeting = false)))
        )
      })

    /** One workspace is there: that says nothing of the others, nor of the age of the list. */
    const takeIn = (id: string) =>
      Effect.suspend(() => {
        const touched = new Set<string>()
        set(id, null, touched)
        const saved = meta === undefined ? Effect.void : store.save({ ...meta, entries }, touched)
        return Effect.zipRight(
          saved,
          Effect.forEach(listeners, (listener) => listener({ touched }), { discard: true })
        )
      })

    const consult = (id: string, news?: News): Effect.Effect<void, RefreshError> =>
      Effect.gen(function* () {
        if (news?.claim === "asked") return yield* refresh("whole", id)
        if (news?.claim === "deleted" && claims.size < MAX_ABOUT) claims.set(id, monotonicMs())
        if (news?.claim === "created") {
          claims.delete(id)
          const isUnknown = get(id)._tag !== "Present"
          if (isUnknown && news.userId !== null && (yield* isOneOf(news.userId, id))) return yield* takeIn(id)
        }
        yield* refresh("nudge", id)
        if (news === undefined || lastRead === "whole") return
        // A feed or a 304 builds on what is believed: where the news contradict it, the belief itself is checked.
        const isPresent = get(id)._tag === "Present"
        if (isPresent === (news.claim === "created")) return
        const exists = yield* existsById(id)
        if (Option.isSome(exists) && exists.value === isPresent) return
        yield* refresh("whole", id)
      })

    const get = (id: string): Desired => {
      if (pinned.has(id)) return pinnedHere
      const entry = entries.get(id)
      if (entry === undefined) return unknown
      return entry.absence === null ? listedHere : { _tag: "Absent", absence: entry.absence }
    }

    return DesiredState.of({
      refresh,
      consult,
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
      existsById
    })
  })

export const layer = (
  options: Options
): Layer.Layer<DesiredState, never, WorkspaceDirectory | SnapshotStore.SnapshotStore> =>
  Layer.scoped(DesiredState, make(options))

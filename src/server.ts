/**
 * The server as one Layer graph, from a configuration. Nothing is decided here: what each part does is in its folder,
 * and how long each may take is a share of what the operator has allowed.
 */
import { createHash } from "node:crypto"
import { hostname } from "node:os"
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ChatOps from "./chatops/ChatOps.ts"
import { confidentialOf, ConfigErrors, ConfigProblem, secretsOf, type ServerConfig } from "./config.ts"
import * as CircuitBreaker from "./controller/CircuitBreaker.ts"
import * as Supervised from "./controller/Supervised.ts"
import * as HttpLayer from "./http/HttpLayer.ts"
import { HttpServer } from "./http/HttpServer.ts"
import { commit, version } from "./http/Version.ts"
import * as Incidents from "./incidents/Incidents.ts"
import * as AdministrationLayer from "./orchestration/AdministrationLayer.ts"
import * as AuditWatch from "./orchestration/AuditWatch.ts"
import * as ChecksLayer from "./orchestration/checks/ChecksLayer.ts"
import type { Disabled } from "./orchestration/checks/Facts.ts"
import * as FactSources from "./orchestration/checks/FactSources.ts"
import * as Credentials from "./orchestration/Credentials.ts"
import * as DataRetention from "./orchestration/DataRetention.ts"
import * as EventFeed from "./orchestration/EventFeed.ts"
import * as Lockdown from "./orchestration/Lockdown.ts"
import * as MessageAdministration from "./orchestration/MessageAdministration.ts"
import * as OperationsLayer from "./orchestration/OperationsLayer.ts"
import * as OrchestrationMetrics from "./orchestration/OrchestrationMetrics.ts"
import * as Pauses from "./orchestration/Pauses.ts"
import * as ReportsLayer from "./orchestration/ReportsLayer.ts"
import * as WorkspaceController from "./orchestration/WorkspaceController.ts"
import * as WorkspaceOrchestrator from "./orchestration/WorkspaceOrchestrator.ts"
import * as WorkspaceReconciler from "./orchestration/WorkspaceReconciler.ts"
import * as SqliteBackups from "./persistence/SqliteBackups.ts"
import * as SqliteIncidentStore from "./persistence/SqliteIncidentStore.ts"
import * as SqliteMessageLedger from "./persistence/SqliteMessageLedger.ts"
import * as SqliteSnapshotStore from "./persistence/SqliteSnapshotStore.ts"
import * as SqliteStateStore from "./persistence/SqliteStateStore.ts"
import * as StateDatabase from "./persistence/StateDatabase.ts"
import * as EventProcessor from "./stores/EventProcessor.ts"
import * as LiveStoreDriver from "./stores/LiveStoreDriver.ts"
import * as MemoryDriver from "./stores/MemoryDriver.ts"
import * as HttpMessageHandler from "./stores/messages/HttpMessageHandler.ts"
import * as MessageHandler from "./stores/messages/MessageHandler.ts"
import * as WorkspaceModule from "./stores/messages/WorkspaceModule.ts"
import * as StoreManager from "./stores/StoreManager.ts"
import * as DiskMetrics from "./telemetry/DiskMetrics.ts"
import * as ProcessMetrics from "./telemetry/ProcessMetrics.ts"
import * as Telemetry from "./telemetry/Telemetry.ts"
import * as HttpClients from "./transport/HttpClients.ts"
import * as AuthWorkerDirectory from "./workspaces/AuthWorkerDirectory.ts"
import * as Budget from "./workspaces/Budget.ts"
import * as DesiredState from "./workspaces/DesiredState.ts"
import * as StaticDirectory from "./workspaces/StaticDirectory.ts"

/** A store that has heard nothing for this long is opened afresh; LiveStore itself reconnects within 30 s. */
const DISCONNECTED_LIMIT_MS = 120_000
/** Between the deaths of a store that keeps dying: 1 s · 2^n, at most 5 min. */
const FLAPPING_BASE_MS = 1_000
const FLAPPING_MAX_MS = 300_000
/** What a reconcile may take beyond the opening of its store: asking the directory, closing what was there. */
const RECONCILE_OVERHEAD_MS = 30_000
/** The breaker's first open time and its longest, each at most one resync interval (law 11). */
const BREAKER_OPEN_MS = 30_000
const BREAKER_MAX_OPEN_MS = 300_000
/** Shares of SHUTDOWN_GRACE_MS, in the order in which the parts stop; the rest is for closing stores. */
const DRAIN_HTTP_SHARE = 0.2
const DRAIN_QUEUE_SHARE = 0.3
/** Twice: of handlers, and then of commits. */
const DRAIN_EVENTS_SHARE = 0.1
const MAX_DRAIN_HTTP_MS = 5_000

/** The share of the wait between two attempts that is random: messages that failed together part. */
const MESSAGE_RETRY_JITTER = 0.2
/** The name of the handler's breaker in /health and the command line. */
const HANDLER_BREAKER = "message-handler"
/** The one of look-ups by id and of one user. */
const LOOKUP_BREAKER = "auth-worker-lookups"

const makeBreaker = (name: string, intervalMs: number) =>
  CircuitBreaker.make({
    name,
    openMs: Math.min(BREAKER_OPEN_MS, intervalMs),
    maxOpenMs: Math.min(BREAKER_MAX_OPEN_MS, intervalMs),
    onTransition: ({ from, reason, to }) =>
      Effect.suspend(() => {
        OrchestrationMetrics.breakerTurned(name, to)
        return Effect.logWarning("circuit_breaker.transition").pipe(
          Effect.annotateLogs({ breaker: name, from, to, reason })
        )
      })
  })

/** Why nothing is reconciled with an Auth Worker; None if it is. */
const disabledBy = (config: ServerConfig): Disabled | null => {
  if (!config.reconcileEnabled) {
    return { because: "switched-off", reason: "WORKSPACE_RECONCILE_ENABLED is false" }
  }
  if (Option.isNone(config.authWorkerUrl)) {
    return { because: "no-source", reason: "neither AUTH_WORKER_INTERNAL_URL nor AUTH_WORKER_URL is set" }
  }
  return config.serverTokens.length === 0
    ? { because: "no-token", reason: "SERVER_BYPASS_TOKEN is not set" }
    : null
}

const disabledReason = (config: ServerConfig): Option.Option<string> =>
  Option.map(Option.fromNullable(disabledBy(config)), ({ reason }) => reason)

/**
 * Why nothing is reconciled although that was not asked for: a credential is missing, or there is nothing to monitor at
 * all. Not by its switch, and not where STORE_IDS alone are to be monitored.
 */
const unintendedReason = (config: ServerConfig): Option.Option<string> =>
  Option.filter(
    disabledReason(config),
    () => config.reconcileEnabled && (Option.isSome(config.authWorkerUrl) || config.storeIds.length === 0)
  )

const directoryLayer = (config: ServerConfig, budget: Budget.Budget) => {
  const [token] = config.serverTokens
  return Option.isSome(disabledReason(config)) || Option.isNone(config.authWorkerUrl) || token === undefined
    ? StaticDirectory.layer
    : AuthWorkerDirectory.layer({ baseUrl: config.authWorkerUrl.value, token, budget }).pipe(
        Layer.provide(HttpClients.layer)
      )
}

/** Distinct from every other client of a store, and the same after a restart of this replica. */
const clientIdOf = (dataPath: string): string =>
  `wso-${createHash("sha256")
    .update(`${hostname()}\n${resolve(dataPath)}`)
    .digest("hex")
    .slice(0, 16)}`

/** The team's own schema and handler, if it has any. A module that cannot be used is a wrong configuration. */
const loadWorkspaceModule = (config: ServerConfig) =>
  Effect.transposeMapOption(config.workspaceModule, (path) =>
    WorkspaceModule.load(path).pipe(
      Effect.flatMap((loaded) =>
        Option.isSome(loaded.handle) && Option.isSome(config.messageHandlerUrl)
          ? Effect.fail({ message: "exports a `handler` while MESSAGE_HANDLER_URL is set: one of the two" })
          : Effect.succeed(loaded)
      ),
      Effect.mapError(
        ({ message }) =>
          new ConfigErrors({
            problems: [
              new ConfigProblem({
                variable: "WORKSPACE_MODULE",
                got: message,
                takes: "the path of an ES module that exports `schema` and `handler`"
              })
            ]
          })
      )
    )
  )

/** The secrets that others prove themselves with to this server; it only sends the others. */
const PRESENTED: ReadonlySet<string> = new Set(["SERVER_BYPASS_TOKEN", "WEBHOOK_SECRET"])

const credentialsOf = (config: ServerConfig): ReadonlyArray<Credentials.Credential> =>
  secretsOf(config).map(({ values, variable }) => ({
    variable,
    values,
    isPresented: PRESENTED.has(variable)
  }))

type LoadedModule = Option.Option<WorkspaceModule.WorkspaceModule>

const driverLayer = (config: ServerConfig, module: LoadedModule) =>
  config.storeDriver === "memory"
    ? MemoryDriver.layer({
        openMs: config.memoryDriverOpenMs,
        ...Option.match(module, {
          onNone: () => ({}),
          onSome: ({ schema }) => ({
            schemas: new Map([...schema.eventsDefsMap].map(([name, event]) => [name, event.schema]))
          })
        })
      })
    : LiveStoreDriver.layer({
        ...Option.match(module, {
          onNone: () => ({}),
          onSome: ({ schema }) => ({ loadSchema: () => Promise.resolve(schema) })
        }),
        syncUrl: config.syncUrl,
        // An empty token is refused by every Sync Worker (wire contract, section 4).
        bypassToken: config.serverTokens[0] ?? Redacted.make(""),
        dataPath: config.dataPath,
        storage: "filesystem",
        openTimeoutMs: config.storeConnectionTimeoutMs,
        clientId: clientIdOf(config.dataPath)
      })

const handlesMessages = (config: ServerConfig, module: LoadedModule): boolean =>
  Option.isSome(config.messageHandlerUrl) || Option.isSome(Option.flatMap(module, ({ handle }) => handle))

/** Who handles messages: the module, else the URL, else nobody. */
const handlerLayer = (config: ServerConfig, module: LoadedModule, breaker: CircuitBreaker.CircuitBreaker) => {
  const own = Option.flatMap(module, ({ handle }) => handle)
  if (Option.isSome(own)) return MessageHandler.layerEffect("module", own.value)
  if (Option.isNone(config.messageHandlerUrl)) return MessageHandler.layerNone
  return HttpMessageHandler.layer({
    url: config.messageHandlerUrl.value,
    secrets: config.messageHandlerSecrets,
    breaker
  })
}

/**
 * Everything that runs. HTTP listens once it is built; the loop begins with `WorkspaceReconciler.start`. Closing the
 * scope stops in this order: HTTP drains, the queue drains, event processing ends, the stores close in parallel.
 */
export const layer = (config: ServerConfig) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const disabled = disabledReason(config)
      const intervalMs = config.reconcileIntervalMs
      const module = yield* loadWorkspaceModule(config)
      const breaker = yield* makeBreaker("auth-worker", intervalMs)
      const handlerBreaker = yield* makeBreaker(HANDLER_BREAKER, intervalMs)
      const lookupBreaker = yield* makeBreaker(LOOKUP_BREAKER, intervalMs)
      const budget = Budget.make()
      const breakers = [
        breaker,
        lookupBreaker,
        ...(Option.isSome(config.messageHandlerUrl) ? [handlerBreaker] : [])
      ]
      const operations = OperationsLayer.layer({
        intervalMs,
        disabled,
        isOffUnintended: Option.isSome(unintendedReason(config)),
        webhookWaitMs: config.webhookWaitMs,
        manualMinIntervalMs: config.manualReconcileMinIntervalMs,
        incidentDashboardUrl: config.incidentDashboardUrl,
        dataPath: config.dataPath,
        storage: config.storeDriver === "memory" ? "memory" : "filesystem",
        breakers
      })
      const administration = AdministrationLayer.layer({
        disabled,
        breakers,
        workers: config.provisionConcurrency,
        removalConfirmations: config.removalConfirmations,
        removalGraceMs: config.removalGraceMs
      })
      const incidents = Incidents.layer({
        webhook: Option.map(config.notifyWebhookUrl, (url) => ({
          url,
          secrets: config.notifyWebhookSecrets
        })),
        minIntervalMs: config.notifyMinIntervalMs,
        incidentDashboardUrl: config.incidentDashboardUrl
      })
      const checks = ChecksLayer.layer({
        breakers,
        disabled: disabledBy(config),
        pinned: config.storeIds.length,
        intervalMs,
        handlesMessages: handlesMessages(config, module),
        webhooksConfigured: config.webhookSecrets.length > 0
      })
      const chatOps = ChatOps.layer({ channels: config.chatOpsChannels, admins: config.chatOpsAdmins })
      const loop = WorkspaceReconciler.layer({ intervalMs, disabled }).pipe(
        Layer.provideMerge(
          WorkspaceController.layer({
            policy: {
              removalConfirmations: config.removalConfirmations,
              removalGraceMs: config.removalGraceMs,
              disconnectedLimitMs: DISCONNECTED_LIMIT_MS,
              flappingBaseMs: FLAPPING_BASE_MS,
              flappingMaxMs: Math.min(FLAPPING_MAX_MS, intervalMs)
            },
            guard: {
              windowMs: config.removalGuardWindowMs,
              alwaysAllowed: config.removalGuardAbsenceMin,
              allowedRatio: config.removalGuardAbsencePercent / 100,
              deletes: {
                alwaysAllowed: config.removalGuardDeleteMin,
                allowedRatio: config.removalGuardDeletePercent / 100
              }
            },
            concurrency: config.provisionConcurrency,
            reconcileTimeoutMs: config.storeConnectionTimeoutMs + RECONCILE_OVERHEAD_MS,
            shutdownGraceMs: config.shutdownGraceMs * DRAIN_QUEUE_SHARE,
            maxBackoffMs: intervalMs,
            freshForMs: 2 * intervalMs
          })
        )
      )
      const stores = WorkspaceOrchestrator.layer.pipe(
        Layer.provideMerge(
          EventProcessor.layer({
            shutdownGraceMs: config.shutdownGraceMs * DRAIN_EVENTS_SHARE,
            ...Option.match(module, { onNone: () => ({}), onSome: ({ vocabulary }) => ({ vocabulary }) }),
            concurrency: config.messageConcurrency,
            storeConcurrency: config.messageStoreConcurrency,
            handlerTimeoutMs: config.messageHandlerTimeoutMs,
            maxAttempts: config.messageMaxAttempts,
            backoff: {
              baseMs: config.messageRetryBaseMs,
              maxMs: config.messageRetryMaxMs,
              jitter: MESSAGE_RETRY_JITTER
            },
            maxOpen: config.messageStoreBacklog,
            keepDone: config.messageLedgerKeep
          })
        ),
        Layer.provide(handlerLayer(config, module, handlerBreaker)),
        Layer.provideMerge(StoreManager.layer({ openTimeoutMs: config.storeConnectionTimeoutMs })),
        Layer.provideMerge(driverLayer(config, module))
      )
      const desired = DesiredState.layer({
        staticOnly: Option.isSome(disabled),
        removalConfirmations: config.removalConfirmations,
        pinned: config.storeIds,
        breaker,
        lookups: lookupBreaker,
        budget,
        intervalMs
      }).pipe(Layer.provide(directoryLayer(config, budget)))
      const operators = Layer.mergeAll(Pauses.layer, Lockdown.layer, EventFeed.layer, FactSources.layer)
      const state = SqliteBackups.layer({ dataPath: config.dataPath, keep: config.stateBackupKeep }).pipe(
        Layer.provideMerge(
          Layer.mergeAll(
            SqliteSnapshotStore.layer,
            SqliteStateStore.layer,
            SqliteMessageLedger.layer,
            SqliteIncidentStore.layer
          )
        ),
        Layer.provide(StateDatabase.layer(config.dataPath))
      )
      const credentials = Credentials.layer(credentialsOf(config))
      return HttpLayer.layer({
        server: {
          host: config.host,
          port: config.port,
          drainMs: Math.min(MAX_DRAIN_HTTP_MS, config.shutdownGraceMs * DRAIN_HTTP_SHARE)
        },
        administrators: { tokens: config.serverTokens, isProduction: config.isProduction },
        webhooks: { secrets: config.webhookSecrets, requireSignature: config.webhookRequireSignature },
        configuration: { variables: config.effective },
        hosts: config.allowedHosts,
        addresses: {
          trustedProxies: config.trustedProxies,
          webhookAllow: config.webhookIpAllow,
          adminAllow: config.adminIpAllow,
          deny: config.ipDeny
        },
        limits: {
          webhook: config.webhookRateLimit,
          webhookSource: config.webhookSourceRateLimit,
          admin: config.adminRateLimit,
          read: config.readRateLimit,
          authFailure: config.authFailureRateLimit
        },
        chatOps: { publicKey: config.discordPublicKey },
        confidential: confidentialOf(config)
      }).pipe(
        Layer.provide(chatOps),
        Layer.provide([
          administration,
          MessageAdministration.layer,
          incidents,
          ReportsLayer.layer({ dataPath: config.dataPath }).pipe(Layer.provide(credentials)),
          credentials
        ]),
        Layer.provide(operations),
        Layer.provide(checks),
        Layer.provideMerge(loop),
        Layer.provide(ProcessMetrics.layer({ commit, version })),
        Layer.provide(DiskMetrics.layer({ stateFiles: StateDatabase.filesOf(config.dataPath) })),
        Layer.provide(AuditWatch.layer),
        Layer.provide(DataRetention.layer({ retentionMs: config.storeDataRetentionMs })),
        Layer.provideMerge(stores),
        Layer.provide(desired),
        Layer.provide(operators),
        Layer.provide(state),
        Layer.provide(Supervised.layer)
      )
    })
  )

/** How the server is watched. Provided around `run`, so that the first thing it does is heard, and the last. */
export const telemetry = (config: ServerConfig) =>
  Telemetry.layer({
    log: {
      level: config.logLevel,
      format: config.isProduction ? "json" : "auto",
      colour: config.colour,
      incidentDashboardUrl: config.incidentDashboardUrl
    },
    serviceName: "workspace-orchestrator",
    version,
    environment: config.environment,
    sentryDsn: config.sentryDsn,
    otlpEndpoint: config.otlpEndpoint,
    secrets: confidentialOf(config)
  })

/** Runs the server until it is interrupted. `onListening` runs before the loop begins. */
export const run = (
  config: ServerConfig,
  onListening: (url: string) => Effect.Effect<void> = () => Effect.void
) =>
  Effect.suspend(() => {
    /** Read off the live stores, so that the last line of the log shows that none was left open (law 8). */
    let openStores = (): number => 0
    const logWithStores = (message: string) =>
      Effect.suspend(() => Effect.annotateLogs(Effect.logInfo(message), { openStores: openStores() }))
    return Effect.gen(function* () {
      const http = yield* HttpServer
      const reconciler = yield* WorkspaceReconciler.WorkspaceReconciler
      const manager = yield* StoreManager.StoreManager
      openStores = () => {
        let count = 0
        for (const storeId of manager.storeIds()) if (manager.openStore(storeId) !== undefined) count++
        return count
      }
      yield* Effect.logInfo("server.listening").pipe(
        Effect.annotateLogs({ url: http.url, driver: config.storeDriver, dataPath: config.dataPath })
      )
      yield* onListening(http.url)
      yield* Effect.forEach(
        config.warnings,
        (warning) => Effect.logWarning("configuration.suspicious").pipe(Effect.annotateLogs({ ...warning })),
        { discard: true }
      )
      const disabled = disabledReason(config)
      if (Option.isSome(disabled)) {
        yield* Effect.logWarning("workspace_reconciler.disabled").pipe(
          Effect.annotateLogs({ reason: disabled.value })
        )
      }
      yield* reconciler.start
      yield* Effect.never
    }).pipe(
      Effect.onInterrupt(() => logWithStores("server.stopping")),
      Effect.provide(layer(config)),
      Effect.onInterrupt(() => logWithStores("server.stopped"))
    )
  })

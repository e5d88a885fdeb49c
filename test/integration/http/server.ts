/**
 * The HTTP edge over real sockets, with operations that a test scripts.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Context from "effect/Context"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { generateKeyPairSync } from "node:crypto"
import { connect } from "node:net"
import * as ChatOps from "../../../src/chatops/ChatOps.ts"
import type { AuditRecord } from "../../../src/orchestration/Audit.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"
import * as HttpLayer from "../../../src/http/HttpLayer.ts"
import type * as AddressRules from "../../../src/http/AddressRules.ts"
import { HttpServer } from "../../../src/http/HttpServer.ts"
import * as IpList from "../../../src/http/IpList.ts"
import type * as Limits from "../../../src/http/Limits.ts"
import { Administration } from "../../../src/orchestration/Administration.ts"
import { type AdministrationService, quietAdministration } from "./administration.ts"
import { Backups, UnknownBackup } from "../../../src/orchestration/Backups.ts"
import { MessageAdministration } from "../../../src/orchestration/MessageAdministration.ts"
import { Incidents, NotificationsNotConfigured } from "../../../src/incidents/Incidents.ts"
import { Operations } from "../../../src/orchestration/Operations.ts"
import { Reports } from "../../../src/orchestration/Reports.ts"
import * as Credentials from "../../../src/orchestration/Credentials.ts"
import { layerMemory } from "../../../src/orchestration/StateStore.ts"
import { UnknownMessage } from "../../../src/stores/EventProcessor.ts"

export const TOKEN = "admin-token"
export const SECRET = "webhook-secret"

export type OperationsService = typeof Operations.Service

/** Discord's pair of keys for our application. */
const discordKeys = generateKeyPairSync("ed25519")
export const discordPrivateKey = discordKeys.privateKey
const discordPublicKey = Buffer.from(
  discordKeys.publicKey.export({ format: "jwk" }).x ?? "",
  "base64url"
).toString("hex")

export interface LogLine {
  readonly message: string
  readonly text: string
}

/** A healthy server with one store, as the contract shows it. */
export const healthyBody = {
  status: "healthy" as const,
  storage: "filesystem",
  dataPath: "./data",
  convergence: {
    converged: true,
    desiredCount: 1,
    monitoredCount: 1,
    driftCount: 0,
    missing: ["ws-missing"],
    orphaned: ["ws-orphaned"],
    held: [{ storeId: "ws-held", reason: "grace" }],
    failing: [{ storeId: "ws-failing", error: "no ws-failing", attempts: 1, nextAttemptAt: null }],
    lastConvergedAt: "2025-02-10T20:15:00.000Z",
    notConvergedForMs: 0,
    desired: {
      revision: "42",
      source: "auth-worker",
      fetchedAt: "2025-02-10T20:15:00.000Z",
      ageMs: 1,
      fresh: true
    }
  },
  stores: [{ storeId: "ws-open", status: "connected" }],
  storeCount: 1,
  globalResources: { systemHealth: "healthy", queuedMessages: 0 },
  liveStoreTotals: { userMessages: 3, lastUserMessageAt: null },
  processedMessages: { total: 3, byStore: { "ws-open": 3 }, databasePath: "/data/ws-open" },
  orchestrator: {
    monitoredStoreIds: ["ws-open"],
    lastProvisionedAt: null,
    lastDeprovisionedAt: null,
    totalProvisioned: 1,
    totalDeprovisioned: 0,
    provisionFailures: 0
  },
  reconciliation: {
    enabled: true,
    intervalMs: 300_000,
    isRunning: false,
    lastRunStartedAt: null,
    lastRunCompletedAt: null,
    lastSuccessAt: null,
    lastDurationMs: null,
    consecutiveFailures: 0,
    totals: { runs: 1, successes: 1, failures: 0 },
    lastResult: { added: ["ws-open"], authoritativeCount: 1 },
    lastError: { code: "X", message: "about ws-open", at: "2025-02-10T20:15:00.000Z" },
    nextRunAt: null
  },
  manualReconcile: {
    lastTriggeredAt: null,
    minIntervalMs: 60_000,
    inFlight: false,
    incidentDashboardUrl: null
  },
  removalGuard: { tripped: true, plan: { hash: "h", storeIds: ["ws-held"] } },
  circuitBreakers: { "auth-worker": { state: "closed" } },
  queue: { depth: 0, running: 0, waiting: 0, oldestMs: 0 }
}

const quiet: OperationsService = {
  nudge: () => Effect.succeed({ status: "already_monitored" }),
  reconcile: () => Effect.dieMessage("not scripted"),
  health: Effect.succeed(healthyBody),
  recentHealth: Effect.succeed(healthyBody),
  stores: () => Effect.succeed({ stores: [] }),
  ready: Effect.succeed({ ready: true, reason: "" })
}

export type MessagesService = typeof MessageAdministration.Service

const quietMessages: MessagesService = {
  parked: () => Effect.succeed([]),
  decide: (_, storeId, messageId) => Effect.fail(new UnknownMessage({ storeId, messageId }))
}

export type BackupsService = typeof Backups.Service

export const stateReport = {
  intact: true,
  problems: [],
  schemaVersion: 2,
  counts: { workspaces: 1, auditRecords: 2 },
  audit: { intact: true, records: 2, firstBrokenSeq: null },
  snapshot: { revision: "42", environmentId: null, fetchedAt: "2025-02-10T20:15:00.000Z" }
}

const quietBackups: BackupsService = {
  create: () =>
    Effect.succeed({
      id: "2025-02-10T20-15-00-000Z",
      createdAt: "2025-02-10T20:15:00.000Z",
      sizeBytes: 4_096
    }),
  list: Effect.succeed([]),
  verify: () => Effect.fail(new UnknownBackup()),
  inspect: Effect.succeed(stateReport)
}

export type IncidentsService = typeof Incidents.Service

const quietIncidents: IncidentsService = {
  list: Effect.succeed({
    incidents: [],
    notifications: { configured: false, pending: 0, lastDeliveredAt: null, lastError: null }
  }),
  test: () => new NotificationsNotConfigured()
}

export type ReportsService = typeof Reports.Service

const quietReports: ReportsService = {
  daily: Effect.succeed({
    status: "ok",
    generatedAt: "2025-02-10T20:15:00.000Z",
    since: "2025-02-09T20:15:00.000Z",
    checks: [],
    errors: []
  }),
  verify: Effect.succeed({
    status: "ok",
    checkedAt: "2025-02-10T20:15:00.000Z",
    durationMs: 1,
    invariants: [{ name: "state-database", holds: true, detail: "whole" }]
  })
}

export interface Started {
  readonly url: string
  readonly port: number
  readonly logs: ReadonlyArray<LogLine>
  /** The audit trail of the chat commands, oldest first. */
  readonly audit: () => Promise<ReadonlyArray<AuditRecord>>
  /** Closes the server's scope; resolves when it has drained. */
  readonly stop: () => Promise<void>
}

export interface StartOptions {
  readonly operations?: Partial<OperationsService>
  readonly administration?: Partial<AdministrationService>
  readonly messages?: Partial<MessagesService>
  readonly reports?: Partial<ReportsService>
  readonly backups?: Partial<BackupsService>
  readonly incidents?: Partial<IncidentsService>
  readonly chatOps?: Partial<ChatOps.Options>
  /** Without it, no interaction of Discord's could be authenticated. */
  readonly hasDiscordKey?: boolean
  readonly tokens?: ReadonlyArray<string>
  readonly secrets?: ReadonlyArray<string>
  readonly requireSignature?: boolean
  readonly limits?: Partial<Limits.Options>
  readonly addresses?: { readonly [List in keyof AddressRules.Options]?: ReadonlyArray<string> }
  readonly isProduction?: boolean
  readonly drainMs?: number
  readonly port?: number
  readonly confidential?: ReadonlyArray<string>
  readonly hosts?: ReadonlyArray<string>
  readonly maxConnectionsPerAddress?: number
}

const redacted = (texts: ReadonlyArray<string>) => texts.map((text) => Redacted.make(text))
const networks = (texts: ReadonlyArray<string> = []) =>
  texts.flatMap((text) => Option.toArray(IpList.parse(text)))
const rate = { count: 100_000, windowMs: 1_000 }
const generous: Limits.Options = {
  webhook: rate,
  webhookSource: rate,
  admin: rate,
  read: rate,
  authFailure: rate
}

/** Starts a server on a free port. */
export const start = async (options: StartOptions = {}): Promise<Started> => {
  const logs: Array<LogLine> = []
  const logger = Logger.make<unknown, void>(({ annotations, cause, logLevel, message }) => {
    const parts = Array.isArray(message) ? message : [message]
    logs.push({
      message: String(parts[0]),
      text: `${logLevel.label} ${JSON.stringify(parts)} ${JSON.stringify([...annotations])} ${Cause.pretty(cause)}`
    })
  })
  const state = Effect.runSync(Effect.provide(StateStore.StateStore, StateStore.layerMemory))
  const layer = HttpLayer.layer({
    server: {
      host: "127.0.0.1",
      port: options.port ?? 0,
      drainMs: options.drainMs ?? 2_000,
      ...(options.maxConnectionsPerAddress === undefined
        ? {}
        : { maxConnectionsPerAddress: options.maxConnectionsPerAddress })
    },
    administrators: {
      tokens: (options.tokens ?? [TOKEN]).map((token) => Redacted.make(token)),
      isProduction: options.isProduction ?? false
    },
    webhooks: {
      secrets: (options.secrets ?? [SECRET]).map((secret) => Redacted.make(secret)),
      requireSignature: options.requireSignature ?? false
    },
    configuration: {
      variables: [
        { name: "SERVER_BYPASS_TOKEN", value: "sha256:01234567", source: "environment", secret: true }
      ]
    },
    addresses: {
      trustedProxies: networks(options.addresses?.trustedProxies),
      webhookAllow: networks(options.addresses?.webhookAllow),
      adminAllow: networks(options.addresses?.adminAllow),
      deny: networks(options.addresses?.deny)
    },
    hosts: options.hosts ?? [],
    limits: { ...generous, ...options.limits },
    chatOps: { publicKey: options.hasDiscordKey === false ? Option.none() : Option.some(discordPublicKey) },
    confidential: redacted(options.confidential ?? [])
  }).pipe(
    Layer.provide(ChatOps.layer({ channels: [], admins: [], ...options.chatOps })),
    Layer.provide(Layer.succeed(StateStore.StateStore, state)),
    Layer.provide(
      Credentials.layer([
        { variable: "SERVER_BYPASS_TOKEN", values: redacted(options.tokens ?? [TOKEN]), isPresented: true },
        { variable: "WEBHOOK_SECRET", values: redacted(options.secrets ?? [SECRET]), isPresented: true },
        { variable: "MESSAGE_HANDLER_SECRET", values: [], isPresented: false }
      ]).pipe(Layer.provide(layerMemory))
    ),
    Layer.provide(
      Layer.succeed(Operations, {
        ...quiet,
        // As the real one: what is recent is what is now.
        ...(options.operations?.health === undefined ? {} : { recentHealth: options.operations.health }),
        ...options.operations
      })
    ),
    Layer.provide(Layer.succeed(MessageAdministration, { ...quietMessages, ...options.messages })),
    Layer.provide(Layer.succeed(Reports, { ...quietReports, ...options.reports })),
    Layer.provide(Layer.succeed(Backups, { ...quietBackups, ...options.backups })),
    Layer.provide(Layer.succeed(Incidents, { ...quietIncidents, ...options.incidents })),
    Layer.provide(Layer.succeed(Administration, { ...quietAdministration, ...options.administration })),
    Layer.provide(Logger.replace(Logger.defaultLogger, logger))
  )
  const scope = Effect.runSync(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const { port, url } = Context.get(context, HttpServer)
  return {
    url,
    port,
    logs,
    audit: async () =>
      (await Effect.runPromise(state.audit.read({ limit: 1_000, before: null, action: null }))).toReversed(),
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** Sends bytes as they are, and answers with everything that came back until the connection closed or was quiet. */
export const raw = (port: number, bytes: string | Uint8Array, quietMs = 300): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    let received = ""
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on("data", (chunk) => (received += chunk.toString("latin1")))
    socket.on("error", reject)
    socket.on("close", () => resolve(received))
    socket.write(bytes)
  })

export const admin = { authorization: `Bearer ${TOKEN}` }

export const event = (fields: Record<string, unknown> = {}): string =>
  JSON.stringify({
    event: "workspace.created",
    instanceId: "ws-1",
    userId: "user-1",
    timestamp: "2025-02-10T20:15:00.000Z",
    ...fields
  })

export const webhook = (
  url: string,
  body: string | Uint8Array,
  headers: Record<string, string> = { "x-webhook-secret": SECRET }
): Promise<Response> =>
  fetch(`${url}/webhooks/workspaces`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body
  })

export const bodyOf = async (response: Response): Promise<Record<string, unknown>> =>
  (await response.json()) as Record<string, unknown>

/** Polls until the condition holds, for five seconds at most. */
export const eventually = async (condition: () => boolean): Promise<void> => {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error("the condition did not come to hold within five seconds")
}

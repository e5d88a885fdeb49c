import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import fc from "fast-check"
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import {
  confidentialOf,
  configExitCode,
  loadConfig,
  secretsOf,
  variableDocs,
  variables
} from "../../src/config.ts"
import * as Scrubber from "../../src/telemetry/Scrubber.ts"

const load = (env: Record<string, string | undefined>) => Effect.runPromise(Effect.either(loadConfig(env)))

const loaded = async (env: Record<string, string | undefined>) => Either.getOrThrow(await load(env))

const problems = async (env: Record<string, string | undefined>) => {
  const result = await load(env)
  if (Either.isRight(result)) throw new Error("the configuration was accepted")
  return result.left
}

describe("the configuration", () => {
  it("has the contract's defaults in an empty environment", async () => {
    const { effective, ...config } = await loaded({})
    expect(effective.map(({ name }) => name)).toEqual(variableDocs.map(({ name }) => name))
    expect(config).toEqual({
      warnings: [],
      environment: "development",
      isProduction: false,
      host: "127.0.0.1",
      port: 3003,
      authWorkerUrl: Option.none(),
      serverTokens: [],
      webhookSecrets: [],
      webhookRequireSignature: false,
      webhookWaitMs: 2_000,
      webhookRateLimit: { count: 5_000, windowMs: 5_000 },
      webhookSourceRateLimit: { count: 2_500, windowMs: 5_000 },
      adminRateLimit: { count: 1_200, windowMs: 60_000 },
      readRateLimit: { count: 30_000, windowMs: 60_000 },
      authFailureRateLimit: { count: 30, windowMs: 60_000 },
      trustedProxies: [],
      allowedHosts: [],
      webhookIpAllow: [],
      adminIpAllow: [],
      ipDeny: [],
      reconcileEnabled: true,
      reconcileIntervalMs: 300_000,
      manualReconcileMinIntervalMs: 60_000,
      removalConfirmations: 2,
      removalGraceMs: 0,
      removalGuardWindowMs: 600_000,
      removalGuardAbsenceMin: 3,
      removalGuardAbsencePercent: 20,
      removalGuardDeleteMin: 10,
      removalGuardDeletePercent: 50,
      storeDataRetentionMs: 86_400_000,
      stateBackupKeep: 10,
      shutdownGraceMs: 30_000,
      incidentDashboardUrl: Option.none(),
      storeIds: [],
      storeDriver: "livestore",
      memoryDriverOpenMs: 0,
      syncUrl: "ws://localhost:8787",
      dataPath: "./data",
      storeConnectionTimeoutMs: 30_000,
      provisionConcurrency: 32,
      workspaceModule: Option.none(),
      messageHandlerUrl: Option.none(),
      messageHandlerSecrets: [],
      messageHandlerTimeoutMs: 60_000,
      messageMaxAttempts: 5,
      messageRetryBaseMs: 1_000,
      messageRetryMaxMs: 300_000,
      messageConcurrency: 32,
      messageStoreConcurrency: 4,
      messageStoreBacklog: 100,
      messageLedgerKeep: 1_000,
      notifyWebhookUrl: Option.none(),
      notifyWebhookSecrets: [],
      notifyMinIntervalMs: 60_000,
      discordPublicKey: Option.none(),
      chatOpsChannels: [],
      chatOpsAdmins: [],
      sentryDsn: Option.none(),
      logLevel: "info",
      colour: true,
      otlpEndpoint: Option.none()
    })
  })

  it("treats an empty or blank value as unset", async () => {
    const blank = Object.fromEntries(
      variableDocs.flatMap(({ name }, index) => [[name, index % 2 === 0 ? "" : "  "]])
    )
    expect(await loaded(blank)).toEqual(await loaded({}))
  })

  it("listens on all addresses in production, unless HOST says otherwise", async () => {
    expect((await loaded({ NODE_ENV: "production" })).host).toBe("0.0.0.0")
    expect((await loaded({ NODE_ENV: "production", HOST: "10.0.0.1" })).host).toBe("10.0.0.1")
    expect((await loaded({ NODE_ENV: "test" })).host).toBe("127.0.0.1")
  })

  it("prefers the internal URL of the Auth Worker", async () => {
    const internal = { AUTH_WORKER_INTERNAL_URL: "http://internal:1/", AUTH_WORKER_URL: "https://public" }
    expect((await loaded(internal)).authWorkerUrl).toEqual(Option.some("http://internal:1"))
    expect((await loaded({ AUTH_WORKER_URL: "https://public/base/" })).authWorkerUrl).toEqual(
      Option.some("https://public/base")
    )
  })

  it("takes two secrets at a time, in order, and not three", async () => {
    const config = await loaded({ WEBHOOK_SECRET: "new , old", SERVER_BYPASS_TOKEN: "b,a" })
    expect(config.webhookSecrets.map(Redacted.value)).toEqual(["new", "old"])
    expect(config.serverTokens.map(Redacted.value)).toEqual(["b", "a"])
    expect((await problems({ WEBHOOK_SECRET: "a,b,c" })).problems).toHaveLength(1)
  })

  it("wants a secret for the message handler that it is to call", async () => {
    const MESSAGE_HANDLER_URL = "http://handler"
    expect((await problems({ MESSAGE_HANDLER_URL })).message).toContain("MESSAGE_HANDLER_SECRET got nothing")
    expect((await loaded({ MESSAGE_HANDLER_URL, MESSAGE_HANDLER_SECRET: "s" })).messageHandlerUrl).toEqual(
      Option.some(MESSAGE_HANDLER_URL)
    )
  })

  it("wants a secret for the receiver of notifications, and names every one that is missing", async () => {
    const NOTIFY_WEBHOOK_URL = "https://hooks.example.com/in"
    const { problems: missing } = await problems({
      NOTIFY_WEBHOOK_URL,
      MESSAGE_HANDLER_URL: "http://handler"
    })
    expect(missing.map(({ variable }) => variable)).toEqual([
      "MESSAGE_HANDLER_SECRET",
      "NOTIFY_WEBHOOK_SECRET"
    ])
    expect((await loaded({ NOTIFY_WEBHOOK_URL, NOTIFY_WEBHOOK_SECRET: "s" })).notifyWebhookUrl).toEqual(
      Option.some(NOTIFY_WEBHOOK_URL)
    )
  })

  it("reads rates, and networks of both families", async () => {
    const config = await loaded({
      WEBHOOK_RATE_LIMIT: "600/1m",
      READ_RATE_LIMIT: "5/2h",
      IP_DENY: "203.0.113.7, 2001:DB8:0::/32, ::ffff:10.0.0.0/104"
    })
    expect(config.webhookRateLimit).toEqual({ count: 600, windowMs: 60_000 })
    expect(config.readRateLimit).toEqual({ count: 5, windowMs: 7_200_000 })
    expect(config.ipDeny).toEqual([
      { address: "203.0.113.7", prefix: 32, family: "ipv4" },
      { address: "2001:db8::", prefix: 32, family: "ipv6" },
      { address: "10.0.0.0", prefix: 8, family: "ipv4" }
    ])
  })

  it("reads ids once each", async () => {
    expect((await loaded({ STORE_IDS: "abc, def ,abc," })).storeIds).toEqual(["abc", "def"])
  })

  it("names every bad variable at once, with what it got and what it takes", async () => {
    // Every variable that refuses anything is given something that it refuses.
    const bad: Record<string, string> = {
      PORT: "65536",
      AUTH_WORKER_INTERNAL_URL: "auth-worker",
      AUTH_WORKER_URL: "ftp://host",
      SERVER_BYPASS_TOKEN: "spaces are not allowed",
      WEBHOOK_SECRET: "whsec_*not-base64*",
      WEBHOOK_REQUIRE_SIGNATURE: "perhaps",
      WEBHOOK_WAIT_MS: "-1",
      WEBHOOK_RATE_LIMIT: "600",
      WEBHOOK_SOURCE_RATE_LIMIT: "600/1d",
      ADMIN_RATE_LIMIT: "0/1m",
      READ_RATE_LIMIT: "many/1m",
      AUTH_FAILURE_RATE_LIMIT: "10/0s",
      TRUSTED_PROXIES: "10.0.0.0/33",
      ALLOWED_HOSTS: "https://host/path",
      WEBHOOK_IP_ALLOW: "2001:db8::/129",
      ADMIN_IP_ALLOW: "10.0.0.1,localhost",
      IP_DENY: "300.0.0.1",
      WORKSPACE_RECONCILE_ENABLED: "disabled",
      WORKSPACE_RECONCILE_INTERVAL_MS: "99",
      MANUAL_RECONCILE_MIN_INTERVAL_MS: "1e3",
      REMOVAL_CONFIRMATIONS: "0",
      WORKSPACE_REMOVAL_GRACE_MS: "1.5",
      REMOVAL_GUARD_WINDOW_MS: "999",
      REMOVAL_GUARD_ABSENCE_MIN: "-1",
      REMOVAL_GUARD_ABSENCE_PERCENT: "101",
      REMOVAL_GUARD_DELETE_MIN: "many",
      REMOVAL_GUARD_DELETE_PERCENT: "50%",
      STORE_DATA_RETENTION_MS: "0x10",
      STATE_BACKUP_KEEP: "all",
      SHUTDOWN_GRACE_MS: "soon",
      ORCHESTRATION_INCIDENT_DASHBOARD_URL: "dashboard",
      STORE_IDS: "good-id,../bad",
      STORE_DRIVER: "sqlite",
      MEMORY_DRIVER_OPEN_MS: "NaN",
      LIVESTORE_SYNC_URL: "file:///sync",
      STORE_CONNECTION_TIMEOUT: "0",
      PROVISION_CONCURRENCY: "1025",
      MESSAGE_HANDLER_URL: "ws://handler",
      MESSAGE_HANDLER_SECRET: "whsec_*not-base64*",
      MESSAGE_HANDLER_TIMEOUT_MS: "99",
      MESSAGE_MAX_ATTEMPTS: "0",
      MESSAGE_RETRY_BASE_MS: "9",
      MESSAGE_RETRY_MAX_MS: "9",
      MESSAGE_CONCURRENCY: "0",
      MESSAGE_STORE_CONCURRENCY: "101",
      MESSAGE_STORE_BACKLOG: "0",
      MESSAGE_LEDGER_KEEP: "99",
      NOTIFY_WEBHOOK_URL: "hooks.example.com",
      NOTIFY_WEBHOOK_SECRET: "whsec_*not-base64*",
      NOTIFY_MIN_INTERVAL_MS: "99",
      CHATOPS_DISCORD_PUBLIC_KEY: "not-64-hex-digits",
      CHATOPS_CHANNELS: "#general",
      CHATOPS_ADMINS: "1234567890123456,ada",
      SENTRY_DSN: "https://not-a-key@sentry.example/1",
      LOG_LEVEL: "loud",
      OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318"
    }
    const failure = await problems(bad)
    expect(failure.problems.map(({ variable }) => variable).sort()).toEqual(Object.keys(bad).sort())
    expect(failure.message).toContain(`PORT got "65536"; it takes a whole number from 0 to 65535`)
    expect(failure.message).toContain(`LOG_LEVEL got "loud"; it takes one of trace, debug, info`)
    const tolerant = variableDocs.filter(({ takes }) => takes === "any text").map(({ name }) => name)
    expect([...Object.keys(bad), ...tolerant].sort()).toEqual(variableDocs.map(({ name }) => name).sort())
  })

  it("prints a secret neither in an error nor in the configuration", async () => {
    const secret = "s3cr3tNeverShown"
    const failure = await problems({
      WEBHOOK_SECRET: `${secret},${secret}2,${secret}3`,
      SERVER_BYPASS_TOKEN: `${secret} with spaces`,
      SENTRY_DSN: secret,
      AUTH_WORKER_URL: `ftp://user:p@ss-${secret}@host`,
      NOTIFY_WEBHOOK_URL: `ftp://host/?token=${secret}`
    })
    expect(failure.problems).toHaveLength(5)
    expect(`${failure.message}${JSON.stringify(failure)}${inspect(failure, { depth: 9 })}`).not.toContain(
      secret
    )
    const config = await loaded({
      WEBHOOK_SECRET: secret,
      SERVER_BYPASS_TOKEN: secret,
      SENTRY_DSN: `https://${secret}@sentry.example/1`
    })
    expect(`${JSON.stringify(config)}${inspect(config, { depth: 9 })}`).not.toContain(secret)
  })

  it.each([
    "AUTH_WORKER_URL",
    "AUTH_WORKER_INTERNAL_URL",
    "MESSAGE_HANDLER_URL",
    "NOTIFY_WEBHOOK_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT"
  ])("refuses a %s with a password in it, to which no call could be made", async (name) => {
    const failure = await problems({ [name]: "https://user:password@host/" })
    expect(failure.message).toContain(`${name} got "https://***@host/"; it takes a URL`)
  })

  /** Paths or a query are appended to these: what stands behind ? or # would swallow them. */
  const bases = [
    "AUTH_WORKER_URL",
    "AUTH_WORKER_INTERNAL_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "LIVESTORE_SYNC_URL"
  ]
  const called = [...bases, "MESSAGE_HANDLER_URL", "NOTIFY_WEBHOOK_URL"]
  const everyUrl = [...called, "ORCHESTRATION_INCIDENT_DASHBOARD_URL", "SENTRY_DSN"]
  const refusedBy = (names: ReadonlyArray<string>, values: ReadonlyArray<string>) =>
    names.flatMap((name) => values.map((value) => [name, value] as const))
  it.each([
    ...refusedBy(bases, ["https://host?", "https://host/?a=1", "https://host/a?b#c"]),
    ...refusedBy(called, ["https://host#", "https://host/#part", "https://user@host/", "https://@host"]),
    ...refusedBy(everyUrl, [
      "https://ho st/",
      "https://host/a b",
      "https://ho\nst/",
      "https:host",
      "https:///host",
      "https:\\\\host",
      "ftp://host/",
      "host"
    ])
  ])(
    "refuses %s=%j, which would be asked at another address than the one that is written",
    async (name, value) => {
      const failure = await problems({ [name]: value })
      expect(failure.problems.map(({ variable }) => variable)).toContain(name)
    }
  )

  describe("in production", () => {
    const strong = "Zk3-Qw8_rT5yUi0pLm7nBv2c"

    it.each(["SERVER_BYPASS_TOKEN", "WEBHOOK_SECRET", "MESSAGE_HANDLER_SECRET"])(
      "refuses a %s that could be guessed, by its name and without showing it",
      async (name) => {
        const weak = [
          strong.slice(1),
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "abcabcabcabcabcabcabcabcabcabcabcabc",
          `${strong},short`,
          `whsec_${Buffer.from(strong.slice(1)).toString("base64")}`
        ]
        for (const value of weak.filter(
          (text) => name !== "SERVER_BYPASS_TOKEN" || !text.startsWith("whsec_")
        )) {
          const failure = await problems({ NODE_ENV: "production", [name]: value })
          expect(failure.problems.map(({ variable }) => variable)).toEqual([name])
          expect(failure.message).toContain("at least 24 bytes with 8 different characters")
          expect(failure.message).not.toContain(value)
          await loaded({ [name]: value })
        }
        await loaded({ NODE_ENV: "production", [name]: `${strong},${strong}2` })
      }
    )

    it("takes a signing key of 24 bytes, and names weak secrets with everything else that is wrong", async () => {
      const key = `whsec_${Buffer.from(strong).toString("base64")}`
      await loaded({ NODE_ENV: "production", WEBHOOK_SECRET: key })
      const failure = await problems({
        NODE_ENV: "production",
        SERVER_BYPASS_TOKEN: "weak",
        WEBHOOK_SECRET: "weak",
        PORT: "none"
      })
      expect(failure.problems.map(({ variable }) => variable)).toEqual([
        "PORT",
        "SERVER_BYPASS_TOKEN",
        "WEBHOOK_SECRET"
      ])
    })
  })

  it("lists its secrets by the variables that they came from", async () => {
    const config = await loaded({ WEBHOOK_SECRET: "new,old", SENTRY_DSN: "https://key@sentry.example/1" })
    const listed = secretsOf(config).map(({ values, variable }) => [variable, values.map(Redacted.value)])
    expect(listed).toEqual([
      ["SERVER_BYPASS_TOKEN", []],
      ["WEBHOOK_SECRET", ["new", "old"]],
      ["MESSAGE_HANDLER_SECRET", []],
      ["NOTIFY_WEBHOOK_SECRET", []],
      ["SENTRY_DSN", ["https://key@sentry.example/1"]]
    ])
  })

  it("hides every secret that the table knows from every text, and what of a URL opens something", async () => {
    /** A value of each secret variable's kind, with a text that is nowhere else. */
    const examples: Readonly<Record<string, string>> = {
      SENTRY_DSN: "https://c0ffee5e12e7c0ffee5e12e7@sentry.example.com/1"
    }
    const secretNames = Object.values(variables).flatMap(({ name, secret }) => (secret ? [name] : []))
    const values = secretNames.map(
      (name) =>
        [name, examples[name] ?? `first-secret-of-${name}-4711,second-secret-of-${name}-4711`] as const
    )
    const config = await loaded({
      ...Object.fromEntries(values),
      NOTIFY_WEBHOOK_URL: "https://hooks.example.com/services/T024BE7LD/x1y2z3x1y2z3x1y2z3",
      MESSAGE_HANDLER_URL: "https://handler.example.com/h?key=handler-key-17"
    })
    const scrubber = Scrubber.make(confidentialOf(config))
    const planted = [
      ...values.flatMap(([, value]) => value.split(",")),
      "c0ffee5e12e7c0ffee5e12e7",
      "https://hooks.example.com/services/T024BE7LD/x1y2z3x1y2z3x1y2z3",
      "x1y2z3x1y2z3x1y2z3",
      "handler-key-17"
    ]
    for (const secret of planted) {
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")]) {
        expect(scrubber.known(`it said ${form}.`)).toMatch(/^it said (\[redacted\])+[\w+/]{0,3}=*\.$/)
      }
    }
    expect(scrubber.known("GET /webhooks/workspaces at handler.example.com")).toBe(
      "GET /webhooks/workspaces at handler.example.com"
    )
  })

  it("reads a secret from the file that its _FILE variable names, but not from both", async () => {
    const folder = await mkdtemp(join(tmpdir(), "config-"))
    try {
      const file = join(folder, "token")
      await writeFile(file, "from-file\n")
      const config = await loaded({ SERVER_BYPASS_TOKEN_FILE: file, WEBHOOK_SECRET_FILE: file })
      expect(config.serverTokens.map(Redacted.value)).toEqual(["from-file"])
      expect(config.webhookSecrets.map(Redacted.value)).toEqual(["from-file"])
      const both = await problems({ SERVER_BYPASS_TOKEN_FILE: file, SERVER_BYPASS_TOKEN: "own" })
      expect(both.message).toContain("SERVER_BYPASS_TOKEN_FILE")
      expect(both.message).toContain("one of the two")
      const missing = await problems({ SENTRY_DSN_FILE: join(folder, "missing") })
      expect(missing.message).toContain("SENTRY_DSN_FILE")
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  describe("the file of a secret", () => {
    const inFolder = async (body: (folder: string) => Promise<void>) => {
      const folder = await mkdtemp(join(tmpdir(), "config-"))
      try {
        await body(folder)
      } finally {
        await rm(folder, { recursive: true })
      }
    }

    it.each([
      ["", "which is empty"],
      [" \n\t\n", "which has only spaces"],
      ["x".repeat(70_000), "which is larger than 65536 bytes"]
    ])("stops the start for what cannot be a secret: %j", (content, says) =>
      inFolder(async (folder) => {
        const file = join(folder, "secret")
        await writeFile(file, content)
        for (const { name } of variableDocs.filter(({ secret }) => secret)) {
          const { message, problems: found } = await problems({ [`${name}_FILE`]: file })
          expect(found.map(({ variable }) => variable)).toEqual([`${name}_FILE`])
          expect(message).toContain(`${name}_FILE got ${JSON.stringify(file)}, ${says}; it takes the path`)
        }
      })
    )

    it("stops the start for a path where there is none, and names each with everything else that is wrong", () =>
      inFolder(async (folder) => {
        const { message } = await problems({
          SERVER_BYPASS_TOKEN_FILE: folder,
          WEBHOOK_SECRET_FILE: join(folder, "missing"),
          NOTIFY_WEBHOOK_SECRET_FILE: "/dev/zero",
          PORT: "many"
        })
        expect(message).toContain("SERVER_BYPASS_TOKEN_FILE got")
        expect(message).toContain("which is a directory")
        expect(message).toContain("where there is no file")
        expect(message).toContain("which is larger than")
        expect(message).toContain("PORT got")
      }))

    it("is warned of when every user of the machine can read it, without its content", () =>
      inFolder(async (folder) => {
        const file = join(folder, "secret")
        await writeFile(file, "never-shown-here", { mode: 0o644 })
        await chmod(file, 0o644)
        const { warnings } = await loaded({ WEBHOOK_SECRET_FILE: file })
        expect(warnings).toEqual([
          { variable: "WEBHOOK_SECRET_FILE", problem: expect.stringContaining(file) as string }
        ])
        expect(JSON.stringify(warnings)).not.toContain("never-shown-here")
        await chmod(file, 0o600)
        expect((await loaded({ WEBHOOK_SECRET_FILE: file })).warnings).toEqual([])
      }))
  })

  describe("what is probably not meant", () => {
    const warned = async (env: Record<string, string>) =>
      (await loaded(env)).warnings.map(({ problem, variable }) => `${variable}: ${problem}`).join("\n")

    it.each([
      ["WEBHOOK_SECRT", "WEBHOOK_SECRET"],
      ["WEBHOOK_SECRETS", "WEBHOOK_SECRET"],
      ["REMOVAL_CONFIRMATION", "REMOVAL_CONFIRMATIONS"],
      ["SENTRY_DNS", "SENTRY_DSN"],
      ["LOGLEVEL", "LOG_LEVEL"],
      ["server_bypass_token", "SERVER_BYPASS_TOKEN"],
      ["MESSAGE_HANDLER_TIMEOUT", "MESSAGE_HANDLER_TIMEOUT_MS"],
      ["STORE_CONNECTION_TIMEOUT_MS", "STORE_CONNECTION_TIMEOUT"]
    ])("is a variable that looks like one of ours: %s", async (name, meant) => {
      expect(await warned({ [name]: "x" })).toBe(
        `${name}: It is not a variable of this program, and has no effect: did you mean ${meant}?`
      )
    })

    it("is not a variable of another program", async () => {
      const others = ["PATH", "HOME", "HOSTNAME", "NODE_OPTIONS", "NO_PROXY", "TZ", "PORTS", "XDG_DATA_HOME"]
      const more = ["OTEL_SERVICE_NAME", "OTEL_EXPORTER_OTLP_HEADERS", "SENTRY_RELEASE", "WSO_URL", "LOGNAME"]
      expect(await warned(Object.fromEntries([...others, ...more].map((name) => [name, "x"])))).toBe("")
    })

    it.each([
      [{ AUTH_WORKER_URL: "http://auth" }, "SERVER_BYPASS_TOKEN: It is not set"],
      [
        { NOTIFY_WEBHOOK_SECRET: "secret" },
        "NOTIFY_WEBHOOK_SECRET: It has no effect without NOTIFY_WEBHOOK_URL"
      ],
      [
        { MESSAGE_HANDLER_SECRET: "secret" },
        "MESSAGE_HANDLER_SECRET: It has no effect without MESSAGE_HANDLER_URL"
      ],
      [
        { WEBHOOK_REQUIRE_SIGNATURE: "true" },
        "WEBHOOK_REQUIRE_SIGNATURE: It has no effect without WEBHOOK_SECRET"
      ],
      [{ CHATOPS_ADMINS: "123456789012345678" }, "CHATOPS_DISCORD_PUBLIC_KEY: It is not set"],
      [{ CHATOPS_DISCORD_PUBLIC_KEY: "0".repeat(64) }, "CHATOPS_CHANNELS: It is empty"]
    ])("is half of a pair: %j", async (env, says) => {
      expect(await warned(env)).toContain(says)
    })
  })

  it("documents every variable, with a default that it takes itself", () => {
    for (const { doc, parse, default: text, takes } of Object.values(variables)) {
      expect(doc).toMatch(/\.$/)
      expect(takes).not.toBe("")
      if (text !== null) expect(parse(text)._tag).toBe("Some")
    }
    expect(configExitCode).toBe(78)
  })

  it("answers any environment with values within their bounds or with errors, and never throws", async () => {
    const names = variableDocs.map(({ name }) => name)
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom("0", "1", "100", "99999999999999999999", "true", "http://a")
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), value), async (env) => {
        const result = await load(env)
        if (Either.isLeft(result)) {
          expect(result.left.message).toContain(result.left.problems[0].variable)
          return
        }
        const { port, provisionConcurrency, reconcileIntervalMs } = result.right
        expect(port).toBeGreaterThanOrEqual(0)
        expect(port).toBeLessThanOrEqual(65_535)
        expect(provisionConcurrency).toBeGreaterThanOrEqual(1)
        expect(reconcileIntervalMs).toBeGreaterThanOrEqual(100)
      })
    )
  })
})

describe("the configuration as it is shown", () => {
  it("says where each value came from, and shows no secret", async () => {
    const { effective } = await loaded({
      PORT: "4000",
      SERVER_BYPASS_TOKEN: "first-token-of-two,second-token",
      LIVESTORE_SYNC_URL: "wss://sync.example.com",
      MESSAGE_HANDLER_URL: "https://handler.example.com/h?key=hidden",
      MESSAGE_HANDLER_SECRET: "whsec_aGlkZGVuLXNlY3JldC1vZi10aGUtdGVzdA=="
    })
    const text = JSON.stringify(effective)
    for (const secret of ["first-token", "second-token", "hidden", "aGlkZGVu"]) {
      expect(text).not.toContain(secret)
    }
    const of = (name: string) => effective.find((variable) => variable.name === name)
    expect(of("PORT")).toEqual({ name: "PORT", value: "4000", source: "environment", secret: false })
    expect(of("SHUTDOWN_GRACE_MS")).toMatchObject({ value: "30000", source: "default" })
    expect(of("WEBHOOK_SECRET")).toEqual({
      name: "WEBHOOK_SECRET",
      value: null,
      source: "unset",
      secret: true
    })
    expect(of("SERVER_BYPASS_TOKEN")?.value).toMatch(/^sha256:[0-9a-f]{8},sha256:[0-9a-f]{8}$/)
    expect(of("LIVESTORE_SYNC_URL")?.value).toBe("wss://sync.example.com")
    expect(of("MESSAGE_HANDLER_URL")?.value).toBe("https://handler.example.com/***")
  })
})

/** Every sender of ours against a receiver that points to another host (contract, section 3: no redirect is followed). */
import { describe, expect, it } from "@effect/vitest"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Conformance from "../../../spec/auth-worker-conformance/AuthWorker.ts"
import { sendWebhook } from "../../../src/auth-worker/WebhookSender.ts"
import * as FollowUp from "../../../src/chatops/FollowUp.ts"
import * as WsoClient from "../../../src/cli/WsoClient.ts"
import * as CircuitBreaker from "../../../src/controller/CircuitBreaker.ts"
import { Probe } from "../../../src/http/api/HealthViews.ts"
import * as NotificationWebhook from "../../../src/incidents/NotificationWebhook.ts"
import { probe } from "../../../src/stores/livestore/SyncProbe.ts"
import * as HttpMessageHandler from "../../../src/stores/messages/HttpMessageHandler.ts"
import { isMemberNow } from "../../../src/sync-worker/Membership.ts"
import * as OtlpTracing from "../../../src/telemetry/OtlpTracing.ts"
import * as AuthWorkerDirectory from "../../../src/workspaces/AuthWorkerDirectory.ts"
import { WorkspaceDirectory } from "../../../src/workspaces/WorkspaceDirectory.ts"
import { json, makeAuthServer, raw } from "../../support/AuthServer.ts"

const TOKEN = "bypass-token-that-goes-to-no-other-host"
/** Stands in the query and the user of the target: no message may show it. */
const SECRET = "hunter2"

/** What a sender says of the answer: the text in which the target must be named. */
type Sender = (url: string) => Effect.Effect<string>

/** The failure as text, or a word that it was none. */
const failureOf = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<string> =>
  Effect.map(Effect.exit(effect), (exit) =>
    Exit.isSuccess(exit) ? `succeeded with ${JSON.stringify(exit.value)}` : Cause.pretty(exit.cause)
  )

const directory = (url: string) =>
  Effect.map(
    Layer.build(
      AuthWorkerDirectory.layer({ baseUrl: url, token: Redacted.make(TOKEN) }).pipe(
        // As it comes: the directory itself must not follow.
        Layer.provide(FetchHttpClient.layer)
      )
    ),
    (context) => Context.get(context, WorkspaceDirectory)
  ).pipe(Effect.scoped)

const first = { revision: null, features: new Set<never>() }

/** What is logged meanwhile, as one text. */
const logged = (effect: Effect.Effect<unknown>): Effect.Effect<string> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ annotations, message }) => {
      lines.push(JSON.stringify([message, [...annotations]]))
    })
    return Effect.as(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)), lines).pipe(
      Effect.map((all) => all.join("\n"))
    )
  })

const senders: Readonly<Record<string, Sender>> = {
  "the list": (url) => Effect.flatMap(directory(url), (asked) => failureOf(asked.list(first))),
  "the changes feed": (url) => Effect.flatMap(directory(url), (asked) => failureOf(asked.changes("1"))),
  "the look-up by id": (url) => Effect.flatMap(directory(url), (asked) => failureOf(asked.exists("ws-a"))),
  "the probe of the sync backend": (url) =>
    Effect.map(probe({ syncUrl: url, storeId: "ws-a", bypassToken: Redacted.make(TOKEN) }), (result) =>
      JSON.stringify(result)
    ),
  "the message handler": (url) =>
    Effect.flatMap(CircuitBreaker.make({ name: "handler" }), (breaker) =>
      failureOf(
        HttpMessageHandler.make({ url, secrets: [Redacted.make(TOKEN)], breaker })({
          storeId: "ws-a",
          message: { id: "m1", conversationId: "talk", content: "hi", sentAt: 0, args: {} },
          idempotencyKey: "key",
          attempt: 1
        })
      )
    ),
  notifications: (url) =>
    failureOf(NotificationWebhook.post({ url, secrets: [Redacted.make(TOKEN)] }, "id", "{}")),
  "the chat's follow-up": (url) =>
    logged(FollowUp.send(url, { application_id: "1".repeat(18), token: SECRET }, "text")),
  "the Auth Worker's webhooks": (url) =>
    Effect.map(
      sendWebhook(
        {
          id: 1,
          webhook_id: "w1",
          event: "workspace.created",
          instance_id: "ws-a",
          body: "{}",
          traceparent: "",
          attempts: 0
        },
        { url, secrets: [TOKEN], timeoutMs: 5_000 }
      ),
      (outcome) => JSON.stringify(outcome)
    ),
  "the Sync Worker's membership look-up": (url) =>
    failureOf(isMemberNow({ AUTH_WORKER_URL: url, SERVER_BYPASS_TOKEN: TOKEN } as never, "user", "ws-a")),
  "the command line": (url) =>
    failureOf(
      WsoClient.make({ url, token: Option.some(Redacted.make(TOKEN)), actor: "test" }).ask(Probe, {
        method: "GET",
        path: "/health/live"
      })
    ),
  "the conformance suite": (url) =>
    failureOf(Conformance.make({ url, token: TOKEN }).get("/internal/workspaces")),
  "the collector of spans": (url) =>
    logged(
      Effect.void.pipe(
        Effect.withSpan("work"),
        Effect.provide(
          OtlpTracing.layer({
            endpoint: url,
            serviceName: "test",
            serviceVersion: "0",
            environment: "test"
          })
        )
      )
    )
}

describe("a receiver that points to another host", () => {
  for (const [name, send] of Object.entries(senders)) {
    for (const status of [301, 302, 307, 308]) {
      it.scopedLive(`is not followed by ${name} (${status}), and the target is named`, () =>
        Effect.gen(function* () {
          const elsewhere = yield* makeAuthServer(
            json({ workspaces: [{ instanceId: "of-another" }], instances: [], status: "ok" })
          )
          const target = elsewhere.url.replace("//", `//user:${SECRET}@`)
          const receiver = yield* makeAuthServer(
            raw("", status, { location: `${target}/new/place?token=${SECRET}#${SECRET}` })
          )
          const said = yield* send(receiver.url)
          expect(elsewhere.asked).toEqual([])
          expect(said).toContain(`(${status}) to ${elsewhere.url}/new/place`)
          expect(said).not.toContain(SECRET)
          expect(said).not.toContain(TOKEN)
        })
      )
    }
  }

  it.scopedLive("is asked once for a list, however it points to itself", () =>
    Effect.gen(function* () {
      const receiver = yield* makeAuthServer()
      receiver.answers((asked, response) => {
        response.writeHead(302, { location: `${asked.path}?again` }).end()
      })
      expect(yield* Effect.flatMap(directory(receiver.url), ({ list }) => failureOf(list(first)))).toContain(
        "DirectoryMoved"
      )
      expect(receiver.asked).toHaveLength(1)
    })
  )
})

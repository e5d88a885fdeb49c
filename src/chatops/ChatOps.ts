/**
 * Commands from a chat, by people whom the chat vouches for: reads in the allowed channels, changes by administrators
 * there. Each is answered within Discord's three seconds; what takes longer follows.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Incidents } from "../incidents/Incidents.ts"
import { Administration } from "../orchestration/Administration.ts"
import { type Actor, Operations } from "../orchestration/Operations.ts"
import { StateStore } from "../orchestration/StateStore.ts"
import * as Answers from "./Answers.ts"
import * as ChatOpsMetrics from "./ChatOpsMetrics.ts"
import { type Parsed, parse, specs, type Verb } from "./Commands.ts"
import type { Command } from "./Discord.ts"
import * as FollowUp from "./FollowUp.ts"
import { code, lines } from "./Text.ts"

export interface Options {
  /** `CHATOPS_CHANNELS`: where commands are taken. */
  readonly channels: ReadonlyArray<string>
  /** `CHATOPS_ADMINS`: who may change something. */
  readonly admins: ReadonlyArray<string>
  /** Where answers follow to; Discord's API unless a test says otherwise. */
  readonly apiUrl?: string
}

export class ChatOps extends Context.Tag("workspace-orchestrator/chatops/ChatOps")<
  ChatOps,
  {
    /** The text that answers a command, at most 2,000 characters. Each command is in the audit trail. */
    readonly answer: (command: Command, address: string) => Effect.Effect<string>
  }
>() {}

/** Discord gives up after 3 s, the way there and back included. */
const ANSWER_WITHIN_MS = 1_500
/** A token of Discord's takes an answer for 15 minutes. */
const FOLLOW_UP_WITHIN_MS = 600_000
/** As `wso stuck` has it. */
const STUCK_AFTER_MS = 60_000

interface Done {
  readonly outcome: "succeeded" | "refused" | "failed"
  readonly text: ReadonlyArray<string>
}

const succeeded = (text: ReadonlyArray<string>): Done => ({ outcome: "succeeded", text })
const refused = (...text: ReadonlyArray<string>): Done => ({ outcome: "refused", text })
const failed = (...text: ReadonlyArray<string>): Done => ({ outcome: "failed", text })

const make = ({ admins, apiUrl = FollowUp.DISCORD_API, channels }: Options) =>
  Effect.gen(function* () {
    const administration = yield* Administration
    const operations = yield* Operations
    const incidents = yield* Incidents
    const state = yield* StateStore
    const scope = yield* Effect.scope

    const health = Effect.flatMap(operations.health, Answers.decodeHealth)

    const reconcile = (actor: Actor): Effect.Effect<Done> =>
      operations.reconcile(actor).pipe(
        Effect.map((run) => succeeded(Answers.ran(run))),
        Effect.catchTags({
          ReconcilerDisabled: ({ reason }) =>
            Effect.succeed(refused(`The reconciler is disabled: ${code(reason)}.`)),
          RunInFlight: () =>
            Effect.succeed(refused("A run is in flight already: `/ws last` says how it ended.")),
          RunTooSoon: ({ retryAfterMs }) =>
            Effect.succeed(
              refused(`The last run by hand is too recent: again in ${Math.ceil(retryAfterMs / 1_000)} s.`)
            ),
          RunFailed: ({ code: name, message }) =>
            Effect.succeed(
              failed(`The source could not be read; nothing was changed. ${code(`${name}: ${message}`)}`)
            )
        })
      )

    const run = ({ argument, verb }: Parsed, actor: Actor) =>
      Effect.gen(function* () {
        switch (verb) {
          case "status":
            return succeeded(
              Answers.status(
                yield* health,
                yield* administration.plan,
                yield* administration.breakers,
                yield* incidents.list,
                yield* Clock.currentTimeMillis
              )
            )
          case "diagnose":
            return succeeded(
              Answers.diagnose(
                yield* administration.plan,
                yield* administration.stuck(STUCK_AFTER_MS),
                yield* administration.breakers,
                yield* incidents.list
              )
            )
          case "stuck":
            return succeeded(Answers.stuck(yield* administration.stuck(STUCK_AFTER_MS)))
          case "explain":
            return yield* administration.explain(argument).pipe(
              Effect.map((explanation) => succeeded(Answers.explain(explanation))),
              Effect.catchTag("UnknownWorkspace", () =>
                Effect.succeed(refused("This server does not know this workspace."))
              )
            )
          case "last":
            return succeeded(Answers.last(yield* health, yield* administration.recentErrors))
          case "reconcile":
            return yield* reconcile(actor)
          case "pause":
            yield* administration.pause({ storeId: null, reason: argument, expiresInMs: null }, actor)
            return succeeded(["The whole loop is paused until `/ws resume`. What runs keeps running."])
          case "resume":
            return (yield* administration.resume(null, actor))
              ? succeeded(["The whole loop is resumed, and everything is looked at again."])
              : refused("The loop was not paused.")
          case "approve":
            return yield* administration.approve(argument, actor).pipe(
              Effect.map(({ storeIds }) => succeeded(Answers.approved(storeIds))),
              Effect.catchTag("PlanMismatch", ({ currentHash }) =>
                Effect.succeed(
                  currentHash === null
                    ? refused("No plan is held any more: there is nothing to approve.")
                    : refused(`The held plan is another one now, ${code(currentHash)}: look at it again.`)
                )
              )
            )
        }
      })

    const audit = (actor: Actor, verb: Verb | null, detail: string, outcome: Done["outcome"]) =>
      Effect.flatMap(Clock.currentTimeMillis, (at) =>
        state.audit.append({
          at,
          actor: actor.name,
          address: actor.address,
          action: "chatops.command",
          subject: verb ?? "",
          detail,
          outcome
        })
      )

    /** Runs it to its end, however it ends, and notes that. */
    const carriedOut = (parsed: Parsed, actor: Actor): Effect.Effect<string> =>
      run(parsed, actor).pipe(
        Effect.timeoutTo({
          duration: FOLLOW_UP_WITHIN_MS,
          onSuccess: (done) => done,
          onTimeout: () => failed("It is not finished after ten minutes: `wso status` says more.")
        }),
        Effect.catchAllCause((cause) =>
          Effect.as(
            Effect.logError("chatops.command_failed", cause, { command: parsed.verb }),
            failed("The server failed to answer; its log has the reason.")
          )
        ),
        Effect.tap(({ outcome }) => {
          ChatOpsMetrics.commanded(parsed.verb, outcome)
          return audit(actor, parsed.verb, parsed.argument, outcome)
        }),
        Effect.map(({ text }) => lines(text))
      )

    /** Why the command is not taken from this person at this place; undefined if it is. */
    const denial = (
      verb: Verb,
      userId: string | undefined,
      channelId: string | undefined
    ): string | undefined => {
      if (channelId === undefined || !channels.includes(channelId)) {
        return `Commands are not taken in this channel: ${code(channelId ?? "it has no id")} is not in CHATOPS_CHANNELS.`
      }
      if (!specs[verb].writes) return undefined
      if (userId === undefined || !admins.includes(userId)) {
        return `This is for administrators: ${code(userId ?? "nobody")} is not in CHATOPS_ADMINS.`
      }
      // As on every other way to change something from outside.
      return administration.lockdown() === null
        ? undefined
        : "The server is locked down: nothing is changed from a chat until the lockdown is lifted."
    }

    const answer = (command: Command, address: string): Effect.Effect<string> =>
      Effect.gen(function* () {
        const userId = (command.member?.user ?? command.user)?.id
        const actor: Actor = { name: `discord:${userId ?? "unknown"}`, address }
        const parsed = parse(command.data)
        const verb = Either.isRight(parsed) ? parsed.right.verb : parsed.left.verb
        // Before what is wrong with its argument: who may not ask learns nothing more.
        const denied = denial(verb ?? "status", userId, command.channel_id)
        if (denied !== undefined) {
          ChatOpsMetrics.commanded(verb, "denied")
          yield* audit(actor, verb, `denied in channel ${command.channel_id ?? "-"}`, "refused")
          return denied
        }
        if (Either.isLeft(parsed)) {
          ChatOpsMetrics.commanded(verb, "refused")
          yield* audit(actor, verb, "not understood", "refused")
          return lines([parsed.left.why])
        }
        // What was begun is finished, whether or not its answer is in time.
        const fiber = yield* Effect.forkIn(carriedOut(parsed.right, actor), scope)
        const inTime = yield* Effect.timeoutOption(Fiber.join(fiber), ANSWER_WITHIN_MS)
        if (Option.isSome(inTime)) return inTime.value
        yield* Effect.forkIn(
          Effect.flatMap(Fiber.join(fiber), (text) => FollowUp.send(apiUrl, command, text)),
          scope
        )
        return `Started ${parsed.right.verb}; the answer follows.`
      })

    return ChatOps.of({ answer })
  })

export const layer = (
  options: Options
): Layer.Layer<ChatOps, never, Administration | Operations | Incidents | StateStore> =>
  Layer.scoped(ChatOps, make(options))

/**
 * Commands from a chat: Discord's interactions endpoint.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Answer, Interaction } from "../../chatops/Discord.ts"
import { ErrorBody } from "./Common.ts"

export const DISCORD_PATH = "/chatops/discord"

const discord = HttpApiEndpoint.post("discord", DISCORD_PATH)
  .setPayload(Interaction)
  .addSuccess(Answer)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 413 })
  .addError(ErrorBody, { status: 415 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "An interaction of Discord: a ping, or the command /ws",
      description:
        "Signed by Discord (Ed25519 over `X-Signature-Timestamp` and the body); 401 otherwise. 503 without CHATOPS_DISCORD_PUBLIC_KEY. Commands are answered with a message that only its reader sees."
    })
  )

export class ChatOpsApi extends HttpApiGroup.make("chatops").add(discord) {}

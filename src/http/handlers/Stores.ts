/**
 * Handlers of the views of stores.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Operations } from "../../orchestration/Operations.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { decodeQuery } from "../api/Query.ts"
import { StoresQuery } from "../api/StoresApi.ts"

export const layer = HttpApiBuilder.group(Api, "stores", (handlers) =>
  Effect.gen(function* () {
    const operations = yield* Operations
    const administrators = yield* Administrators

    const list = Effect.gen(function* () {
      yield* administrators.requireReader
      const { cursor, limit, status } = yield* decodeQuery(StoresQuery, { call: "reads" })
      return json(
        yield* operations.stores({
          limit: Option.fromNullable(limit),
          cursor: Option.fromNullable(cursor),
          status: Option.fromNullable(status)
        })
      )
    })

    return handlers.handleRaw("list", () => answer(list))
  })
)

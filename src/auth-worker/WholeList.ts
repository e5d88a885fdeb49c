import * as Effect from "effect/Effect"
import type { ApiError } from "./ApiError.ts"
import { Registry } from "./Registry.ts"
import type { Answer } from "./Router.ts"
import type { OperationOutput } from "./RegistryProtocol.ts"

/** Rows per call of the registry: about 2 MB, far below what one answer of an object may hold. */
const rowsPerCall = 5_000

type Page = OperationOutput<"listDirectory">

/**
 * The list without pages, for callers that know no other. It is put together from pages of one revision while it is sent,
 * so that a large set needs no large memory. Should a page fail midway the stream breaks: half a list must not look whole.
 */
export const wholeList = (
  tagOf: (metadata: Page["metadata"]) => string
): Effect.Effect<Answer, ApiError, Registry> =>
  Effect.gen(function* () {
    const registry = yield* Registry
    const first = yield* registry.call("listDirectory", { limit: rowsPerCall })
    const { nextCursor, ...metadata } = first.metadata
    const headers = { etag: tagOf(metadata) }
    if (nextCursor === undefined)
      return { status: 200, body: { workspaces: first.workspaces, metadata }, headers }

    const utf8 = new TextEncoder()
    const rowsOf = (page: Page) => page.workspaces.map((row) => JSON.stringify(row)).join(",")
    let cursor: string | undefined = nextCursor
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(utf8.encode(`{"workspaces":[${rowsOf(first)}`)),
      pull: async (controller) => {
        if (cursor === undefined) {
          controller.enqueue(utf8.encode(`],"metadata":${JSON.stringify(metadata)}}`))
          controller.close()
          return
        }
        const page: Page = await Effect.runPromise(
          registry.call("listDirectory", { limit: rowsPerCall, cursor })
        )
        if (page.metadata.revision !== metadata.revision)
          throw new Error("the list changed while it was sent")
        cursor = page.metadata.nextCursor
        controller.enqueue(utf8.encode(`,${rowsOf(page)}`))
      }
    })
    return new Response(body, { headers: { ...headers, "content-type": "application/json" } })
  })

/**
 * Handlers of the API's own description.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import { json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { docsPage } from "../DocsPage.ts"
import * as OpenApiDocument from "../OpenApiDocument.ts"

/** The page has a style of its own and no script. */
const DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

export const layer = HttpApiBuilder.group(Api, "description", (handlers) =>
  Effect.gen(function* () {
    // Built on the first request: the document takes tens of milliseconds that a start need not pay.
    const document = yield* Effect.cached(Effect.sync(OpenApiDocument.make))
    const page = yield* Effect.cached(Effect.map(document, docsPage))
    return handlers
      .handleRaw("openApi", () => Effect.map(document, (body) => json(body)))
      .handleRaw("docs", () =>
        Effect.map(page, (body) =>
          HttpServerResponse.text(body, {
            contentType: "text/html; charset=utf-8",
            headers: { "content-security-policy": DOCS_POLICY }
          })
        )
      )
  })
)

/** The directory of a server without an Auth Worker: it is never asked, and lists nothing of its own. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DirectoryUnavailable } from "./DirectoryError.ts"
import { WorkspaceDirectory } from "./WorkspaceDirectory.ts"

const notConfigured = new DirectoryUnavailable({
  reason: "network",
  status: null,
  retryAfterMs: null,
  message: "No Auth Worker is configured"
})

export const layer: Layer.Layer<WorkspaceDirectory> = Layer.succeed(
  WorkspaceDirectory,
  WorkspaceDirectory.of({
    list: () => Effect.fail(notConfigured),
    changes: () => Effect.fail(notConfigured),
    exists: () => Effect.fail(notConfigured),
    instancesOf: () => Effect.fail(notConfigured)
  })
)

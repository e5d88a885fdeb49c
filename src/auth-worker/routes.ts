import * as Effect from "effect/Effect"
import { accountRoutes } from "./accountRoutes.ts"
import { adminRoutes } from "./adminRoutes.ts"
import { devRoutes } from "./devRoutes.ts"
import { internalRoutes } from "./internalRoutes.ts"
import { memberRoutes } from "./memberRoutes.ts"
import { route } from "./Router.ts"
import { webhookRoutes } from "./webhookRoutes.ts"
import { workspaceRoutes } from "./workspaceRoutes.ts"

/** Every route of the Worker. Api.ts describes them; a test keeps the two in step. */
export const routes = [
  route("GET", "/health", () => Effect.succeed({ status: 200, body: { status: "healthy" } })),
  ...internalRoutes,
  ...webhookRoutes,
  ...accountRoutes,
  ...workspaceRoutes,
  ...memberRoutes,
  ...adminRoutes,
  ...devRoutes
]

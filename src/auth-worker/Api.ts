/**
 * The Auth Worker's HTTP API as a description: spec/openapi/auth-worker.json is made of it (`npm run docs:openapi`). The Worker
 * does not import it, as a router of HttpApi would double the bundle; the requests are the schemas that its routes decode with,
 * the answers are checked by the compiler, and a test compares the two lists of routes.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { AccountApi } from "./api/AccountApi.ts"
import { InternalApi } from "./api/InternalApi.ts"
import { MembersApi } from "./api/MembersApi.ts"
import { DevApi, HealthApi, OperatorsApi } from "./api/OperatorsApi.ts"
import { WorkspacesApi } from "./api/WorkspacesApi.ts"

export class Api extends HttpApi.make("auth-worker")
  .add(InternalApi)
  .add(AccountApi)
  .add(WorkspacesApi)
  .add(MembersApi)
  .add(OperatorsApi)
  .add(DevApi)
  .add(HealthApi)
  .annotateContext(
    OpenApi.annotations({
      title: "Auth Worker",
      version: "1",
      description:
        "The source of truth for which workspaces exist. Every answer carries `x-request-id`; a path takes no other method than those here (405 with `allow`); 429 comes with `retry-after`. Of all this, the server needs `GET /internal/workspaces` only."
    })
  ) {}

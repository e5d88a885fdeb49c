/**
 * The server's HTTP API as one value (wire contract, sections 2 and 3): the router, the OpenAPI document and the page of
 * documentation all come from it. A new group is added here, and its handlers in `handlers/`.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { AdminApi } from "./api/AdminApi.ts"
import { BackupsApi } from "./api/BackupsApi.ts"
import { ChatOpsApi } from "./api/ChatOpsApi.ts"
import { DescriptionApi } from "./api/DescriptionApi.ts"
import { HealthApi } from "./api/HealthApi.ts"
import { IncidentsApi } from "./api/IncidentsApi.ts"
import { MessagesApi } from "./api/MessagesApi.ts"
import { OperatorsApi } from "./api/OperatorsApi.ts"
import { ReportsApi } from "./api/ReportsApi.ts"
import { SecurityApi } from "./api/SecurityApi.ts"
import { StoresApi } from "./api/StoresApi.ts"
import { WebhooksApi } from "./api/WebhooksApi.ts"
import { version } from "./Version.ts"

export class Api extends HttpApi.make("workspace-orchestrator")
  .add(HealthApi)
  .add(StoresApi)
  .add(OperatorsApi)
  .add(MessagesApi)
  .add(IncidentsApi)
  .add(WebhooksApi)
  .add(ChatOpsApi)
  .add(AdminApi)
  .add(BackupsApi)
  .add(ReportsApi)
  .add(SecurityApi)
  .add(DescriptionApi)
  .annotateContext(
    OpenApi.annotations({
      title: "workspace-orchestrator",
      version,
      description:
        "Keeps one live store open for every workspace that exists. Errors are `Error`; every answer carries `x-request-id`."
    })
  ) {}

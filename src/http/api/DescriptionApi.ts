/**
 * The API's own description.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { Open } from "./Common.ts"

const openApi = HttpApiEndpoint.get("openApi", "/openapi.json")
  .addSuccess(Open)
  .annotate(OpenApi.Summary, "This description, for programs")

const docs = HttpApiEndpoint.get("docs", "/docs")
  .addSuccess(Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/html" })))
  .annotate(OpenApi.Summary, "This description, for people")

export class DescriptionApi extends HttpApiGroup.make("description").add(openApi).add(docs) {}

/** `npm run docs:openapi`: writes the OpenAPI documents of both APIs. */
import { mkdir, writeFile } from "node:fs/promises"
import * as path from "node:path"
import { openApiDocuments } from "./documents.ts"

for (const document of openApiDocuments()) {
  await mkdir(path.dirname(document.path), { recursive: true })
  await writeFile(document.path, document.text)
  console.log(document.path)
}

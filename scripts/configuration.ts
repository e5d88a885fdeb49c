/** `npm run docs:configuration`: writes docs/configuration.md. */
import { writeFile } from "node:fs/promises"
import { configurationDocument } from "./documents.ts"

const document = await configurationDocument()
await writeFile(document.path, document.text)
console.log(document.path)

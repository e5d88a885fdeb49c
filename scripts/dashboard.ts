/** `npm run docs:dashboard`: writes Grafana's dashboard from its source in spec/dashboards. */
import { writeFile } from "node:fs/promises"
import { dashboardDocument } from "./documents.ts"

const document = await dashboardDocument()
await writeFile(document.path, document.text)
console.log(document.path)

/**
 * How long `wso status` takes, from start to exit, against a running server: `node --import tsx bench/wso-status.ts` after
 * `npm run build`. Beside it, what Node itself takes to start and do nothing.
 */
import { spawnSync } from "node:child_process"
import { temporaryFolder } from "../test/support/Program.ts"
import { startServer } from "../test/support/RunningServer.ts"
import { percentile, row } from "./figures.ts"

const TIMES = 10
const token = "token-of-the-bench"

await using folder = await temporaryFolder()
await using server = await startServer({
  STORE_DATA_PATH: folder.path,
  STORE_IDS: Array.from({ length: 20 }, (_, index) => `workspace-${index}`).join(","),
  SERVER_BYPASS_TOKEN: token
})

const measure = (...words: ReadonlyArray<string>): ReadonlyArray<number> =>
  Array.from({ length: TIMES }, () => {
    const startedAt = performance.now()
    const { status, stderr } = spawnSync(process.execPath, words, {
      env: { ...process.env, WSO_URL: server.client.url, SERVER_BYPASS_TOKEN: token },
      encoding: "utf8"
    })
    if (status !== 0) throw new Error(stderr)
    return performance.now() - startedAt
  })

const bare = measure("-e", "0")
const status = measure("dist/wso.js", "status")
row("ms", "median", "worst")
row("node, doing nothing", percentile(bare, 0.5), Math.max(...bare))
row("wso status", percentile(status, 0.5), Math.max(...status))

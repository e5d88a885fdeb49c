/**
 * What Prometheus' own `promtool` says (Debian's package `prometheus` has it): of the metrics of a server, and of the
 * alert rules with their tests.
 *
 *   node scripts/promtool.mjs              builds nothing, starts dist/server.js with stores in memory, and asks it
 *   node scripts/promtool.mjs <url>        asks a server that runs, such as http://127.0.0.1:3003
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { clearTimeout, setTimeout } from "node:timers"

const START_TIMEOUT_MS = 30_000
const RULES = "spec/alerts"

const promtool = (args, input) => {
  const { error, status, stderr, stdout } = spawnSync("promtool", args, { input, encoding: "utf8" })
  if (error !== undefined) {
    console.error(`promtool cannot be started (${error.code}): apt-get install prometheus`)
    process.exit(2)
  }
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  console.log(
    `promtool ${args.slice(0, 2).join(" ")}: ${status === 0 ? "nothing to complain about" : "FAILED"}`
  )
  if (status !== 0) process.exitCode = 1
}

const checkMetrics = async (url) => {
  // Some requests first, so that what only they bring forth is there.
  for (const path of ["/health", "/nowhere", "/stores/none"]) await fetch(`${url}${path}`)
  const text = await (await fetch(`${url}/metrics`)).text()
  console.log(
    `${text.split("\n").filter((line) => line.startsWith("# TYPE")).length} metrics at ${url}/metrics`
  )
  promtool(["check", "metrics"], text)
}

const withServer = async (use) => {
  const dataPath = mkdtempSync(join(tmpdir(), "wso-promtool-"))
  const environment = {
    STORE_DRIVER: "memory",
    STORE_IDS: "ws-one,ws-two",
    PORT: "0",
    STORE_DATA_PATH: dataPath
  }
  const server = spawn(process.execPath, ["dist/server.js"], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ["ignore", "pipe", "inherit"]
  })
  try {
    const url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the server does not listen")), START_TIMEOUT_MS)
      let text = ""
      server.once("exit", (code) => reject(new Error(`the server ended with ${code}`)))
      server.stdout.on("data", (chunk) => {
        text += chunk
        const match = /"url":"([^"]+)"/.exec(text)
        if (match === null) return
        clearTimeout(timer)
        resolve(match[1])
      })
    })
    await use(url)
  } finally {
    server.removeAllListeners("exit")
    if (server.exitCode === null) {
      const ended = new Promise((resolve) => server.once("exit", resolve))
      server.kill("SIGTERM")
      await ended
    }
    rmSync(dataPath, { recursive: true, force: true })
  }
}

const [given] = process.argv.slice(2)
if (given === undefined) await withServer(checkMetrics)
else await checkMetrics(given)

if (existsSync(RULES)) {
  const files = readdirSync(RULES).filter((name) => name.endsWith(".yml"))
  const isTest = (name) => name.endsWith(".test.yml")
  promtool(["check", "rules", ...files.filter((name) => !isTest(name)).map((name) => join(RULES, name))])
  promtool(["test", "rules", ...files.filter(isTest).map((name) => join(RULES, name))])
}

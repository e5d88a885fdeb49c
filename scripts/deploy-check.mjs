/**
 * `npm run deploy:check`: wrangler's dry run of both Workers. Bundles each as a deployment would and sends nothing; prints its size
 * and what it is bound to. Exit code 1 if wrangler refuses one, or a bundle is larger than it may be.
 */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"

const root = path.join(import.meta.dirname, "..")
const wrangler = path.join(root, "node_modules/wrangler/bin/wrangler.js")

/** The largest that each may be, minified, in bytes: a Worker's size is what its first request waits for. */
const workers = [
  { name: "auth-worker", maxBytes: 400_000 },
  { name: "sync-worker", maxBytes: 1_200_000 }
]

/** A dry run takes seconds; whatever hangs is not going to pass. */
const timeoutMs = 120_000

const dryRun = async (name, outdir) => {
  const configuration = path.join(root, "src", name, "wrangler.jsonc")
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [wrangler, "deploy", "--dry-run", "--outdir", outdir, "-c", configuration],
    {
      cwd: outdir,
      timeout: timeoutMs,
      env: { ...process.env, CI: "1", NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" }
    }
  )
  const bindings = stdout.split("\n").filter((line) => line.startsWith("env."))
  return { bindings, code: await readFile(path.join(outdir, "worker.js")) }
}

for (const { maxBytes, name } of workers) {
  const outdir = await mkdtemp(path.join(tmpdir(), `${name}-`))
  try {
    const { bindings, code } = await dryRun(name, outdir)
    const fits = code.length <= maxBytes
    console.log(
      `${name}: ${fits ? "passes" : "TOO LARGE"}, ${code.length} of ${maxBytes} bytes, ${gzipSync(code).length} compressed`
    )
    for (const binding of bindings) console.log(`  ${binding.trim()}`)
    if (!fits) process.exitCode = 1
  } catch (error) {
    console.log(`${name}: REFUSED`)
    console.error(error.stderr || error.stdout || error)
    process.exitCode = 1
  } finally {
    await rm(outdir, { recursive: true, force: true })
  }
}

/**
 * Bundles the programs into dist/ (about a second):
 *   server.js, dev.js            our own code in one file each; npm packages stay in node_modules
 *   wso.js                       everything that starts with it in one file or two, for a short start
 *   workers/<name>.mjs           what workerd runs
 */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod } from "node:fs/promises"
import { dirname } from "node:path"

/** The commit that is built; a folder that is no repository of its own, or a machine without git, builds all the same. */
const commit = () => {
  const root = dirname(import.meta.dirname)
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      cwd: root,
      env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(root) },
      stdio: ["ignore", "pipe", "ignore"],
      encoding: "utf8"
    }).trim()
  } catch {
    return "unknown"
  }
}

const present = (entries) =>
  Object.fromEntries(Object.entries(entries).filter(([, source]) => existsSync(source)))

const common = {
  bundle: true,
  format: "esm",
  sourcemap: true,
  logLevel: "warning",
  legalComments: "none",
  define: { BUILD_COMMIT: JSON.stringify(commit()) }
}

// dist/ is not emptied first: a program that runs from it may still have to load one of its chunks.
await Promise.all([
  build({
    ...common,
    platform: "node",
    target: "node20.19",
    packages: "external",
    entryPoints: present({ server: "src/main.ts", dev: "src/dev/main.ts" }),
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    outdir: "dist"
  }),
  build({
    ...common,
    platform: "node",
    target: "node20.19",
    minify: true,
    keepNames: true,
    sourcemap: false,
    // SQLite is native code, and only `wso backup restore` loads it, with a chunk of its own.
    external: ["libsql"],
    splitting: true,
    chunkNames: "chunks/wso-[name]-[hash]",
    entryPoints: present({ wso: "src/cli/main.ts" }),
    banner: {
      js: "#!/usr/bin/env node\nimport{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);"
    },
    outdir: "dist"
  }),
  build({
    ...common,
    platform: "browser",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    minify: true,
    keepNames: true,
    sourcemap: false,
    entryPoints: present({
      "auth-worker": "src/auth-worker/worker.ts",
      "sync-worker": "src/sync-worker/worker.ts"
    }),
    outdir: "dist/workers",
    outExtension: { ".js": ".mjs" }
  })
])

if (existsSync("dist/wso.js")) await chmod("dist/wso.js", 0o755)

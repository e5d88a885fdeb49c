import { execFileSync } from "node:child_process"

/** The tests of the wired system run the built programs, as an operator does. */
export const setup = () => {
  execFileSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" })
}

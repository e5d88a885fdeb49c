/**
 * Which build of this program it is, put here by the build.
 */
import { version as packageVersion } from "../../package.json"

/** Defined by scripts/build.mjs; absent where the sources are run as they are. */
declare const BUILD_COMMIT: string | undefined

export const version: string = packageVersion

/** The commit that was built, abbreviated; `unknown` outside a git repository. */
export const commit: string = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "unknown"

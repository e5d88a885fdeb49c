/**
 * The version of this program, put here by the build.
 */
import { version as packageVersion } from "../../package.json"

export const version: string = packageVersion

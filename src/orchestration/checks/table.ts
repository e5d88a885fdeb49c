/**
 * The one table of checks: what makes this server well or unwell, and what to do. Every view reads it (`Check.ts` names
 * them), and a test compares it with the alert rules and the runbook. How to add a row: docs/architecture.md.
 */
import type { Check } from "./Check.ts"
import { machineChecks } from "./rows/machine.ts"
import { setChecks } from "./rows/set.ts"
import { sourceChecks } from "./rows/source.ts"
import { storesChecks } from "./rows/stores.ts"

/** In the order in which they are shown. */
export const table: ReadonlyArray<Check> = [...setChecks, ...storesChecks, ...sourceChecks, ...machineChecks]

/** Schedules that once broke a law, as small as they could be made. Each is named by what was wrong. */
import type { Plan } from "./Schedule.ts"

export const regressions: Readonly<Record<string, Plan>> = {}

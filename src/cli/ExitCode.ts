/**
 * What the exit code of `wso` says, for scripts. 0 and 1 are answers; the others mean that there is none.
 */

export interface ExitCode {
  readonly code: number
  readonly meaning: string
}

export const exitCodes = {
  yes: {
    code: 0,
    meaning: "done; or the answer is yes: healthy, converged, no difference, nothing stuck, intact"
  },
  no: { code: 1, meaning: "the answer is no: degraded, drifting, different, stuck, unknown, broken" },
  trouble: { code: 2, meaning: "wrong usage, or the server refused or failed; of a report: a check fails" },
  unreachable: { code: 3, meaning: "the server cannot be reached" },
  unauthorized: { code: 4, meaning: "the token is missing or wrong" },
  conflict: { code: 5, meaning: "not now: a run is in flight or too recent, or the plan has changed" },
  configuration: { code: 78, meaning: "the configuration is wrong (EX_CONFIG)" },
  interrupted: { code: 130, meaning: "interrupted" }
} as const satisfies Record<string, ExitCode>

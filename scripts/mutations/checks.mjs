/** The one judge of the server's health: each part of it broken in one way. */

const table = (name) => [{ file: "test/unit/orchestration/checks/table.test.ts", name }]
const explain = (name) => [{ file: "test/unit/orchestration/Explain.test.ts", name }]

export const checks = [
  {
    part: "checks",
    title: "a dead sync backend is no reason to be unwell",
    file: "src/orchestration/checks/rows/stores.ts",
    from: `isDead ? "fail" : "ok"`,
    to: `isDead ? "ok" : "ok"`,
    tests: table("the checks")
  },
  {
    part: "checks",
    title: "failed runs are not counted",
    file: "src/orchestration/checks/rows/source.ts",
    from: `worst([judged(ofRuns, FAILURE_RATIO), judged(ofKeys, FAILURE_RATIO)])`,
    to: `worst([judged(ofKeys, FAILURE_RATIO)])`,
    tests: table("the checks")
  },
  {
    part: "checks",
    title: "a check is left out of a view without a reason",
    file: "src/orchestration/checks/Checks.ts",
    from: `check.leftOut[view] === undefined`,
    to: `check.leftOut[view] === undefined && check.name !== "state"`,
    tests: table("the table has each check in every view")
  },
  {
    part: "checks",
    title: "a run by hand is advised while the source is down",
    file: "src/orchestration/Explain.ts",
    from: "return server.sourceDown ?? `wso reconcile ${storeId}`",
    to: "return `wso reconcile ${storeId}`",
    tests: explain("the step while the server as a whole is in trouble")
  },
  {
    part: "checks",
    title: "explain says nothing of a dead sync backend",
    file: "src/orchestration/Explain.ts",
    from: `s.server.backendDown === null || `,
    to: `s.server.backendDown !== null || `,
    tests: explain("the step while the server as a whole is in trouble")
  }
]

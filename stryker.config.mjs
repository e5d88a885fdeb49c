/** Mutation testing of the loop: `npm run mutations:score`. */
export default {
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: {
    configFile: "vitest.stryker.ts",
    related: true
  },
  mutate: ["src/controller/**/*.ts", "src/orchestration/**/*.ts"],
  coverageAnalysis: "perTest",
  incremental: true,
  incrementalFile: "coverage/stryker-incremental.json",
  reporters: ["clear-text", "progress", "json"],
  jsonReporter: {
    fileName: "coverage/mutation.json"
  },
  tempDirName: "coverage/stryker",
  cleanTempDir: "always",
  concurrency: 2,
  timeoutMS: 20000,
  ignoreStatic: true
}

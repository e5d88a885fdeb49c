import { defineConfig } from "vitest/config"

/** What mutation testing runs: the fast tests of what it mutates. */
export default defineConfig({
  test: {
    include: ["test/unit/controller/**/*.test.ts", "test/unit/orchestration/**/*.test.ts"],
    testTimeout: 20_000
  }
})

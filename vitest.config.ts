import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    poolOptions: { forks: { minForks: 1, maxForks: 2 } },
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000 } },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          testTimeout: 60_000,
          pool: "forks"
        }
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          globalSetup: ["test/build.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          pool: "forks"
        }
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/build.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          pool: "forks"
        }
      }
    ]
  }
})

import eslint from "@eslint/js"
import tseslint from "typescript-eslint"
import { arrows } from "./scripts/architecture.mjs"

const folders = Object.keys(arrows)

/** One rule block per folder: importing a folder without an arrow to it is an error. */
const importDirection = folders.map((folder) => {
  const forbidden = folders.filter((other) => other !== folder && !arrows[folder].includes(other))
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            ...(forbidden.length === 0
              ? []
              : [
                  {
                    group: forbidden.map((other) => `**/${other}/**`),
                    message: `docs/architecture.md: ${folder} may import only ${arrows[folder].join(", ") || "nothing of ours"}.`
                  }
                ]),
            {
              regex: "^(\\.\\./)+(config|main|server)\\.ts$",
              message: "Only main and dev see the configuration; take an options object instead."
            }
          ].filter((pattern) => folder !== "dev" || pattern.group !== undefined)
        }
      ]
    }
  }
})

export default tseslint.config(
  { ignores: ["dist", "data", "node_modules", "coverage"] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: ["./tsconfig.json", "./tsconfig.workers.json"],
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // An Effect generator without a yield, and `void` as a type argument, are idiomatic Effect.
      "require-yield": "off",
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true }
      ],
      "@typescript-eslint/no-confusing-void-expression": "off",
      // Tags are classes without members, and namespaces of constructors are Effect's own idiom.
      "@typescript-eslint/no-extraneous-class": "off",
      // The tagged errors of effect/Schema are Errors; the rule cannot see it through the generated base class.
      "@typescript-eslint/only-throw-error": "off",
      "no-restricted-syntax": [
        "error",
        {
          selector: "ImportExpression[source.value=/^\\.\\./]",
          message: "The arrows between folders hold for dynamic imports too: import from your own folder."
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: "Time comes from Effect's Clock."
        },
        {
          selector:
            "BinaryExpression[operator='-'] > YieldExpression.left > MemberExpression[object.name='Clock'][property.name='currentTimeMillis']",
          message: "The wall clock may be set: elapsed time is `stopwatch` or `ageMs` of controller/Elapsed."
        }
      ],
      "no-restricted-properties": [
        "error",
        { object: "process", property: "env", message: "The environment is read in src/config.ts only." },
        { object: "Date", property: "now", message: "Time comes from Effect's Clock." },
        { object: "performance", property: "now", message: "Time comes from Effect's Clock." },
        { object: "Math", property: "random", message: "Randomness comes from Effect's Random." }
      ]
    }
  },
  ...importDirection,
  {
    files: ["src/**/*.ts"],
    ignores: ["src/transport/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        {
          name: "fetch",
          message: "src/transport/Outgoing.ts sends: it follows no redirect and names what failed."
        }
      ]
    }
  },
  {
    // Node's own scripts, the tests and the edges may see the process.
    files: [
      "scripts/**",
      "test/**",
      "bench/**",
      "spec/**",
      "*.config.*",
      "src/config.ts",
      "eslint.config.mjs"
    ],
    rules: { "no-restricted-properties": "off", "no-restricted-syntax": "off" }
  },
  {
    files: ["**/*.mjs", "**/*.js"],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: {
        console: "readonly",
        process: "readonly",
        URL: "readonly",
        fetch: "readonly",
        setTimeout: "readonly",
        Buffer: "readonly",
        performance: "readonly",
        AbortSignal: "readonly",
        crypto: "readonly"
      }
    }
  }
)

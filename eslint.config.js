import effectPlugin from "@effect/eslint-plugin"
import js from "@eslint/js"
import { existsSync } from "node:fs"
import tseslint from "typescript-eslint"

export default tseslint.config(
  // The benchmarks, the HTTP examples and the site have packages of their own. Until these are installed, half of their
  // types are unknown.
  {
    ignores: [
      "dist",
      "**/node_modules",
      // Written by the site's build.
      ...["generated", ".cache", ".vitepress/cache", ".vitepress/dist"].map((folder) => `docs/site/${folder}`),
      ...(existsSync("docs/site/node_modules") ? [] : ["docs/site"]),
      ...(existsSync("test/bench/node_modules") ? [] : ["test/bench"]),
      ...(existsSync("docs/examples/http/node_modules") ? [] : ["docs/examples/http", "test/examples/http"])
    ]
  },
  {
    // The format, as Effect has it.
    plugins: { "@effect": effectPlugin },
    rules: {
      "@effect/dprint": ["error", {
        config: {
          indentWidth: 2,
          lineWidth: 120,
          semiColons: "asi",
          quoteStyle: "alwaysDouble",
          trailingCommas: "never",
          operatorPosition: "maintain",
          "arrowFunction.useParentheses": "force"
        }
      }]
    }
  },
  {
    files: ["**/*.ts"],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked
    ],
    // What the tarball's consumer writes is not part of this project's TypeScript.
    ignores: [".ci/**"],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/array-type": ["error", { default: "generic" }],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      // Generators of effects are called by Effect.gen, and an effect that is only built is no loss here.
      "require-yield": "off",
      // `Effect<void>` is an Effect's ordinary type, not a mistake.
      "@typescript-eslint/no-invalid-void-type": "off",
      // An editor shows the comment of a call signature at a call, and none of a function type.
      "@typescript-eslint/prefer-function-type": "off",
      // A callback that answers what its last step answers is how effects are written.
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/no-empty-function": ["error", { allow: ["arrowFunctions"] }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }]
    }
  },
  {
    files: ["test/**", "docs/**"],
    rules: {
      // In a test a missing value is a failed test.
      "@typescript-eslint/no-non-null-assertion": "off",
      // What must not compile is shown by code that does it.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off"
    }
  }
)

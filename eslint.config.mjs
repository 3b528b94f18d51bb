// ESLint's rules: typescript-eslint's type-aware set for our TypeScript, a short list for plain scripts.
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const nodeGlobals = Object.fromEntries(
  Object.getOwnPropertyNames(globalThis).map((name) => [name, "readonly"]),
);
const commonJsGlobals = Object.fromEntries(
  ["__dirname", "__filename", "exports", "module", "require"].map((name) => [name, "readonly"]),
);

export default defineConfig(
  {
    // Made by tools, or not ours to judge.
    ignores: [".local/", "node_modules/", "dist/", "**/golden/", "**/goldens/", "bench/results.json"],
  },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    rules: {
      eqeqeq: "error",
      "no-async-promise-executor": "error",
      "no-constant-condition": "error",
      "no-control-regex": "error",
      "no-empty": "error",
      "no-self-assign": "error",
      "no-template-curly-in-string": "error",
      "no-unsafe-finally": "error",
      "no-useless-escape": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: "tsconfig.typecheck.json", tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Handlers and providers implement asynchronous interfaces, also where one has nothing to wait for.
      "@typescript-eslint/require-await": "off",
      // Numbers in messages are plain to read.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ["tests/**/*.ts", "bench/**/*.ts"],
    // Answers of servers and engines are read loosely here: a wrong shape fails the test anyway.
    rules: {
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-unsafe-call": "off",
    },
  },
  {
    files: ["**/*.{js,mjs,cjs}"],
    languageOptions: { globals: nodeGlobals },
    rules: {
      "no-undef": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
    },
  },
  { files: ["**/*.{js,cjs}"], languageOptions: { sourceType: "commonjs", globals: commonJsGlobals } },
);

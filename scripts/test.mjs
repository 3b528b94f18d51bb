/** `npm test [-- MOCHA'S ARGUMENTS]`: sets up what is missing, runs the suites; the last line is `N passed, N failed`. */
import { spawn } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { withEngine } from "./local/environment.mjs";
import { readText } from "./setup/files.mjs";
import { setUp } from "./setup/index.mjs";
import { runMain } from "./setup/problem.mjs";

await runMain(async () => {
  const paths = await setUp();
  const summaryFile = join(paths.local, `test-summary-${process.pid}`);
  const mocha = join(paths.root, "node_modules", "mocha", "bin", "mocha.js");
  const reporter = join(paths.root, "scripts", "reporter.cjs");
  const child = spawn(
    process.execPath,
    [mocha, "--reporter", reporter, ...withSpecs(process.argv.slice(2))],
    {
      cwd: paths.root,
      env: withEngine(paths, { NOTEBOOK_RELEASES_TEST_SUMMARY: summaryFile }),
      stdio: "inherit",
    },
  );
  // Ctrl-C reaches mocha as well, which ends its tests and then itself.
  process.on("SIGINT", () => {});
  const status = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  const summary = readText(summaryFile);
  rmSync(summaryFile, { force: true });
  // Mocha may die before its first test, of a syntax error for one.
  console.log(summary ?? "0 passed, 1 failed");
  return summary ? status : 1;
});

/**
 * Mocha's arguments, with a folder standing for the suites below it; no file and no folder is every suite.
 * @param {string[]} args
 */
function withSpecs(args) {
  const suites = /** @param {string} folder */ (folder) => `${folder.replace(/\/$/, "")}/**/*.test.ts`;
  const given = args.map((arg) =>
    statSync(arg, { throwIfNoEntry: false })?.isDirectory() ? suites(arg) : arg,
  );
  return given.some((arg) => arg.endsWith(".test.ts")) ? given : [...given, suites("tests")];
}

/** Runs mocha, and adds up what its runs found. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { withEngine } from "../local/environment.mjs";
import { readText } from "../setup/files.mjs";

/**
 * @typedef {object} Result what a run of mocha found
 * @property {number} passes
 * @property {number} failures
 * @property {number} pending
 * @property {string} report the failures, as mocha shows them
 */

/**
 * Runs the suites of one part. A mocha that dies has failed once; one that is told to stop as well.
 * @param {import("../setup/paths.mjs").Paths} paths
 * @param {import("./plan.mjs").Part} part
 * @param {object} run
 * @param {string[]} run.options mocha's own
 * @param {string} run.folder for temporary files; the tests' too
 * @param {string} run.notes where lanes note what suites took
 * @param {AbortSignal} run.signal ends it, as Ctrl-C does
 * @returns {Promise<Result>}
 */
export async function runMocha(paths, { files, lanes }, { options, folder, notes, signal }) {
  const summary = join(folder, "summary.json");
  rmSync(summary, { force: true });
  const script = /** @param {string[]} path */ (...path) => join(paths.root, ...path);
  const inLanes =
    lanes > 1
      ? ["--parallel", "--jobs", String(lanes), "--require", script("scripts", "test", "lane.cjs")]
      : [];
  const child = spawn(
    process.execPath,
    [
      script("node_modules", "mocha", "bin", "mocha.js"),
      ...["--reporter", script("scripts", "reporter.cjs"), ...inLanes],
      ...options,
      ...files,
    ],
    {
      cwd: paths.root,
      env: withEngine(paths, {
        NOTEBOOK_RELEASES_TEST_SUMMARY: summary,
        NOTEBOOK_RELEASES_TEST_DURATIONS: notes,
        TMPDIR: folder,
      }),
      stdio: "inherit",
    },
  );
  const stop = () => child.kill("SIGINT");
  signal.addEventListener("abort", stop);
  try {
    const how = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, by) => resolve(by ?? `status ${code}`));
    });
    const text = readText(summary);
    if (text) return JSON.parse(text);
    // Mocha may die before its first test, of a syntax error for one.
    const what = signal.aborted ? "was interrupted" : `ended by itself (${how})`;
    return { passes: 0, failures: 1, pending: 0, report: `  mocha ${what} before its last test.\n` };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * The runs' results as one.
 * @param {Result[]} results
 * @returns {Result}
 */
export function total(results) {
  const sum = { passes: 0, failures: 0, pending: 0, report: "" };
  for (const { passes, failures, pending, report } of results) {
    sum.passes += passes;
    sum.failures += failures;
    sum.pending += pending;
    sum.report += report;
  }
  return sum;
}

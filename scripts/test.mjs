/** `npm test [-- MOCHA'S ARGUMENTS]`: sets up what is missing, runs the suites; the last line is `N passed, N failed`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setUp } from "./setup/index.mjs";
import { runMain } from "./setup/problem.mjs";
import { durations, remember, slowest } from "./test/durations.mjs";
import { plan } from "./test/plan.mjs";
import { runMocha, total } from "./test/run.mjs";

await runMain(async () => {
  const paths = await setUp();
  const seconds = durations(paths);
  const { options, parts, all } = plan(process.argv.slice(2), { root: paths.root, seconds });
  // Ours, so that nothing of a lane that died stays.
  const folder = mkdtempSync(join(tmpdir(), "nr-test-"));
  const notes = join(folder, "durations");
  const stop = new AbortController();
  // Ctrl-C reaches mocha as well, which ends its lanes and then itself; a signal to this process alone does not.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());

  const results = [];
  try {
    for (const part of parts) {
      if (stop.signal.aborted) break;
      const count = part.files.length === 1 ? "1 suite" : `${part.files.length} suites`;
      if (part.lanes > 1) console.log(`${count} in ${part.lanes} lanes`);
      else if (parts.length > 1) console.log(`${count} with nothing beside`);
      results.push(await runMocha(paths, part, { options, folder, notes, signal: stop.signal }));
    }
    const took = slowest(notes);
    if (all && !stop.signal.aborted) remember(paths, took);
    if (took.length > 10) {
      console.log("  the slowest suites");
      for (const [file, seconds] of took.slice(0, 10)) console.log(`    ${file} (${Math.round(seconds)} s)`);
    }
  } finally {
    remove(folder);
  }

  const { passes, failures, pending, report } = total(results);
  if (report) console.log(`\n${report}`);
  if (pending > 0) console.log(`${pending} pending`);
  if (passes + failures === 0) console.error("No test ran: is the path or the name right?");
  console.log(`${passes} passed, ${failures} failed`);
  return failures > 0 || passes === 0 ? 1 : 0;
});

/** @param {string} folder */
function remove(folder) {
  try {
    // What a lane left still ends, and may still write.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  } catch (error) {
    console.log(`${folder} could not be removed: ${/** @type {Error} */ (error).message}`);
  }
}

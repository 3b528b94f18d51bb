/**
 * Mocha's spec reporter, whose last line is `N passed, N failed`. A run without a single test has failed.
 * Under `npm test`, which may run mocha twice, numbers and failures go into a file, and it prints them together.
 */
const { writeFileSync } = require("node:fs");
const { relative } = require("node:path");
const { format } = require("node:util");
const { reporters } = require("mocha");

const { Base } = reporters;
const SUMMARY = process.env.NOTEBOOK_RELEASES_TEST_SUMMARY;

module.exports = class Reporter extends reporters.Spec {
  /**
   * @param {Mocha.Runner} runner
   * @param {Mocha.MochaOptions} options
   */
  constructor(runner, options) {
    // Before the others hear of it.
    runner.on("fail", nameLostSuite);
    super(runner, options);
  }

  /**
   * Waits for `done`: mocha says that a run in lanes has ended at the first suite that it lost, before it tells of others.
   * @override
   */
  epilogue() {}

  /**
   * @override
   * @param {number} failures tests and hooks that failed
   * @param {(failures: number) => void} finish ends mocha with that status
   */
  done(failures, finish) {
    const { passes, pending } = this.stats;
    if (SUMMARY) {
      writeFileSync(SUMMARY, JSON.stringify({ passes, failures, pending, report: listed(this.failures) }));
      return finish(failures);
    }
    super.epilogue();
    const none = passes === 0 && failures === 0;
    if (none) console.error("No test ran: is the path or the name right?");
    console.log(`${passes} passed, ${failures} failed`);
    finish(none ? 1 : failures);
  }
};

/**
 * What mocha would print of the failures.
 * @param {Mocha.Test[]} failures
 */
function listed(failures) {
  let text = "";
  const print = Base.consoleLog;
  Base.consoleLog = (...args) => (text += `${format(...args)}\n`);
  try {
    if (failures.length > 0) Base.list(failures);
  } finally {
    Base.consoleLog = print;
  }
  return text;
}

/**
 * Mocha calls a suite that it could not load, or whose lane died, an uncaught error outside of all suites.
 * @param {Mocha.Runnable} test
 * @param {any} error with `file`, where it is such a one
 */
function nameLostSuite(test, error) {
  if (test.title !== "Uncaught error outside test suite" || typeof error?.file !== "string") return;
  test.title = `${relative(process.cwd(), error.file)} did not run to its end`;
  const [, code, signal] = /exitCode: `(\w+)`\s+signalCode: `(\w+)`/.exec(error.message) ?? [];
  if (code === undefined) return;
  const how = signal && signal !== "null" ? `by ${signal}` : `with status ${code}`;
  error.message = `Its lane, a process of its own, ended ${how} meanwhile; what its tests said is lost.`;
  error.stack = `Error: ${error.message}`;
}

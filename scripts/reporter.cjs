/** Mocha's spec reporter, whose last line is `N passed, N failed`. A run without a single test has failed. */
const { writeFileSync } = require("node:fs");
const { reporters } = require("mocha");

module.exports = class Reporter extends reporters.Spec {
  /**
   * @override
   * @param {number} failures tests and hooks that failed
   * @param {(failures: number) => void} finish ends mocha with that status
   */
  done(failures, finish) {
    const { passes } = this.stats;
    const none = passes === 0 && failures === 0;
    if (none) console.error("No test ran: is the path or the name right?");
    const summary = `${passes} passed, ${failures} failed`;
    // scripts/test.mjs prints the line itself, after whatever mocha may still have to say.
    const file = process.env.NOTEBOOK_RELEASES_TEST_SUMMARY;
    if (file) writeFileSync(file, summary);
    else console.log(summary);
    finish(none ? 1 : failures);
  }
};

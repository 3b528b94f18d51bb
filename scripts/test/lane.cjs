/**
 * What `npm test` adds to each lane, a process of mocha's that runs one suite after the other, in another order each
 * time. Mocha runs root hooks before and after each suite of a lane.
 */
const { appendFileSync } = require("node:fs");
const { join, relative } = require("node:path");

const ROOT = join(__dirname, "..", "..");
const NOTES = process.env.NOTEBOOK_RELEASES_TEST_DURATIONS;
let begun = 0;
let given = { ...process.env };

const mochaHooks = {
  beforeAll() {
    begun = performance.now();
    given = { ...process.env };
  },

  /** @this {Mocha.Context} */
  afterAll() {
    restoreEnvironment();
    const { suites = [], tests = [] } = this.test?.parent ?? {};
    const file = (suites[0] ?? tests[0])?.file;
    const seconds = (performance.now() - begun) / 1000;
    if (file && NOTES) appendFileSync(NOTES, `${JSON.stringify([relative(ROOT, file), seconds])}\n`);
  },
};

/** What a suite leaves in the environment must not reach the next one. */
function restoreEnvironment() {
  for (const name of Object.keys(process.env)) if (!(name in given)) delete process.env[name];
  Object.assign(process.env, given);
}

if (process.env.MOCHA_WORKER_ID !== undefined) exports.mochaHooks = mochaHooks;

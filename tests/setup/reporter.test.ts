import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeSandboxes, sandbox } from "./sandbox";

const ROOT = join(__dirname, "..", "..");

describe("npm test's reporter", () => {
  after(removeSandboxes);

  function mocha(test: string) {
    const file = join(sandbox(), "some.test.cjs");
    writeFileSync(file, test);
    const { NOTEBOOK_RELEASES_TEST_SUMMARY: _, ...env } = process.env;
    const args = [join(ROOT, "node_modules", "mocha", "bin", "mocha.js"), "--no-config", "--reporter"];
    const run = spawnSync(process.execPath, [...args, join(ROOT, "scripts", "reporter.cjs"), file], { env });
    return { status: run.status, last: run.stdout.toString().trimEnd().split("\n").at(-1) };
  }

  it("ends with the numbers, and fails when a test failed", () => {
    const passing = 'it("a", () => {}); it("b", () => {});';
    assert.deepEqual(mocha(passing), { status: 0, last: "2 passed, 0 failed" });
    const failing = 'it("a", () => {}); it("b", () => { throw new Error("no"); });';
    assert.deepEqual(mocha(failing), { status: 1, last: "1 passed, 1 failed" });
  });

  it("fails when no test ran", () => {
    assert.deepEqual(mocha(""), { status: 1, last: "0 passed, 0 failed" });
  });
});

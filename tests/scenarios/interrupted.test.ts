/** An up whose process is killed while the tests run: the next one goes on with the same test run. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { killEngine } from "../support/engineProcess";
import { failed, ok } from "../support/pulumi";
import { WAITING } from "./example";
import { poll, Scenario } from "./scenario";

describe("an up that is killed", function () {
  this.timeout(180_000);
  let scenario: Scenario;
  let githash: string;
  let go: string;
  let runId: number;

  before(async () => {
    scenario = await Scenario.start("killed", { files: { "notebooks/tests/test_two.py": WAITING } });
    githash = scenario.repository.git("rev-parse", "HEAD");
    go = join(scenario.stack.folder, "go");
    scenario.configure({ gate: { tests: ["tests/**"], parameters: { go } } });
  });
  after(() => {
    scenario?.dispose();
  });

  it("leaves a test run under way, and a lock that says what to do", async () => {
    const up = scenario.stack.up();
    const run = await poll("the gate's run is there", async () => (await scenario.gateRuns(githash))[0]);
    runId = run.run_id;
    killEngine(scenario.stack.program);
    failed(await up);
    const locked = failed(await scenario.stack.up());
    assert.match(locked, /pulumi cancel/);
    assert.equal((await scenario.gateRuns(githash)).length, 1);
    await assert.rejects(scenario.row(), /TABLE_OR_VIEW_NOT_FOUND/, "no registry before the gate was passed");
  });

  it("after pulumi cancel, the next up finds the same run and ends right", async () => {
    ok(await scenario.stack.run(["cancel", "--yes"]));
    const second = scenario.stack.up();
    writeFileSync(go, "");
    ok(await second);
    const runs = await scenario.gateRuns(githash);
    assert.deepEqual(
      runs.map(({ run_id }) => run_id),
      [runId],
      "no second test run",
    );
    const outputs = await scenario.stack.outputs();
    assert.equal(outputs.tests.tests_test_two.result, "passed");
    assert.equal((await scenario.row()).githash, githash);
    assert.equal((await scenario.deployment(outputs.deploymentId)).tags.status, "live");
  });

  it("and leaves nothing to do", async () => {
    ok(await scenario.stack.up("--expect-no-changes"));
  });
});

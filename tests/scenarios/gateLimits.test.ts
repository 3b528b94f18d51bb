/** The gate's settings through the real engine: tests per branch, limits of metrics, retries, and reuse on a rollback. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { notebook } from "../source/support";
import { failed, ok } from "../support/pulumi";
import { score } from "./example";
import { Scenario } from "./scenario";

/** A test that logs the model's error to the deployment's run; without mlflow, whose import takes seconds. */
function logsRmse(value: number): string {
  return notebook(`
import json, os, urllib.request
body = {"run_id": dbutils.widgets.get("run_id"), "key": "rmse", "value": ${value}, "timestamp": 1}
urllib.request.urlopen(urllib.request.Request(
    os.environ["DATABRICKS_HOST"] + "/api/2.0/mlflow/runs/log-metric",
    json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"], "Content-Type": "application/json"},
))`);
}

/** A test that fails at its first attempt. */
const FLAKY = notebook(`
import os
dbutils.widgets.text("seen", "")
seen = dbutils.widgets.get("seen")
first = not os.path.exists(seen)
open(seen, "w").close()
assert not first, "only the second time"`);

describe("the gate's settings", function () {
  this.timeout(240_000);
  let scenario: Scenario;
  let first: string;

  before(async () => {
    scenario = await Scenario.start("limits", {
      files: {
        "notebooks/tests/test_two.py": logsRmse(2),
        "notebooks/extra/test_more.py": FLAKY,
      },
    });
    first = scenario.repository.git("rev-parse", "HEAD");
    from("main");
    ok(await scenario.stack.up());
  });
  after(() => scenario?.dispose());

  /** Deploys this ref from now on. */
  function from(ref: string): void {
    scenario.configure({
      source: { repository: scenario.repository.directory, ref, path: "notebooks" },
      gate: {
        ...{ tests: ["tests/**"], branchTests: { "feature/*": ["extra/**"] }, retries: 1 },
        ...{ parameters: { seen: join(scenario.stack.folder, "seen") } },
        metrics: [{ name: "rmse", max: 3, maxRegressionPercent: 10 }],
      },
    });
  }

  it("on another branch add its tests, and close the gate on a model that got worse, with old and new value", async () => {
    assert.deepEqual(Object.keys((await scenario.stack.outputs()).tests), [
      "tests_test_one",
      "tests_test_two",
    ]);
    const before = await scenario.live();
    scenario.repository.git("checkout", "--quiet", "-b", "feature/model");
    const worse = scenario.repository.commit({
      "notebooks/tests/test_two.py": logsRmse(2.5),
      "notebooks/pipeline/score.py": score("v2"),
    });
    from("feature/model");
    const output = failed(await scenario.stack.up());
    assert.match(output, /The gate is closed: 3 tests passed, 1 flaky, 1 limit broken\./);
    assert.match(output, /✓ extra\/test_more .*\(flaky: passed at attempt 2\)/);
    assert.match(output, /✗ rmse +2\.5 \(before: 2; limit: ≤ 3, at most 10 % worse\) {2}25 % worse than 2/);
    assert.equal((await scenario.gateRuns(worse)).length, 1);
    assert.deepEqual(await scenario.live(), before, "row and jobs are as they were");
  });

  it("let a better one through", async () => {
    const better = scenario.repository.commit({ "notebooks/tests/test_two.py": logsRmse(1.9) });
    ok(await scenario.stack.up());
    assert.equal((await scenario.row()).githash, better);
    const { deploymentId } = await scenario.stack.outputs();
    assert.equal((await scenario.deployment(deploymentId)).metrics.rmse, 1.9);
  });

  it("test a release that is put back no second time, and say whose results count", async () => {
    const tested = String((await scenario.row()).deployment_id);
    from("main");
    const { output } = ok(await scenario.stack.up());
    assert.match(output, /gate: not tested again/);
    assert.equal((await scenario.row()).githash, first);
    assert.equal((await scenario.gateRuns(first)).length, 1);
    const outputs = await scenario.stack.outputs();
    const { tags, metrics } = await scenario.deployment(outputs.deploymentId);
    assert.deepEqual([tags.status, metrics.rmse], ["live", 2]);
    assert.ok(tags.reused_from && tags.reused_from !== tested);
    assert.ok(output.includes(`/runs/${tags.reused_from}`));
    ok(await scenario.stack.up("--expect-no-changes"));
  });
});

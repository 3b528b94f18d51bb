/** A failing test keeps the old release live; the next up tries again; a commit that mends it goes live. */
import assert from "node:assert/strict";
import { failed, ok } from "../support/pulumi";
import { failing, passing, score } from "./example";
import { imports, mutating, Scenario } from "./scenario";

const ROOT = "/Users/admin@local.workspace/releases/gated";
const MESSAGE = "the forecast is off by 3.14";

describe("a failing test", function () {
  this.timeout(120_000);
  let scenario: Scenario;
  let first: string;
  let broken: string;
  let liveBefore: Awaited<ReturnType<Scenario["live"]>>;
  const failedDeployments = new Set<string>();

  before(async () => {
    scenario = await Scenario.start("gated");
    first = scenario.repository.git("rev-parse", "HEAD");
    ok(await scenario.stack.up());
    liveBefore = await scenario.live();
  });
  after(() => scenario?.dispose());

  /** Runs `up`, which the gate stops, and checks what it says; answers the deployment's id from the address it prints. */
  async function stoppedUp(): Promise<string> {
    const output = failed(await scenario.stack.up());
    const told = output.slice(output.indexOf("Diagnostics:"));
    assert.match(told, /1 of 2 tests failed/);
    assert.match(told, /✗ tests\/test_two/);
    assert.match(told, /✓ tests\/test_one/);
    assert.ok(told.includes(MESSAGE), told);
    const address = new RegExp(`${scenario.workspace.host}/ml/experiments/\\d+/runs/([0-9a-f]{32})`).exec(
      told,
    );
    assert.ok(address?.[1], told);
    assert.equal(told.split(MESSAGE).length, 2, `the failure is told once:\n${told}`);
    assert.doesNotMatch(told, /\n\s+at .*:\d+:\d+/, "no stack trace");
    return address[1];
  }

  async function check(deployment: string): Promise<void> {
    const run = await scenario.deployment(deployment);
    assert.equal(run.status, "FAILED");
    assert.equal(run.tags.status, "failed");
    assert.match(run.tags.message ?? "", /1 of 2 tests failed/);
    assert.deepEqual(
      [run.params.githash, run.params.tests_test_one, run.params.tests_test_two],
      [broken, "passed", "Failed"],
    );
    assert.deepEqual([run.metrics.tests_passed, run.metrics.tests_failed], [1, 1]);
    assert.deepEqual(await scenario.live(), liveBefore, "row and jobs are as they were");
    assert.ok(await scenario.exists(`${ROOT}/${first}/pipeline/score`), "the live release is there");
    assert.equal(await scenario.runJob("dispatch"), `v1 ${first}`);
    assert.equal((await scenario.deployment(String(liveBefore.row.deployment_id))).tags.status, "live");
  }

  it("fails the up with its name, its error and the deployment's address; row and jobs stay", async () => {
    broken = scenario.repository.commit({
      "notebooks/pipeline/score.py": score("v2"),
      "notebooks/tests/test_two.py": failing(MESSAGE),
    });
    const deployment = await stoppedUp();
    failedDeployments.add(deployment);
    await check(deployment);
  });

  it("the next up is a new deployment with a new run of the tests", async () => {
    const { result: deployment, requests } = await scenario.requestsOf(stoppedUp);
    assert.deepEqual(imports(requests), [], "nothing is uploaded again");
    assert.ok(!failedDeployments.has(deployment), "another MLflow run");
    failedDeployments.add(deployment);
    await check(deployment);
    assert.equal((await scenario.gateRuns(broken)).length, 2);
    assert.equal((await scenario.deployment(deployment)).tags.retry_of, [...failedDeployments][0]);
  });

  it("refresh copes with what the failures left in the state", async () => {
    ok(await scenario.stack.refresh());
    assert.deepEqual(await scenario.live(), liveBefore);
  });

  it("going back to the live commit heals the state, and deletes nothing of the live release", async () => {
    scenario.configure({
      source: { repository: scenario.repository.directory, ref: first, path: "notebooks" },
    });
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up());
    ok(result);
    assert.ok(
      !mutating(requests).includes("POST /api/2.0/workspace/delete"),
      "nothing is deleted in the workspace",
    );
    await checkWhole(first);
    assert.equal(await scenario.runJob("dispatch"), `v1 ${first}`);
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  it("a commit that mends the test goes live", async () => {
    scenario.configure();
    const mended = scenario.repository.commit({ "notebooks/tests/test_two.py": passing("mended") });
    ok(await scenario.stack.up());
    const outputs = await scenario.stack.outputs();
    assert.deepEqual([outputs.githash, outputs.previousGithash], [mended, first]);
    assert.equal((await scenario.deployment(outputs.deploymentId)).tags.status, "live");
    assert.equal((await scenario.deployment(String(liveBefore.row.deployment_id))).tags.status, "superseded");
    for (const id of failedDeployments) {
      assert.equal((await scenario.deployment(id)).tags.status, "failed", "history stays what it was");
    }
    assert.equal(await scenario.runJob("dispatch"), `v2 ${mended}`);
    await checkWhole(mended);
  });

  /** What is live is this commit; the first release is whole; no resource waits to be deleted. */
  async function checkWhole(githash: string): Promise<void> {
    assert.equal((await scenario.row()).githash, githash);
    for (const path of [
      "pipeline/score",
      "pipeline/features",
      "lib/shared.py",
      "tests/test_two",
      ".release.json",
    ]) {
      assert.ok(await scenario.exists(`${ROOT}/${first}/${path}`), path);
    }
    const waiting = (await scenario.stack.resources()).filter((resource) => resource.delete);
    assert.deepEqual(waiting, [], "nothing is pending deletion");
  }
});

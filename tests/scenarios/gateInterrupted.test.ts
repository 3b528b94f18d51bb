/** One and two Ctrl-C while the gate's tests run, and another commit after an up that was killed. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { notebook } from "../source/support";
import { interruptEngine, killEngine } from "../support/engineProcess";
import { failed, ok } from "../support/pulumi";
import { score, WAITING } from "./example";
import { poll, Scenario } from "./scenario";

describe("an up that is interrupted while its tests run", function () {
  this.timeout(180_000);
  let scenario: Scenario;
  let first: string;

  before(async () => {
    scenario = await Scenario.start("interrupted");
    ok(await scenario.stack.up());
    first = scenario.repository.git("rev-parse", "HEAD");
  });
  after(() => scenario?.dispose());

  /** Deploys until a commit's waiting test runs; `go` lets it end. */
  async function upTo(version: string) {
    const go = join(scenario.stack.folder, `go ${version}`);
    scenario.configure({ gate: { tests: ["tests/**"], parameters: { go } } });
    const githash = scenario.repository.commit({
      "notebooks/pipeline/score.py": score(version),
      "notebooks/tests/test_two.py": WAITING,
    });
    const up = scenario.stack.up();
    const run = await running(githash);
    return { githash, go, up, runId: run.run_id };
  }

  /** The gate's run of the commit, once its second test runs and the deployment says so. */
  function running(githash: string) {
    return poll("the waiting test runs", async () => {
      const [run] = await scenario.gateRuns(githash);
      const task = run?.tasks?.find(({ task_key }) => task_key === "tests_test_two");
      return task?.state.life_cycle_state === "RUNNING" ? run : undefined;
    });
  }

  async function gateRun(githash: string, runId: number) {
    const run = (await scenario.gateRuns(githash)).find(({ run_id }) => run_id === runId);
    assert.ok(run);
    return run;
  }

  /** The deployments of a commit, newest first. */
  async function deployments(githash: string) {
    const { experimentId } = await scenario.deployment(String((await scenario.row()).deployment_id));
    const { runs = [] } = await scenario.workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [experimentId],
      filter: `params.githash = '${githash}'`,
    });
    return Promise.all(runs.map((run: { info: { run_id: string } }) => scenario.deployment(run.info.run_id)));
  }

  it("once: the gate goes on to its end, and what comes after it does not begin", async () => {
    const { githash, go, up, runId } = await upTo("v2");
    interruptEngine(scenario.stack.program);
    writeFileSync(go, "");
    failed(await up);
    assert.equal((await gateRun(githash, runId)).state.result_state, "SUCCESS");
    assert.equal((await scenario.row()).githash, first);
    ok(await scenario.stack.up());
    assert.equal((await scenario.row()).githash, githash);
    assert.equal((await scenario.gateRuns(githash)).length, 1, "no test ran twice");
    first = githash;
  });

  it("twice: the test run is cancelled, the deployment failed, and both are said; the next up starts clean", async () => {
    const { githash, go, up, runId } = await upTo("v3");
    interruptEngine(scenario.stack.program);
    await poll("the engine has heard it", async () =>
      /\^C received; cancelling/.test(scenario.stack.heard) ? true : undefined,
    );
    interruptEngine(scenario.stack.program);
    const output = failed(await up);
    assert.match(output, /gate: the test run was cancelled/);
    const run = await poll("the run has ended", async () => {
      const now = await gateRun(githash, runId);
      return now.state.result_state ? now : undefined;
    });
    assert.equal(run.state.result_state, "CANCELED");
    assert.deepEqual(
      (await deployments(githash)).map(({ tags, status }) => [tags.status, status]),
      [["failed", "FAILED"]],
    );
    assert.equal((await scenario.row()).githash, first);
    writeFileSync(go, "");
    await scenario.stack.run(["cancel", "--yes"]);
    ok(await scenario.stack.up());
    assert.equal((await scenario.row()).githash, githash);
    const [last, cancelled] = await deployments(githash);
    assert.equal((await deployments(githash)).length, 2);
    assert.ok(last && cancelled);
    assert.equal(last.tags.retry_of !== undefined, true);
    first = githash;
  });

  it("killed, and then another commit: the old test run is cancelled first, its deployment is closed as failed", async () => {
    const { githash, up, runId } = await upTo("v4");
    killEngine(scenario.stack.program);
    failed(await up);
    ok(await scenario.stack.run(["cancel", "--yes"]));
    const next = scenario.repository.commit({ "notebooks/tests/test_two.py": notebook("x = 1") });
    const output = ok(await scenario.stack.up()).output;
    assert.match(output, new RegExp(`cancelling the test run ${runId} `));
    assert.equal((await gateRun(githash, runId)).state.result_state, "CANCELED");
    const [old] = await deployments(githash);
    assert.deepEqual([old?.status, old?.tags.status], ["FAILED", "failed"]);
    assert.match(old?.tags.message ?? "", new RegExp(`interrupted.*replaced by ${next.slice(0, 12)}`));
    assert.equal((await scenario.row()).githash, next);
    ok(await scenario.stack.up("--expect-no-changes"));
  });
});

/** The gate with real notebooks in the local workspace: what it asks, what it keeps, and how it ends. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fails, Resource } from "../conformance/providers/engine";
import { finishRelease } from "../conformance/providers/finished";
import { Ground, unique } from "../conformance/providers/ground";
import { Line } from "./ground";

/** Code that logs to the deployment's run; without mlflow, whose import takes longer than all else here. */
function log(what: "metric" | "parameter", key: string, value: number | string): string {
  const item = JSON.stringify({ key, value, ...(what === "metric" ? { timestamp: 1 } : {}) });
  return `
import json, os, urllib.request
body = json.loads(${JSON.stringify(item)}) | {"run_id": dbutils.widgets.get("run_id")}
urllib.request.urlopen(urllib.request.Request(
    os.environ["DATABRICKS_HOST"] + "/api/2.0/mlflow/runs/log-${what}",
    json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"], "Content-Type": "application/json"},
))`;
}
const rmse = (value: number) => log("metric", "rmse", value);

describe("the gate", function () {
  this.timeout(120_000);
  let ground: Ground;
  let line: Line;

  before(async () => {
    ground = await Ground.enter();
  });
  beforeEach(async () => {
    line = await Line.start(ground);
    ground.said.length = 0;
  });
  afterEach(() => ground?.clearFaults());
  after(() => ground?.leave());

  const said = () => ground.said.join("");

  /** Code that fails at the first attempt only. */
  function flaky(): string {
    const seen = JSON.stringify(`${ground.workspace.dataDir}/${unique("flaky")}`);
    return `import os\nseen = os.path.exists(${seen})\nopen(${seen}, "w").close()\nassert seen, "only the second time"`;
  }

  it("marks a test that passed when it was tried again: in the state, in MLflow, and in every report", async () => {
    const inputs = await line.gate(await line.release({ flaky: flaky(), sound: "x = 1" }), {
      settings: { retries: 1 },
    });
    const { outs } = await line.run(inputs);
    assert.deepEqual([outs.results.tests_flaky.result, outs.results.tests_flaky.flaky], ["passed", true]);
    assert.equal(outs.results.tests_sound.flaky, undefined);
    const { metrics, tags } = await line.mlflow(inputs);
    assert.deepEqual([metrics.tests_passed, metrics.tests_failed, metrics.tests_flaky], [2, 0, 1]);
    assert.deepEqual([tags.flaky_tests, tags.message], ["tests_flaky", "2 tests passed, 1 flaky"]);
    assert.match(tags.gate_runs ?? "", /^\d+$/, "whoever comes later finds the test run");
    assert.match(said(), /✓ tests\/flaky .*\(flaky: passed at attempt 2\)/);
    assert.match(await line.artifact(inputs, "junit.xml"), /<flakyFailure message="AssertionError: only the/);
    assert.match(await line.artifact(inputs, "summary.md"), /tests\/flaky\].* passed \(flaky\) \|/);
    assert.match(await line.artifact(inputs, "failures/tests_flaky.txt"), /only the second time/);
  });

  it("keeps a failure's whole error and trace, and whole results, as artifacts", async () => {
    const release = await line.release({
      broken: `def deep():\n    raise ValueError("zone 7: " + "long " * 500 + "end of the error")\ndeep()`,
      long: `dbutils.notebook.exit("ü" * 6000)`,
    });
    const inputs = await line.gate(release);
    await fails(line.run(inputs), /1 of 2 tests failed/, /test run: +http.*\/run\/\d+$/m);
    const failure = await line.artifact(inputs, "failures/tests_broken.txt");
    assert.match(failure, /end of the error/);
    assert.match(failure, /in deep/);
    const { tests } = JSON.parse(await line.artifact(inputs, "tests.json"));
    assert.deepEqual(
      tests.map(({ notebook, name, passed }: Record<string, unknown>) => [notebook, name, passed]),
      [
        ["tests/broken", "tests_broken", false],
        ["tests/long", "tests_long", true],
      ],
    );
    assert.equal(tests[1].result, "ü".repeat(6000));
    assert.ok(Buffer.byteLength((await line.mlflow(inputs)).params.tests_long ?? "") <= 500);
    assert.match(await line.artifact(inputs, "summary.md"), /the gate is closed/);
    const found = await ground.workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [line.experimentId],
      filter: "params.env = 'test' and params.tests_broken = 'Failed'",
    });
    assert.deepEqual(
      found.runs.map((run: { info: { run_id: string } }) => run.info.run_id),
      [inputs.deploymentId],
    );
  });

  it("says so where the artifacts are refused, and fails nothing", async () => {
    const inputs = await line.gate(await line.release({ a: "x = 1" }));
    await ground.fault({
      match: "POST /api/2.0/mlflow/artifacts/credentials-for-write",
      status: 403,
      times: 1,
    });
    await line.run(inputs);
    assert.match(said(), /the results' files could not be kept in MLflow: POST .*credentials-for-write/);
    assert.equal((await line.mlflow(inputs)).tags.status, "tested");
  });

  it("says that an exit value was cut where the API cut it", async () => {
    const inputs = await line.gate(
      await line.release({ huge: `dbutils.notebook.exit("x" * (5 * 1024 * 1024 + 9))` }),
    );
    const { outs } = await line.run(inputs);
    assert.match(await line.artifact(inputs, "summary.md"), /\(cut by Databricks\)/);
    assert.ok(outs.results.tests_huge.result.length <= 10_000, "the state holds a part");
  });

  it("bears a test that logs a parameter under the test's own name", async () => {
    const inputs = await line.gate(await line.release({ own: log("parameter", "tests_own", "mine") }));
    await line.run(inputs);
    const { params } = await line.mlflow(inputs);
    assert.deepEqual([params.tests_own, params.tests_own_2], ["mine", "passed"]);
    assert.match(said(), /a test has logged the parameter tests_own itself/);
  });

  it("ends a test that hangs, alone: its process is gone, the next in its lane runs", async () => {
    const file = `${ground.workspace.dataDir}/${unique("pid")}`;
    const hanging = `import os, time\nopen(${JSON.stringify(file)}, "w").write(str(os.getpid()))\ntime.sleep(600)`;
    const inputs = await line.gate(await line.release({ a: hanging, b: "x = 1", c: "y = 2" }), {
      settings: { timeoutSeconds: 3, parallel: 1, retries: 2 },
    });
    await fails(
      line.run(inputs),
      /1 of 3 tests failed/,
      /tests\/a: timed out after 3/,
      /✓ tests\/b/,
      /✓ tests\/c/,
    );
    const pid = Number(readFileSync(file, "utf8"));
    assert.throws(() => process.kill(pid, 0), /ESRCH/);
    assert.match(said(), /tests_a has run for more than 3 s; cancelling it/);
  });

  it("holds metrics that the tests logged against their limits, and against what is live", async () => {
    const metrics = [{ name: "rmse", max: 3, maxRegressionPercent: 10 }];
    const first = await line.gate(await line.release({ model: rmse(2) }), {
      settings: { metrics },
    });
    await line.run(first);
    assert.match(said(), /✓ rmse +2 \(before: –; .*nothing is live to compare with/);
    await live(first);

    const worse = await line.gate(await line.release({ model: rmse(2.5) }), {
      settings: { metrics },
    });
    await fails(
      line.run(worse),
      /The gate is closed: 1 test passed, 1 limit broken\./,
      /✗ rmse +2\.5 \(before: 2; limit: ≤ 3, at most 10 % worse\) {2}25 % worse than 2/,
    );
    const run = await line.mlflow(worse);
    assert.deepEqual(
      [run.tags.status, run.metrics.limits_broken, run.params.tests_model],
      ["failed", 1, "passed"],
    );
    assert.match(
      await line.artifact(worse, "summary.md"),
      /\| ✗ \| rmse \| 2 \| 2\.5 \| ≤ 3, at most 10 % worse \|/,
    );

    const over = await line.gate(await line.release({ model: rmse(3.5) }), {
      settings: { metrics },
    });
    await fails(line.run(over), /✗ rmse .*above 3, 75 % worse than 2/);
    const missing = await line.gate(await line.release({ model: "x = 1" }), { settings: { metrics } });
    await fails(line.run(missing), /✗ rmse +missing .*no test logged it/);
    const fine = await line.gate(await line.release({ model: rmse(2.1) }), {
      settings: { metrics },
    });
    await line.run(fine);
    assert.equal((await line.mlflow(fine)).tags.status, "tested");
  });

  /** Makes a deployment live: in the registry, and for MLflow. */
  async function live(gate: Record<string, unknown>): Promise<void> {
    const { inputs } = await ground.source();
    await finishRelease(ground.workspace, String(gate.releasePath), inputs.digest);
    await new Resource("RegistryRow").up({
      ...{ ...ground.place, ...inputs, ...line.row, releasePath: gate.releasePath, note: "", adopt: false },
      ...{ rollbackOf: 0, stack: "test" },
      ...{ deploymentId: gate.deploymentId, retention: { keep: 5, graceHours: 72 } },
    });
    assert.equal((await line.mlflow(gate)).tags.status, "live");
  }

  it("compares a test's duration with the median of its last deployments", async () => {
    const quick = await line.release({ speed: "x = 1" });
    const settings = { maxSlowdownPercent: 100 };
    for (let turn = 0; turn < 3; turn++) {
      const gate = await line.gate(quick, { settings });
      await line.run(gate);
      await line.log(gate, { status: "superseded" }, { tests_speed_dur: 0.1 });
    }
    const failed = await line.gate(quick);
    await line.log(failed, { status: "failed" }, { tests_speed_dur: 900 });
    const slow = await line.gate(await line.release({ speed: "import time\ntime.sleep(2.5)" }), { settings });
    await fails(
      line.run(slow),
      /1 test passed, 1 limit broken/,
      /✗ tests\/speed \(s\) +[2-9]\.\d+ \(before: 0\.1; limit: ≤ 1\.1\) {2}slower than the median of its last 3 deployments/,
    );
  });

  describe("that a release has passed already", () => {
    const settings = { reuse: "rollback" };

    it("is not asked again when that commit is put back: results are taken over, said and linked", async () => {
      const release = await line.release({ a: "dbutils.notebook.exit('fine')", m: rmse(2) });
      const first = await line.gate(release, { settings });
      await line.run(first);
      await line.log(first, { status: "superseded" });
      const back = await line.gate(release, { settings });
      const requests = await ground.requestsOf(async () => {
        const { outs } = await line.run(back);
        assert.equal(outs.results.tests_a.result, "fine");
        assert.ok(outs.runUrl.endsWith(`/runs/${first.deploymentId}`));
      });
      assert.ok(!requests.some((request) => request.includes("/jobs/")), "nothing was run");
      const { tags, params, metrics } = await line.mlflow(back);
      assert.deepEqual(
        [tags.reused_from, tags.status, params.tests_a],
        [first.deploymentId, "tested", "fine"],
      );
      assert.deepEqual([metrics.rmse, metrics.tests_passed], [2, 2]);
      assert.match(said(), new RegExp(`not tested again.*\\n.*/runs/${first.deploymentId}`));

      await line.log(back, { status: "live" });
      const again = await line.gate(release, { settings });
      await line.run(again);
      assert.equal(
        (await line.mlflow(again)).tags.reused_from,
        first.deploymentId,
        "the one that really ran them",
      );
    });

    const others: [string, Record<string, unknown>, Record<string, unknown>][] = [
      ["reuse is off", {}, { settings: { reuse: "never" } }],
      ["other files", {}, { digest: "another", settings }],
      ["another gate", {}, { gate: "another", settings }],
      ["another commit with the same files, on rollbacks only", {}, { githash: "b".repeat(40), settings }],
      ["it passed, but was never live, on rollbacks only", { status: "failed" }, { settings }],
    ];
    for (const [what, tags, more] of others) {
      it(`is asked again: ${what}`, async () => {
        const release = await line.release({ a: "x = 1" });
        const first = await line.gate(release, { settings });
        await line.run(first);
        await line.log(first, { status: "live", ...(tags as Record<string, string>) });
        const next = await line.gate(release, more);
        await line.run(next);
        assert.equal((await line.mlflow(next)).tags.reused_from, undefined);
        assert.doesNotMatch(said(), /not tested again/);
      });
    }

    it("is not asked again of another commit with the same files where reuse is always on, live or not", async () => {
      const release = await line.release({ a: "x = 1" });
      const first = await line.gate(release);
      await line.run(first);
      await line.log(first, { status: "failed" });
      const next = await line.gate(release, { githash: "b".repeat(40), settings: { reuse: "always" } });
      await line.run(next);
      assert.equal((await line.mlflow(next)).tags.reused_from, first.deploymentId);
    });
  });

  it("of an interrupted deployment is cancelled by the next one of the stack, and of no other stack", async () => {
    const hanging = await line.release({ hangs: "import time\ntime.sleep(600)" });
    const old = await line.gate(hanging);
    // What a gate whose process was killed leaves: its run, and the tag that names it.
    const tasks = [{ task_key: "t", notebook_task: { notebook_path: `${hanging.releasePath}/tests/hangs` } }];
    const { run_id: runId } = await ground.workspace.ok("POST", "/api/2.2/jobs/runs/submit", { tasks });
    await line.log(old, { gate_runs: String(runId) });
    const stranger = await Line.start(ground);
    await stranger.gate(await stranger.release({}));
    assert.equal((await line.mlflow(old)).tags.status, "running");

    const next = await line.gate(await line.release({ a: "x = 1" }), { githash: "c".repeat(40) });
    const { state } = await ground.workspace.ok("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
    assert.equal(state.result_state, "CANCELED", "before the new deployment begins");
    const { tags, status } = await line.mlflow(old);
    assert.deepEqual([tags.status, status], ["failed", "FAILED"]);
    assert.match(
      tags.message ?? "",
      /^interrupted; its test run was cancelled; then replaced by cccccccccccc$/,
    );
    assert.equal((await line.mlflow(next)).tags.retry_of, undefined, "another commit is no retry");
  });

  it("of the same commit after a failure is a new deployment that names the failed one", async () => {
    const release = await line.release({ a: "raise ValueError()" });
    const first = await line.gate(release);
    await fails(line.run(first), /1 of 1 tests failed/);
    const second = await line.gate(release);
    assert.notEqual(second.deploymentId, first.deploymentId);
    assert.equal((await line.mlflow(second)).tags.retry_of, first.deploymentId);
  });
});

/** The gate: what a test's end means, what MLflow gets of it, and that an interrupted gate is found again. */
import assert from "node:assert/strict";
import { cases, edit } from "./cases";
import { fails, Resource, type Values } from "./engine";
import { Ground } from "./ground";

const SUBMIT = "POST /api/2.2/jobs/runs/submit";
const entry = cases.find(({ type }) => type === "NotebookTestRun")!;

describe("NotebookTestRun", function () {
  this.timeout(90_000);
  let ground: Ground;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  /** Inputs of a gate with these test notebooks: path below `tests/` → code. */
  async function gate(tests: Record<string, string>, settings: Values = {}): Promise<Values> {
    const inputs = await entry.inputs(ground);
    for (const [name, code] of Object.entries(tests)) {
      await ground.workspace.ok("POST", "/api/2.0/workspace/mkdirs", {
        path: `${inputs.releasePath}/tests/${name}`.replace(/\/[^/]*$/, ""),
      });
      await edit(ground, `${inputs.releasePath}/tests/${name}`, code);
    }
    const names = Object.keys(tests).map((name) => `tests/${name}`);
    return { ...inputs, tests: names, settings: { ...inputs.settings, ...settings } };
  }

  async function submitted(): Promise<number> {
    const { requests } = await ground.workspace.ok("GET", "/__workspace/requests");
    return requests.filter(
      ({ method, path }: { method: string; path: string }) => `${method} ${path}` === SUBMIT,
    ).length;
  }

  it("passes with each test's result and seconds in the outs and in MLflow, as the contract names them", async () => {
    const inputs = await gate({ quiet: "x = 1", "deep/says-so": "dbutils.notebook.exit('rmse 2.5')" });
    const resource = new Resource("NotebookTestRun");
    await resource.up(inputs);
    const { results, runUrl } = resource.outs;
    assert.deepEqual(Object.keys(results), ["tests_quiet", "tests_deep_says_so"]);
    assert.equal(results.tests_quiet.result, "passed");
    assert.equal(results.tests_deep_says_so.result, "rmse 2.5");
    assert.ok(runUrl.startsWith(ground.place.host));
    const run = await ground.mlflowRun(inputs.deploymentId);
    assert.deepEqual(run.params, { tests_quiet: "passed", tests_deep_says_so: "rmse 2.5" });
    assert.deepEqual(Object.keys(run.metrics).sort(), [
      "tests_deep_says_so_dur",
      "tests_failed",
      "tests_passed",
      "tests_quiet_dur",
    ]);
    assert.deepEqual([run.metrics.tests_passed, run.metrics.tests_failed], [2, 0]);
    assert.equal(run.metrics.tests_quiet_dur, results.tests_quiet.seconds);
    assert.deepEqual(
      [run.tags.status, run.tags.message, run.status],
      ["tested", "2 tests passed", "RUNNING"],
    );
  });

  it("gives each test the contract's parameters beside the configured ones", async () => {
    const names = ["env", "githash", "experiment_id", "run_id", "release_path", "artifacts", "limit"];
    const code = `import json\ndbutils.notebook.exit(json.dumps({n: dbutils.widgets.get(n) for n in ${JSON.stringify(names)}}))`;
    const inputs = await gate({ parameters: code }, { parameters: { limit: "3", env: "not this one" } });
    const resource = new Resource("NotebookTestRun");
    await resource.up(inputs);
    assert.deepEqual(JSON.parse(resource.outs.results.tests_parameters.result), {
      env: "test",
      githash: inputs.githash,
      experiment_id: inputs.experimentId,
      run_id: inputs.deploymentId,
      release_path: inputs.releasePath,
      artifacts: "",
      limit: "3",
    });
  });

  it("fails with each failing test's name, its error and the addresses, and lets the others end", async () => {
    const inputs = await gate({
      first: "raise ValueError('zone 7 has no forecast')",
      second: "dbutils.notebook.exit('fine')",
      third: "assert 1 == 2, 'one is not two'",
    });
    const message = await fails(
      new Resource("NotebookTestRun").up(inputs),
      /^The gate is closed: 2 of 3 tests failed\. What was live in test is live still\.$/m,
      /✗ tests\/first .*Failed$/m,
      /✓ tests\/second .*fine$/m,
      /tests\/first: .*ValueError.*zone 7 has no forecast/,
      /tests\/third: .*one is not two/,
    );
    assert.ok(message.includes(`deployment: ${inputs.deploymentUrl}`));
    assert.match(message, /test run: +http/);
    const run = await ground.mlflowRun(inputs.deploymentId);
    assert.deepEqual(run.params, { tests_first: "Failed", tests_second: "fine", tests_third: "Failed" });
    assert.deepEqual([run.metrics.tests_passed, run.metrics.tests_failed], [1, 2]);
    assert.deepEqual([run.tags.status, run.status], ["failed", "FAILED"]);
    assert.match(run.tags.message ?? "", /^The gate is closed: 2 of 3/);
  });

  it("ends a test at its limit, and says that it was the time", async () => {
    const inputs = await gate({ slow: "import time\ntime.sleep(60)", quick: "x = 1" }, { timeoutSeconds: 4 });
    const started = Date.now();
    await fails(
      new Resource("NotebookTestRun").up(inputs),
      /1 of 2 tests failed/,
      /tests\/slow: timed out after \d/,
      /✓ tests\/quick/,
    );
    assert.ok(Date.now() - started < 30_000);
    const { params, metrics } = await ground.mlflowRun(inputs.deploymentId);
    assert.equal(params.tests_slow, "Failed");
    assert.ok((metrics.tests_slow_dur ?? 0) >= 1.5);
  });

  it("runs the tests in lanes: a failing one does not keep the next in its lane from running", async () => {
    const inputs = await gate(
      { a: "raise Exception('no')", b: "x = 1", c: "dbutils.notebook.exit('ran')" },
      { parallel: 1 },
    );
    await fails(new Resource("NotebookTestRun").up(inputs), /1 of 3 tests failed/, /✓ tests\/c .*ran/);
  });

  it("counts the last of several attempts", async () => {
    const code = (path: string) =>
      `import os\np = ${JSON.stringify(path)}\nseen = os.path.exists(p)\nopen(p, 'w').close()\nassert seen, 'only the second time'`;
    const inputs = await gate({ flaky: "" }, { retries: 1 });
    await edit(
      ground,
      `${inputs.releasePath}/tests/flaky`,
      code(`${ground.workspace.dataDir}/flaky-${process.pid}`),
    );
    const resource = new Resource("NotebookTestRun");
    await resource.up(inputs);
    assert.equal(resource.outs.results.tests_flaky.result, "passed");
  });

  it("fails a test that is not there", async () => {
    const inputs = { ...(await gate({ a: "x = 1" })), tests: ["tests/a", "tests/missing"] };
    await fails(new Resource("NotebookTestRun").up(inputs), /1 of 2 tests failed/, /tests\/missing: /);
  });

  it("is open where no tests are configured", async () => {
    const inputs: Values = { ...(await entry.inputs(ground)), tests: [] };
    await ground.workspace.ok("DELETE", "/__workspace/requests");
    const resource = new Resource("NotebookTestRun");
    await resource.up(inputs);
    assert.deepEqual(resource.outs.results, {});
    assert.equal(await submitted(), 0);
    const run = await ground.mlflowRun(inputs.deploymentId);
    assert.deepEqual([run.tags.status, run.metrics.tests_passed, run.metrics.tests_failed], ["tested", 0, 0]);
  });

  it("of the same deployment is the same run: one that was interrupted is found again, with its results", async () => {
    const counter = `${ground.workspace.dataDir}/count-${process.pid}`;
    const inputs = await gate({
      counted: `open(${JSON.stringify(counter)}, 'a').write('x')\ndbutils.notebook.exit(open(${JSON.stringify(counter)}).read())`,
    });
    const first = new Resource("NotebookTestRun");
    await first.up(inputs);
    // The state of the first was never written: the same is created again.
    const second = new Resource("NotebookTestRun");
    await second.up(inputs);
    assert.equal(second.outs.runUrl, first.outs.runUrl);
    assert.deepEqual(second.outs.results, first.outs.results);
    assert.equal(second.outs.results.tests_counted.result, "x", "the test ran once");

    const another = new Resource("NotebookTestRun");
    await another.up({ ...inputs, ...(await ground.deployment()) });
    assert.equal(another.outs.results.tests_counted.result, "xx", "another deployment tests anew");
  });

  it("bears lost answers and failures that pass, and still runs once", async () => {
    const counter = `${ground.workspace.dataDir}/lost-${process.pid}`;
    const inputs = await gate({
      counted: `open(${JSON.stringify(counter)}, 'a').write('x')\ndbutils.notebook.exit(open(${JSON.stringify(counter)}).read())`,
    });
    await ground.fault({ match: SUBMIT, drop: "after", times: 1 });
    await ground.fault({ match: "GET /api/2.2/jobs/runs/get", status: 503, times: 2 });
    await ground.fault({ match: "POST /api/2.0/mlflow/runs/log-batch", drop: "after", times: 1 });
    const resource = new Resource("NotebookTestRun");
    await resource.up(inputs);
    assert.equal(resource.outs.results.tests_counted.result, "x");
  });

  it("cuts a long exit value for MLflow by bytes, and keeps it whole in the outs", async () => {
    const inputs = await gate({ long: "dbutils.notebook.exit('ü' * 600)" });
    const resource = new Resource("NotebookTestRun");
    await resource.up(inputs);
    assert.equal(resource.outs.results.tests_long.result, "ü".repeat(600));
    const value = (await ground.mlflowRun(inputs.deploymentId)).params.tests_long ?? "";
    assert.ok(Buffer.byteLength(value) <= 500 && value.endsWith("…"));
  });

  it("shows no secret that a test prints or fails with", async () => {
    const scope = `gate-${process.pid}`;
    const value = "s3cr3t of the gate";
    await ground.workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope });
    await ground.workspace.ok("POST", "/api/2.0/secrets/put", { scope, key: "k", string_value: value });
    const read = `v = dbutils.secrets.get('${scope}', 'k')\nprint(v)`;
    const inputs = await gate({
      fails: `${read}\nraise Exception(v)`,
      exits: `${read}\ndbutils.notebook.exit(v)`,
    });
    const message = await fails(
      new Resource("NotebookTestRun").up(inputs),
      /1 of 2 tests failed/,
      /REDACTED/,
    );
    assert.ok(!message.includes(value));
    assert.ok(!JSON.stringify(await ground.mlflowRun(inputs.deploymentId)).includes(value));
    assert.ok(!ground.said.join("").includes(value));
  });
});

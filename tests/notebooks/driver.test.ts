/** The test driver: the gate's tests for those who work inside Databricks, and the watch over the live release. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { asRecord, passes, query, runNotebook } from "./support";

const ROOT = "/Shared/example tests/driver";
const RELEASE = `${ROOT}/${"c".repeat(40)}`;
const TABLE = "driver_tests.registry";

const NOTEBOOKS: Record<string, string> = {
  "tests/test_echo": `
import json
dbutils.notebook.exit(json.dumps(dbutils.widgets.getAll(), sort_keys=True))`,
  "tests/test_silent": "print('nothing to say')",
  "tests/test_broken": "raise ValueError('seven stations are missing')",
  "tests/test_endless": `
import time
while True:
    time.sleep(0.1)`,
  "tests/test_model": `
from mlflow import MlflowClient
dbutils.widgets.text("rmse", "")
MlflowClient().log_metric(dbutils.widgets.get("run_id"), "rmse", float(dbutils.widgets.get("rmse")))
dbutils.notebook.exit("measured")`,
};

describe("the test driver notebook", function () {
  this.timeout(180_000);
  let workspace: LocalWorkspace;
  let experiment: string;
  let deployment: string;

  before(async () => {
    workspace = await sharedWorkspace();
    const driver = await readFile(path.join(__dirname, "..", "..", "notebooks", "driver.py"), "utf8");
    await put(`${ROOT}/driver`, driver);
    await put(`${RELEASE}/driver`, driver);
    for (const [name, code] of Object.entries(NOTEBOOKS)) {
      await put(`${RELEASE}/${name}`, `# Databricks notebook source\n${code}\n`);
    }
    const made = await workspace.ok("POST", "/api/2.0/mlflow/experiments/create", { name: `${ROOT}/runs` });
    experiment = made.experiment_id;
    deployment = await openRun();
    await workspace.ok("POST", "/api/2.0/mlflow/runs/log-batch", {
      run_id: deployment,
      metrics: [{ key: "rmse", value: 2.0, timestamp: Date.now(), step: 0 }],
    });
    await query(workspace, "CREATE SCHEMA IF NOT EXISTS driver_tests");
    await query(
      workspace,
      `CREATE TABLE ${TABLE} (app STRING, env STRING, githash STRING, release_path STRING, deployment_id STRING) USING delta`,
    );
    await query(
      workspace,
      `INSERT INTO ${TABLE} VALUES ('bikes', 'prod', '${"c".repeat(40)}', '${RELEASE}', '${deployment}')`,
    );
  });

  async function put(target: string, text: string): Promise<void> {
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: path.posix.dirname(target) });
    const content = Buffer.from(text).toString("base64");
    const body = { path: target, content, format: "SOURCE", language: "PYTHON" };
    await workspace.ok("POST", "/api/2.0/workspace/import", body);
  }

  async function openRun(): Promise<string> {
    const body = { experiment_id: experiment, start_time: Date.now() };
    return (await workspace.ok("POST", "/api/2.0/mlflow/runs/create", body)).run.info.run_id;
  }

  async function mlflowRun(id: string) {
    const { run } = await workspace.ok("GET", `/api/2.0/mlflow/runs/get?run_id=${id}`);
    return {
      status: run.info.status as string,
      params: asRecord<string>(run.data.params),
      metrics: asRecord<number>(run.data.metrics),
      tags: asRecord<string>(run.data.tags),
    };
  }

  /** The newest run of the experiment that the driver made itself. */
  async function newestRun() {
    const { runs } = await workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [experiment],
      order_by: ["attributes.start_time DESC"],
      max_results: 1,
    });
    return mlflowRun(runs[0].info.run_id);
  }

  it("runs the tests beside it, and logs under the gate's names to a run of the experiment", async () => {
    const tests = "tests/test_echo, tests/test_silent";
    const said = await passes(workspace, `${RELEASE}/driver`, {
      tests,
      experiment_id: experiment,
      colour: "blue",
    });
    assert.equal(said, "2 tests passed");
    const run = await newestRun();
    assert.equal(run.status, "FINISHED");
    assert.equal(run.params.tests_test_silent, "passed");
    const told = JSON.parse(run.params.tests_test_echo ?? "");
    assert.equal(told.colour, "blue");
    assert.equal(told.experiment_id, experiment);
    assert.match(told.run_id, /^[0-9a-f]{32}$/);
    assert.equal(told.tests, undefined, "its own parameters are not the tests'");
    assert.ok((run.metrics.tests_test_silent_dur ?? 0) > 0);
    assert.equal(run.metrics.tests_passed, 2);
    assert.equal(run.tags.status, "passed");
  });

  it("logs to a run that it was given and leaves that one open", async () => {
    const run_id = await openRun();
    await passes(workspace, `${ROOT}/driver`, { tests: "tests/test_silent", release_path: RELEASE, run_id });
    const run = await mlflowRun(run_id);
    assert.equal(run.status, "RUNNING");
    assert.equal(run.params.tests_test_silent, "passed");
  });

  it("runs all of them, then fails naming each that failed or took too long", async () => {
    const finished = await runNotebook(workspace, `${RELEASE}/driver`, {
      tests: "tests/test_broken,tests/test_endless,tests/test_silent,tests/no_such",
      experiment_id: experiment,
      timeout_seconds: "3",
      parallel: "4",
    });
    assert.equal(finished.state, "FAILED", finished.everything);
    assert.match(
      finished.error,
      /3 problems[^]*tests_test_broken failed[^]*tests_test_endless[^]*tests_no_such/,
    );
    const run = await newestRun();
    assert.deepEqual(
      [run.params.tests_test_broken, run.params.tests_test_endless, run.params.tests_test_silent],
      ["Failed", "Failed", "passed"],
    );
    assert.equal(run.metrics.tests_failed, 3);
    assert.equal(run.status, "FAILED");
    assert.equal(run.tags.status, "failed");
  });

  describe("as the watch", () => {
    const watch = (rmse: string, metrics: unknown[]) => ({
      tests: "tests/test_model",
      experiment_id: experiment,
      registry_table: TABLE,
      app: "bikes",
      env: "prod",
      rmse,
      metrics: JSON.stringify(metrics),
    });

    it("measures the live release, with its githash", async () => {
      const limits = [{ name: "rmse", max: 3, maxRegressionPercent: 5 }];
      await passes(workspace, `${ROOT}/driver`, watch("2.05", limits));
      const run = await newestRun();
      assert.equal(run.params.githash, "c".repeat(40));
      assert.equal(run.params.env, "prod");
      assert.equal(run.metrics.rmse, 2.05);
      assert.equal(run.tags.kind, "watch");
    });

    it("fails with every limit that is broken, old and new value named", async () => {
      const limits = [
        { name: "rmse", max: 2.1 },
        { name: "rmse", min: 2.5 },
        { name: "rmse", maxRegressionPercent: 5 },
        { name: "rmse", maxRegressionPercent: 5, better: "higher" },
        { name: "mape", max: 3 },
      ];
      const finished = await runNotebook(workspace, `${ROOT}/driver`, watch("2.2", limits));
      assert.equal(finished.state, "FAILED", finished.everything);
      const reasons =
        "rmse is 2.2, the limit is at most 2.1; rmse is 2.2, the limit is at least 2.5; " +
        "rmse went from 2 to 2.2: 10.0 % worse, the limit is 5 %; mape was not logged by any test";
      assert.ok(finished.error.includes(reasons.replaceAll("; ", "\n")), finished.error);
      const run = await newestRun();
      assert.equal(run.status, "FAILED");
      assert.equal(run.tags.message, reasons);
    });

    it("fails with a metric that is no number, and with one of which more is better", async () => {
      const nan = await runNotebook(workspace, `${ROOT}/driver`, watch("nan", [{ name: "rmse", max: 3 }]));
      assert.match(nan.error, /rmse is nan, the limit is at most 3/);
      const limit = { name: "rmse", min: 1, maxRegressionPercent: 5 };
      const worse = await runNotebook(workspace, `${ROOT}/driver`, watch("1.8", [limit]));
      assert.match(worse.error, /rmse went from 2 to 1.8: 10.0 % worse/);
    });
  });

  const refusals: [title: string, parameters: Record<string, string>, reason: RegExp][] = [
    ["nothing to run, and more", { timeout_seconds: "soon" }, /tests is empty.*timeout_seconds is 'soon'/],
    ["paths out of the release", { tests: "../other, /abs" }, /\.\.\/other, \/abs: give paths inside/],
    ["two tests of one name", { tests: "tests/a_b,tests/a-b" }, /would have one name in MLflow/],
    [
      "limits that are none",
      { tests: "tests/test_silent", metrics: '[{"nam": "x"}]' },
      /metrics must be a list/,
    ],
    [
      "an environment without a row",
      { tests: "tests/test_silent", registry_table: TABLE, app: "bikes", env: "dev" },
      /0 rows/,
    ],
  ];
  for (const [title, parameters, reason] of refusals) {
    it(`refuses ${title}`, async () => {
      const finished = await runNotebook(workspace, `${ROOT}/driver`, parameters);
      assert.equal(finished.state, "FAILED", finished.everything);
      assert.match(finished.error, reason);
    });
  }
});

/** The Scala TestTracker: its own tests, its jar, and test notebooks that the gate runs with the jar, with the real engine. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { findScala } from "../../workspace/jobs/scala";
import { credentials, Scenario } from "../scenarios/scenario";
import { failed } from "../support/pulumi";

const KIT = path.join(__dirname, "..", "..", "testkit", "scala");
const run = promisify(execFile);
/** A busy machine may need minutes for what takes 20 s. */
const LIMIT_MS = 540_000;

const HEAD = `// Databricks notebook source
import notebookreleases.testkit._
import org.scalatest.funsuite.AnyFunSuite

// COMMAND ----------
`;

const NOTEBOOKS = {
  passing: `class PassingTests extends AnyFunSuite with TestTracker {
  override def testSuiteName = "passing"
  test("is close, [3-7]") { assert(1 + 1 == 2) }
  test("says more") { testResult("rmse 1.5") }
}

// COMMAND ----------
dbutils.notebook.exit(NotebookTests.run(dbutils, new PassingTests))`,
  failing: `class FailingTests extends AnyFunSuite with TestTracker {
  override def testSuiteName = "failing"
  test("good") { assert(1 + 1 == 2) }
  test("bad") { assert(1 + 1 == 3) }
}

// COMMAND ----------
dbutils.notebook.exit(NotebookTests.run(dbutils, new FailingTests))`,
  canceling: `class CancelingTests extends AnyFunSuite with TestTracker {
  override def testSuiteName = "canceling"
  test("good") {}
  test("elsewhere") { cancel("not on this machine") }
  test("some day") { pending }
}

// COMMAND ----------
dbutils.notebook.exit(NotebookTests.run(dbutils, new CancelingTests))`,
};

const SEARCH = `
import json, sys
from mlflow import MlflowClient
client = MlflowClient()
experiment = client.get_experiment_by_name(sys.argv[1]).experiment_id
runs = [[run.info.run_id for run in client.search_runs([experiment], question)] for question in sys.argv[2:]]
artifacts = [file.path for file in client.list_artifacts(runs[0][0], "testkit")]
print(json.dumps({"runs": runs, "artifacts": artifacts}))
`;

describe("TestTracker for Scala", function () {
  this.timeout(LIMIT_MS);
  let folder: string;
  let scenario: Scenario;
  let jar: string;

  before(async function () {
    // A machine without Java and Maven; tests/jobs/scalaMissing.test.ts has what it says of Scala notebooks.
    if ("missing" in findScala("")) return this.skip();
    folder = await mkdtemp(path.join(tmpdir(), "scala test kit "));
  });
  after(async () => {
    scenario?.dispose();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it("passes its own tests, and is built into a jar that holds nothing else", async () => {
    const target = path.join(folder, "target");
    const { stdout } = await run("mvn", ["-B", "-ntp", "package", `-Dtestkit.target=${target}`], {
      cwd: KIT,
      maxBuffer: 1 << 26,
      timeout: LIMIT_MS - 10_000,
    }).catch((error: { stdout: string }) => assert.fail(error.stdout.slice(-4000)));
    const [, succeeded, failed] = /Tests: succeeded (\d+), failed (\d+)/.exec(stdout) ?? [];
    assert.equal(failed, "0", stdout.slice(-2000));
    assert.ok(Number(succeeded) > 20);
    jar = path.join(target, "notebook-releases-testkit_2.13-0.1.0.jar");
    assert.ok(existsSync(jar));
    const names = Object.keys(unzipSync(await readFile(jar))).filter((name) => name.endsWith(".class"));
    assert.ok(names.length > 10 && names.every((name) => name.startsWith("notebookreleases/testkit/")));
    assert.ok(!existsSync(path.join(KIT, "target")), "nothing is written beside the sources");
  });

  it("through the gate: what passed, failed and was canceled is in the deployment's run, where a stock client finds it", async () => {
    scenario = await Scenario.start("scala-kit", {
      files: Object.fromEntries(
        Object.entries(NOTEBOOKS).map(([name, code]) => [`notebooks/tests/scala/${name}.scala`, HEAD + code]),
      ),
      config: {
        build: { command: `mkdir -p dist && cp '${jar}' dist/`, artifacts: ["dist/*.jar"] },
        // Serverless takes no jars.
        compute: { newCluster: { sparkVersion: "17.3.x-scala2.13", numWorkers: 0 } },
        gate: { tests: ["tests/scala/*"] },
        jobs: undefined,
      },
    });
    const told = failed(await scenario.stack.up());
    assert.match(told, /The gate is closed: 1 of 3 tests failed\./);
    assert.match(told, /✓ tests\/scala\/passing +[\d.]+ s {2}passed$/m);
    assert.match(told, /✓ tests\/scala\/canceling +[\d.]+ s {2}1 passed, 1 canceled, 1 pending$/m);
    assert.match(told, /✗ tests\/scala\/failing +[\d.]+ s {2}Failed$/m);
    assert.match(told, /TestsFailed: failing: 2 tests in .* 1 passed, 1 Failed\n\s+bad: /);

    const [id = ""] = /(?<=\/runs\/)[0-9a-f]{32}/.exec(told) ?? [];
    const { params, metrics, tags } = await scenario.deployment(id);
    assert.equal(tags.status, "failed");
    const ofSuites = Object.entries(params).filter(([name]) => /^(passing|failing|canceling)_/.test(name));
    assert.deepEqual(Object.fromEntries(ofSuites), {
      passing_AllTestsPassed: "true",
      passing_is_close___3_7_: "passed",
      passing_says_more: "rmse 1.5",
      failing_AllTestsPassed: "false",
      failing_good: "passed",
      failing_bad: "Failed",
      canceling_AllTestsPassed: "false",
      canceling_good: "passed",
      canceling_elsewhere: "canceled",
      canceling_some_day: "pending",
    });
    const durations = ofSuites
      .filter(([name]) => !name.endsWith("AllTestsPassed"))
      .map(([name]) => `${name}_dur`);
    assert.deepEqual(
      Object.keys(metrics)
        .filter((name) => /^(passing|failing|canceling)_/.test(name))
        .sort(),
      durations.sort(),
    );

    const questions = [
      "params.env = 'test' and params.tests_scala_failing = 'Failed'",
      "params.env = 'test' and params.failing_bad = 'Failed' and metrics.failing_bad_dur < 60",
      "params.canceling_elsewhere = 'canceled' and params.canceling_AllTestsPassed = 'false'",
      "params.passing_says_more = 'rmse 1.5' and tags.status = 'failed'",
      "params.passing_says_more = 'Failed'",
    ];
    const found = await search(questions);
    assert.deepEqual(found.runs, [[id], [id], [id], [id], []]);
    assert.deepEqual(
      found.artifacts.sort(),
      ["canceling", "failing", "passing"].map((name) => `testkit/${name}.json`),
    );
  });

  /** What MLflow's plain client finds for each question: the runs' ids; and the suites' artifacts of the first run. */
  async function search(questions: readonly string[]): Promise<{ runs: string[][]; artifacts: string[] }> {
    const script = path.join(folder, "search.py");
    await writeFile(script, SEARCH);
    const { HOME, PATH } = process.env;
    const env = { HOME, PATH, ...credentials(scenario.workspace), MLFLOW_TRACKING_URI: "databricks" };
    const experiment = "/Users/admin@local.workspace/deployments/scala-kit-test";
    const { stdout } = await run(
      scenario.workspace.workspace.settings.python,
      ["-W", "ignore", script, experiment, ...questions],
      { env, timeout: 120_000 },
    );
    return JSON.parse(stdout.trim().split("\n").at(-1)!);
  }
});

/** The Scala TestTracker: its own tests, its jar, and notebooks with the jar that log to a deployment's run. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { findScala } from "../../workspace/jobs/scala";
import { eventually } from "../jobs/helper";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";

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

describe("TestTracker for Scala", function () {
  this.timeout(LIMIT_MS);
  let workspace: LocalWorkspace;
  let folder: string;
  let jar: string;

  before(async function () {
    // A machine without Java and Maven; tests/jobs/scalaMissing.test.ts has what it says of Scala notebooks.
    if ("missing" in findScala("")) return this.skip();
    [workspace, folder] = await Promise.all([
      sharedWorkspace(),
      mkdtemp(path.join(tmpdir(), "scala test kit ")),
    ]);
  });
  after(() => folder && rm(folder, { recursive: true, force: true }));

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

  it("logs what passed, failed and was canceled to the run that the notebook received", async () => {
    const address = "/Volumes/main/default/artifacts/testkit.jar";
    await upload(workspace, address, await readFile(jar));
    const runId = await newRun(workspace);
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: "/Shared/scala-kit" });
    for (const [name, source] of Object.entries(NOTEBOOKS)) {
      await workspace.ok("POST", "/api/2.0/workspace/import", {
        path: `/Shared/scala-kit/${name}`,
        format: "SOURCE",
        language: "SCALA",
        overwrite: true,
        content: Buffer.from(HEAD + source).toString("base64"),
      });
    }
    const submitted = await workspace.ok("POST", "/api/2.2/jobs/runs/submit", {
      run_name: "scala tests",
      tasks: Object.keys(NOTEBOOKS).map((name) => ({
        task_key: name,
        notebook_task: {
          notebook_path: `/Shared/scala-kit/${name}`,
          base_parameters: { run_id: runId, env: "test" },
        },
        new_cluster: { spark_version: "17.3.x-scala2.13", num_workers: 0 },
        libraries: [{ jar: address }],
      })),
    });
    const ended = await eventually(
      async () => {
        const at = await workspace.ok("GET", `/api/2.2/jobs/runs/get?run_id=${submitted.run_id}`);
        return at.state.result_state ? at : undefined;
      },
      "the test notebooks",
      LIMIT_MS - 20_000,
    );
    const outputs = Object.fromEntries(
      await Promise.all(
        ended.tasks.map(async (task: { task_key: string; run_id: number }) => [
          task.task_key,
          await workspace.ok("GET", `/api/2.2/jobs/runs/get-output?run_id=${task.run_id}`),
        ]),
      ),
    );
    assert.equal(outputs.passing.notebook_output?.result, "passed", outputs.passing.error);
    assert.equal(outputs.canceling.notebook_output?.result, "1 passed, 1 canceled, 1 pending");
    assert.match(outputs.failing.error, /TestsFailed: failing: 2 tests in .* 1 passed, 1 Failed\n {2}bad: /);
    assert.match(outputs.passing.logs, /- says more/);

    const { params, metrics } = await dataOf(workspace, runId);
    assert.deepEqual(params, {
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
    const durations = Object.keys(params)
      .filter((name) => !name.endsWith("AllTestsPassed"))
      .map((name) => `${name}_dur`);
    assert.deepEqual(Object.keys(metrics).sort(), durations.sort());
    const { files } = await workspace.ok(
      "GET",
      `/api/2.0/mlflow/artifacts/list?run_id=${runId}&path=testkit`,
    );
    assert.deepEqual(
      files.map((file: { path: string }) => file.path).sort(),
      ["canceling", "failing", "passing"].map((name) => `testkit/${name}.json`),
    );
  });
});

async function upload(workspace: LocalWorkspace, address: string, content: Buffer): Promise<void> {
  const answer = await fetch(`${workspace.host}/api/2.0/fs/files${address}?overwrite=true`, {
    method: "PUT",
    headers: { Authorization: `Bearer ${workspace.token}` },
    body: new Uint8Array(content),
  });
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
}

async function newRun(workspace: LocalWorkspace): Promise<string> {
  const { experiment_id } = await workspace.ok("POST", "/api/2.0/mlflow/experiments/create", {
    name: `/Shared/scala-kit-${Date.now()}`,
  });
  const made = await workspace.ok("POST", "/api/2.0/mlflow/runs/create", {
    experiment_id,
    start_time: Date.now(),
  });
  return made.run.info.run_id;
}

interface Item {
  key: string;
  value: string | number;
}

async function dataOf(workspace: LocalWorkspace, runId: string) {
  const { run } = await workspace.ok("GET", `/api/2.0/mlflow/runs/get?run_id=${runId}`);
  const byKey = (items: Item[]) => Object.fromEntries(items.map(({ key, value }) => [key, value]));
  return { params: byKey(run.data.params), metrics: byKey(run.data.metrics) };
}

/** The Python TestTracker: its own tests, its wheel, and a notebook that imports the wheel and logs to a deployment's run. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { passes, runNotebook } from "../notebooks/support";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";

const ROOT = path.join(__dirname, "..", "..");
const KIT = path.join(ROOT, "testkit", "python");
const PYTHON = process.env.NOTEBOOK_RELEASES_PYTHON ?? path.join(ROOT, ".local", "python", "bin", "python");
const run = promisify(execFile);

describe("TestTracker for Python", function () {
  this.timeout(120_000);
  let workspace: LocalWorkspace;
  let folder: string;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    workspace = await sharedWorkspace();
    folder = await mkdtemp(path.join(tmpdir(), "test kit "));
    environment = {
      ...process.env,
      MLFLOW_TRACKING_URI: workspace.host,
      MLFLOW_TRACKING_TOKEN: workspace.token,
    };
  });

  after(() => rm(folder, { recursive: true, force: true }));

  /** Builds the wheel by the documented command, into a folder, and returns its path. */
  async function build(into: string): Promise<string> {
    const command = [path.join(KIT, "backend", "wheel_backend.py"), path.join(folder, into)];
    return (await run(PYTHON, command, { env: environment })).stdout.trim();
  }

  it("its own tests pass, none is skipped, against the local workspace's MLflow", async function () {
    this.timeout(400_000);
    const report = path.join(folder, "junit.xml");
    const ended = await run(PYTHON, ["-m", "pytest", "-q", "--color=no", `--junitxml=${report}`], {
      cwd: KIT,
      env: environment,
      timeout: 380_000,
    }).catch((error: { stdout?: string; stderr?: string }) => error);
    const said = `${ended.stdout}\n${ended.stderr}`.slice(-4_000);
    const suite = /<testsuite [^>]*>/.exec(await readFile(report, "utf8").catch(() => ""))?.[0];
    assert.ok(suite, `pytest wrote no report. Is it installed (npm test does it)? It said: ${said}`);
    const count = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1]);
    assert.deepEqual([count("failures"), count("errors"), count("skipped")], [0, 0, 0], said);
    assert.ok(count("tests") >= 95, `only ${count("tests")} tests ran: ${said}`);
  });

  it("the wheel has the same SHA-256 each time", async () => {
    const wheels = [await readFile(await build("first")), await readFile(await build("second"))];
    const digests = wheels.map((wheel) => createHash("sha256").update(wheel).digest("hex"));
    assert.equal(digests[0], digests[1]);
    assert.ok(wheels[0]!.length > 10_000);
  });

  describe("in a notebook that has the wheel on its path", () => {
    const release = "/Shared/test kit/0123456789abcdef0123456789abcdef01234567";
    let experiment: string;

    before(async () => {
      const wheel = await build("dist");
      const notebook = [
        "# Databricks notebook source",
        'dbutils.widgets.text("run_id", "")',
        "",
        "# COMMAND ----------",
        "",
        "import sys",
        `sys.path.insert(0, "../artifacts/${path.basename(wheel)}")`,
        "from notebook_releases_testkit import run_tests",
        "",
        "# COMMAND ----------",
        "",
        'run_tests("../unit", run_id=dbutils.widgets.get("run_id"), test_suite_name="unit")',
        'dbutils.notebook.exit("passed")',
      ].join("\n");
      const good =
        "from lib.numbers import half\n\ndef test_half(): assert half(4) == 2\ndef test_odd(): assert half(3) == 1.5\n";
      const files: [string, string | Buffer][] = [
        [`artifacts/${path.basename(wheel)}`, await readFile(wheel)],
        ["lib/__init__.py", ""],
        ["lib/numbers.py", "def half(x): return x / 2\n"],
        ["unit/test_numbers.py", good],
        ["broken/test_numbers.py", `${good}def test_zero(): assert half(0) == 1\n`],
      ];
      const folders = ["artifacts", "lib", "unit", "broken", "tests"];
      for (const name of folders) {
        await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${release}/${name}` });
      }
      for (const [name, content] of files) {
        await workspace.ok("POST", "/api/2.0/workspace/import", {
          path: `${release}/${name}`,
          content: Buffer.from(content).toString("base64"),
          format: "AUTO",
        });
      }
      const variants = { unit: notebook, broken: notebook.replace("../unit", "../broken") };
      for (const [name, source] of Object.entries(variants)) {
        const content = Buffer.from(source).toString("base64");
        const more = { format: "SOURCE", language: "PYTHON", content };
        await workspace.ok("POST", "/api/2.0/workspace/import", {
          path: `${release}/tests/${name}`,
          ...more,
        });
      }
      const created = await workspace.ok("POST", "/api/2.0/mlflow/experiments/create", {
        name: "/Shared/test kit deployments",
      });
      experiment = created.experiment_id;
    });

    async function newRun(): Promise<string> {
      const body = { experiment_id: experiment, start_time: Date.now() };
      return (await workspace.ok("POST", "/api/2.0/mlflow/runs/create", body)).run.info.run_id;
    }

    /** What MLflow's plain client finds for a question: parameters, metrics' names, status and artifacts of each run. */
    async function search(question: string): Promise<any[]> {
      const code = `
import json, sys
from mlflow import MlflowClient
client = MlflowClient()
print(json.dumps([{"id": run.info.run_id, "params": run.data.params, "metrics": run.data.metrics,
                   "status": run.info.status,
                   "artifacts": [file.path for file in client.list_artifacts(run.info.run_id, "testkit")]}
                  for run in client.search_runs([sys.argv[1]], sys.argv[2])]))`;
      // A file: PySpark, which MLflow loads, takes a program without one for its own shell.
      const script = path.join(folder, "search.py");
      await writeFile(script, code);
      const { stdout } = await run(PYTHON, [script, experiment, question], { env: environment });
      return JSON.parse(stdout.trim().split("\n").at(-1)!);
    }

    it("passing tests are in the run, which stays open", async () => {
      const run_id = await newRun();
      assert.equal(await passes(workspace, `${release}/tests/unit`, { run_id }), "passed");
      const [found, ...others] = await search(
        "params.unit_test_half = 'passed' and metrics.unit_test_half_dur < 60",
      );
      assert.deepEqual(others, []);
      assert.equal(found.id, run_id);
      assert.deepEqual(found.params, {
        unit_test_half: "passed",
        unit_test_odd: "passed",
        unit_AllTestsPassed: "true",
      });
      assert.deepEqual(Object.keys(found.metrics).sort(), ["unit_test_half_dur", "unit_test_odd_dur"]);
      assert.deepEqual([found.status, found.artifacts], ["RUNNING", ["testkit/unit.json"]]);
    });

    it("a failing test fails the notebook, which names it, and is in the run; a retry gets a number", async function () {
      this.timeout(240_000);
      const run_id = await newRun();
      for (const attempt of [1, 2]) {
        const finished = await runNotebook(workspace, `${release}/tests/broken`, { run_id });
        assert.equal(finished.state, "FAILED", `attempt ${attempt}: ${finished.everything}`);
        assert.match(finished.error, /TestsFailed: 1 of 3 tests failed in \.\.\/broken:\s+test_zero: /);
      }
      const [found] = await search(
        "params.unit_test_zero = 'Failed' and params.unit_AllTestsPassed = 'false'",
      );
      assert.equal(found.id, run_id);
      assert.equal(found.params.unit_test_zero_2, "Failed");
      assert.equal(found.params.unit_test_half_2, "passed");
      assert.deepEqual(found.artifacts.sort(), ["testkit/unit.json", "testkit/unit_2.json"]);
    });

    it("without a run it only prints", async () => {
      assert.equal(await passes(workspace, `${release}/tests/unit`), "passed");
    });
  });
});

/** The example's pipeline and its test notebooks, run by the real local workspace. */
import assert from "node:assert/strict";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { asRecord, mlflowRuns, passes, query, runNotebook, uploadExample } from "./support";

const RELEASE = "/Shared/example tests/pipeline/0123456789ab";

describe("the example's notebooks", function () {
  this.timeout(120_000);
  let workspace: LocalWorkspace;

  before(async () => {
    workspace = await sharedWorkspace();
    await uploadExample(workspace, RELEASE);
  });

  describe("pipeline", () => {
    const env = "pipeline_test";
    const count = async (table: string) =>
      Number((await query(workspace, `SELECT count(*) FROM bike_hire_${env}.${table}`))[0]?.[0]);

    it("scores a new environment: runs the steps before, writes all tables, says what it did", async () => {
      const said = await passes(workspace, `${RELEASE}/pipeline/score`, { env });
      assert.match(said ?? "", /^scored 56 rows: the next 7 days at 8 stations, [\d,]+ hires expected/);
      assert.deepEqual(
        [await count("hires"), await count("features"), await count("model"), await count("forecast")],
        [8 * 84, 8 * 56, 4, 8 * 7],
      );
    });

    it("logged the training to MLflow: parameters, errors and the weights", async () => {
      const runs = await mlflowRuns(workspace, `/Shared/bike-hire-${env}`);
      assert.equal(runs.length, 1);
      const parameters = asRecord<string>(runs[0].data.params);
      assert.equal(parameters.rows, "448");
      assert.equal(parameters.ridge, "1.0");
      const metrics = asRecord<number>(runs[0].data.metrics);
      assert.ok(metrics.rmse! > 1 && metrics.rmse! < 3, `rmse ${metrics.rmse}`);
      assert.ok(metrics.rmse! < metrics.baseline_rmse!);
      assert.equal(runs[0].info.status, "FINISHED");
    });

    it("forecasts the days after the history, each station once a day, and the weekday's level", async () => {
      const rows = await query(
        workspace,
        `SELECT min(day), max(day), count(DISTINCT station, day), min(expected_hires) FROM bike_hire_${env}.forecast`,
      );
      const [first, last, distinct, least] = rows[0]!;
      assert.deepEqual([first, last, distinct], ["2026-06-29", "2026-07-05", "56"]);
      assert.ok(Number(least) > 5);
    });

    it("does not train again when it scores again, and gives the same forecast", async () => {
      const sum = `SELECT round(sum(expected_hires), 1) FROM bike_hire_${env}.forecast`;
      const before = await query(workspace, sum);
      await passes(workspace, `${RELEASE}/pipeline/score`, { env });
      assert.deepEqual(await query(workspace, sum), before);
      assert.equal((await mlflowRuns(workspace, `/Shared/bike-hire-${env}`)).length, 1);
    });

    it("keeps environments apart by `schema`", async () => {
      const said = await passes(workspace, `${RELEASE}/pipeline/ingest`, { schema: "another_schema" });
      assert.equal(said, "ingested 672 rows");
      assert.deepEqual(await query(workspace, "SELECT count(*) FROM another_schema.hires"), [["672"]]);
    });

    it("refuses a schema whose name could be SQL", async () => {
      const finished = await runNotebook(workspace, `${RELEASE}/pipeline/ingest`, {
        schema: "x; DROP TABLE y",
      });
      assert.equal(finished.state, "FAILED");
      assert.match(finished.error, /is not a name/);
    });
  });

  describe("test notebooks", () => {
    it("tests/test_features passes", async () => {
      assert.equal(await passes(workspace, `${RELEASE}/tests/test_features`), "passed");
    });

    it("tests/test_train writes rmse to the deployment's run and leaves the run open", async () => {
      const { experiment_id } = await workspace.ok("POST", "/api/2.0/mlflow/experiments/create", {
        name: "/Shared/example tests deployments",
      });
      const created = await workspace.ok("POST", "/api/2.0/mlflow/runs/create", {
        experiment_id,
        start_time: 1,
      });
      const run_id = created.run.info.run_id;
      assert.equal(
        await passes(workspace, `${RELEASE}/tests/test_train`, { experiment_id, run_id }),
        "passed",
      );
      const { run } = await workspace.ok("GET", `/api/2.0/mlflow/runs/get?run_id=${run_id}`);
      const metrics = asRecord<number>(run.data.metrics);
      assert.ok(metrics.rmse! > 1 && metrics.rmse! < 3, `rmse ${metrics.rmse}`);
      assert.equal(run.info.status, "RUNNING");
    });

    it("tests/test_ingest and tests/test_score pass and leave the environment and no schema behind", async () => {
      const schema = "bike_hire_untouched";
      await Promise.all(
        ["test_ingest", "test_score"].map(async (test) =>
          assert.equal(await passes(workspace, `${RELEASE}/tests/${test}`, { schema }), "passed"),
        ),
      );
      const names = (await query(workspace, "SHOW SCHEMAS")).map((row) => row[0]!);
      assert.ok(names.includes("default"), `schemas: ${names.join(", ")}`);
      assert.deepEqual(
        names.filter((name) => name.startsWith(schema)),
        [],
      );
    });

    it("tests/regression/test_forecast_quality passes", async () => {
      assert.equal(await passes(workspace, `${RELEASE}/tests/regression/test_forecast_quality`), "passed");
    });

    it("tests/test_secrets finds the secret and shows it nowhere; says which key is missing", async () => {
      const value = "s3cr3t-of-the-example";
      const scope = "example-tests";
      await workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope });
      await workspace.ok("POST", "/api/2.0/secrets/put", { scope, key: "api-token", string_value: value });
      const notebook = `${RELEASE}/tests/test_secrets`;
      const found = await runNotebook(workspace, notebook, { secret_scope: scope });
      assert.equal(found.result, "passed", found.error);
      assert.ok(!found.everything.includes(value));
      const missing = await runNotebook(workspace, notebook, { secret_scope: scope, secret_key: "other" });
      assert.equal(missing.state, "FAILED");
      assert.match(missing.error, /example-tests has no key other/);
      assert.match((await passes(workspace, notebook)) ?? "", /^skipped/);
    });
  });

  describe("another commit", () => {
    const horizon = (days: number) => (file: string, text: string) =>
      file === "lib/settings.py" ? text.replace(/^HORIZON_DAYS = \d+$/m, `HORIZON_DAYS = ${days}`) : text;

    it("is a line of lib/settings.py: with 3 days it scores 24 rows", async () => {
      const release = "/Shared/example tests/pipeline/aaaaaaaaaaaa";
      await uploadExample(workspace, release, horizon(3));
      const said = await passes(workspace, `${release}/pipeline/score`, {
        env: "three_days",
        tracking: "off",
      });
      assert.match(said ?? "", /^scored 24 rows: the next 3 days/);
    });

    it("with 8 days its end-to-end test fails and says why", async () => {
      const release = "/Shared/example tests/pipeline/bbbbbbbbbbbb";
      await uploadExample(workspace, release, horizon(8));
      const finished = await runNotebook(workspace, `${release}/tests/test_score`);
      assert.equal(finished.state, "FAILED");
      assert.match(finished.error, /horizon is 8 days/);
    });
  });
});

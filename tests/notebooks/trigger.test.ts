/** The trigger notebook: it runs the one live release, or says why it cannot. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { asRecord, mlflowRuns, passes, query, runNotebook, uploadExample } from "./support";

const ROOT = "/Shared/example tests/trigger";
const OLD = `${ROOT}/${"a".repeat(40)}`;
const NEW = `${ROOT}/${"b".repeat(40)}`;
const TABLE = "trigger_tests.registry";

/** A notebook that exits with its parameters as JSON, marked by `name`. */
const echo = (name: string) => `# Databricks notebook source
import json
dbutils.notebook.exit(json.dumps({"name": "${name}", **dbutils.widgets.getAll()}, sort_keys=True))
`;
const FAILING = `# Databricks notebook source
raise ValueError("the child's own trouble")
`;
/** Writes a table in the ways that a notebook does, and opens an MLflow run, marked by the test kit's `lineage`. */
const MARKED = `# Databricks notebook source
from lineage import mark
options = mark(spark, dbutils)

# COMMAND ----------

spark.range(3).write.saveAsTable("trigger_tests.marked")
spark.range(3).write.mode("append").options(**{**options, "userMetadata": "by hand"}).saveAsTable("trigger_tests.marked")
spark.range(3).write.insertInto("trigger_tests.marked")

# COMMAND ----------

import mlflow
mlflow.set_experiment("/Shared/trigger tests marked")
with mlflow.start_run():
    mlflow.log_metric("rows", 9)
`;
const LINEAGE = path.join(__dirname, "../../testkit/python/src/notebook_releases_testkit/lineage.py");
const ENDLESS = `# Databricks notebook source
import time
while True:
    time.sleep(0.1)
`;

describe("the trigger notebook", function () {
  this.timeout(120_000);
  let workspace: LocalWorkspace;
  const trigger = `${ROOT}/trigger`;
  const given = (parameters: Record<string, string>) => ({
    registry_table: TABLE,
    app: "bikes",
    env: "prod",
    notebook: "pipeline/echo",
    ...parameters,
  });

  before(async () => {
    workspace = await sharedWorkspace();
    await uploadExample(workspace, ROOT);
    const put = async (
      path: string,
      text: string,
      form: object = { format: "SOURCE", language: "PYTHON" },
    ) => {
      await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: path.slice(0, path.lastIndexOf("/")) });
      const content = Buffer.from(text).toString("base64");
      await workspace.ok("POST", "/api/2.0/workspace/import", { path, content, ...form });
    };
    await put(`${OLD}/pipeline/echo`, echo("old"));
    await put(`${NEW}/pipeline/echo`, echo("new"));
    await put(`${NEW}/pipeline/failing`, FAILING);
    await put(`${NEW}/pipeline/endless`, ENDLESS);
    await put(`${NEW}/pipeline/marked`, MARKED);
    await put(`${NEW}/pipeline/lineage.py`, readFileSync(LINEAGE, "utf8"), { format: "AUTO" });
    await query(workspace, "CREATE SCHEMA IF NOT EXISTS trigger_tests");
    await query(
      workspace,
      `CREATE TABLE ${TABLE} (app STRING, env STRING, githash STRING, release_path STRING, deployment_id STRING) USING delta`,
    );
    await query(
      workspace,
      `INSERT INTO ${TABLE} VALUES
        ('bikes', 'prod', '${"b".repeat(40)}', '${NEW}', 'run-b'), ('bikes', 'staging', '${"a".repeat(40)}', '${OLD}', NULL),
        ('bikes', 'twice', 'x', '${OLD}', ''), ('bikes', 'twice', 'y', '${NEW}', '')`,
    );
  });

  it("runs the live release's notebook, hands on the job's parameters and the exit value", async () => {
    const said = await passes(workspace, trigger, given({ colour: "O'Brien's \"blue\"; --" }));
    assert.deepEqual(JSON.parse(said ?? ""), {
      name: "new",
      app: "bikes",
      env: "prod",
      colour: "O'Brien's \"blue\"; --",
      githash: "b".repeat(40),
      release_path: NEW,
      deployment_id: "run-b",
    });
  });

  it("tells the notebook its release, with which it marks what it writes: Delta's commits and MLflow's runs", async () => {
    await passes(workspace, trigger, given({ notebook: "pipeline/marked" }));
    const origin = { app: "bikes", env: "prod", githash: "b".repeat(40), deployment_id: "run-b" };
    const history = await query(workspace, "DESCRIBE HISTORY trigger_tests.marked");
    // The oldest first; the last column but one is userMetadata.
    const [first, second, third] = history.map((commit) => commit.at(-2)).reverse();
    assert.deepEqual(
      [first, third].map((text) => JSON.parse(text ?? "null") as unknown),
      [origin, origin],
    );
    assert.equal(second, "by hand");
    const [run] = await mlflowRuns(workspace, "/Shared/trigger tests marked");
    const { app, env, githash, deployment_id } = asRecord<string>(run.data.tags);
    assert.deepEqual({ app, env, githash, deployment_id }, origin);
  });

  it("asks at each run: another environment, or a moved row, is another release", async () => {
    assert.equal(JSON.parse((await passes(workspace, trigger, given({ env: "staging" }))) ?? "").name, "old");
    await query(workspace, `UPDATE ${TABLE} SET release_path = '${NEW}' WHERE env = 'staging'`);
    assert.equal(JSON.parse((await passes(workspace, trigger, given({ env: "staging" }))) ?? "").name, "new");
  });

  const refusals: [title: string, parameters: Record<string, string>, reason: RegExp][] = [
    ["no row", { env: "nowhere" }, /has 0 rows for app 'bikes' in env 'nowhere', expected exactly one/],
    ["two rows", { env: "twice" }, /has 2 rows for app 'bikes' in env 'twice', expected exactly one/],
    ["a value that would be SQL", { env: "x' OR 'a' = 'a" }, /has 0 rows/],
    [
      "a child that fails, and says which githash that was",
      { notebook: "pipeline/failing" },
      /bikes b{12} in prod: .*failed: /,
    ],
    ["a notebook that the release lacks", { notebook: "pipeline/nope" }, /pipeline\/nope/],
    ["a path out of the release", { notebook: "../other/echo" }, /give its path inside the release/],
    ["missing parameters, all named", { app: "", env: "" }, /app is empty; env is empty/],
    ["a timeout that is no number", { timeout_seconds: "soon" }, /timeout_seconds is 'soon'/],
    [
      "a child that takes longer than allowed",
      { notebook: "pipeline/endless", timeout_seconds: "2" },
      /endless/,
    ],
  ];
  for (const [title, parameters, reason] of refusals) {
    it(`fails with ${title}`, async () => {
      const finished = await runNotebook(workspace, trigger, given(parameters));
      assert.equal(finished.state, "FAILED", finished.everything);
      assert.match(finished.error, reason);
    });
  }
});

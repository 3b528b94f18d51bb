/** Notebooks on the real Spark engine. */
import assert from "node:assert/strict";
import { startSpark } from "../../workspace/engines/spark";
import { startRig, task, type Answer, type Rig } from "./helper";

describe("notebooks with Spark", function () {
  this.timeout(90_000);
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    const { workspace } = rig.running;
    const engine = startSpark(workspace.settings, workspace.log);
    workspace.onStop("Spark", () => engine.stop());
    workspace.spark = () => engine.ready();
  });
  after(() => rig.close());

  async function outputOf(notebook: string, parameters: Record<string, string> = {}): Promise<Answer> {
    const run = await rig.run([
      { task_key: "a", notebook_task: { notebook_path: notebook, base_parameters: parameters } },
    ]);
    const output = await rig.output(run.tasks[0].run_id);
    assert.equal(run.tasks[0].state.result_state, "SUCCESS", output.error_trace ?? output.error);
    return output;
  }

  it("run %sql cells with several statements and parameters, and hand the last result to Python", async () => {
    await rig.notebook(
      "/Shared/sql",
      `# MAGIC %sql
# MAGIC -- a comment; with a semicolon
# MAGIC CREATE SCHEMA IF NOT EXISTS main.jobs;
# MAGIC CREATE TABLE main.jobs.t (id INT, name STRING) USING DELTA;
# MAGIC INSERT INTO main.jobs.t VALUES (1, 'one; still one'), (2, 'two');
# MAGIC SELECT * FROM main.jobs.t WHERE id = CAST(:wanted AS INT)
===
rows = _sqldf.collect()
from pyspark.sql.connect.session import SparkSession
assert isinstance(spark, SparkSession)
dbutils.notebook.exit(rows[0]["name"] + "|" + str(sql("SELECT count(*) FROM main.jobs.t").collect()[0][0]))`,
    );
    const output = await outputOf("/Shared/sql", { wanted: "1" });
    assert.equal(output.notebook_output.result, "one; still one|2");
    assert.match(output.logs, /one; still one/);
  });

  it("run a notebook whose language is SQL, on the tables of others", async () => {
    await rig.notebook(
      "/Shared/plain",
      "UPDATE main.jobs.t SET name = 'TWO' WHERE id = 2\n===\nSELECT name FROM main.jobs.t ORDER BY id DESC LIMIT 1",
      "SQL",
    );
    assert.match((await outputOf("/Shared/plain")).logs, /TWO/);
  });

  it("fail with the engine's message", async () => {
    await rig.notebook("/Shared/wrong", "# MAGIC %sql\n# MAGIC SELECT * FROM main.jobs.nothing");
    const run = await rig.run([task("a", "/Shared/wrong")]);
    assert.match((await rig.output(run.tasks[0].run_id)).error, /nothing/);
  });
});

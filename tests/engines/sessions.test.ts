/** `localspark` as notebooks use it: tables of one session are those of all, and plain Delta tables on disk. */
import assert from "node:assert/strict";
import { python, Sql } from "./helper";

describe("Spark sessions", function () {
  this.timeout(120_000);
  let sql: Sql;
  before(async () => {
    sql = await Sql.connect();
    await sql.schema("engines_sessions");
  });

  async function session(code: string): Promise<any> {
    const { remote, warehouse } = await sql.workspace.workspace.spark!();
    const start =
      "import json, os\nfrom localspark import connect\nspark = connect(os.environ['REMOTE'], os.environ['WAREHOUSE'], 'test')\n";
    const out = await python(sql.workspace, `${start}${code}\nspark.stop()`, {
      REMOTE: remote,
      WAREHOUSE: warehouse,
    });
    return JSON.parse(out.trim().split("\n").at(-1)!);
  }

  it("see each other's tables, however they were written", async () => {
    await sql.rows("CREATE TABLE main.engines_sessions.shared (a INT, b STRING)");
    await sql.rows("INSERT INTO main.engines_sessions.shared VALUES (1, 'sql')");
    const seen = await session(`
from pyspark.sql import SparkSession
assert SparkSession.builder.getOrCreate() is spark
spark.sql("INSERT INTO engines_sessions.shared (a) VALUES (:a)", args={"a": 2})
spark.range(3).write.saveAsTable("main.engines_sessions.saved")
spark.range(4).writeTo("engines_sessions.v2").createOrReplace()
spark.createDataFrame([(7, "df")], "a INT, b STRING").write.mode("append").saveAsTable("engines_sessions.shared")
changed = spark.sql("UPDATE engines_sessions.shared SET b = 'new' WHERE a = 2").collect()[0].asDict()
print(json.dumps([changed, spark.table("engines_sessions.shared").count(), spark.read.table("main.engines_sessions.v2").count()]))`);
    assert.deepEqual(seen, [{ num_affected_rows: 1 }, 3, 4]);
    assert.deepEqual(await sql.rows("SELECT * FROM main.engines_sessions.shared ORDER BY a"), [
      ["1", "sql"],
      ["2", "new"],
      ["7", "df"],
    ]);
    assert.deepEqual(await sql.rows("SELECT count(*) FROM engines_sessions.saved"), [["3"]]);
    assert.deepEqual(await sql.rows("SELECT count(*) FROM engines_sessions.v2"), [["4"]]);
  });

  it("find new tables and lose dropped ones while they run", async () => {
    const counts = await session(`
other = connect(os.environ['REMOTE'], os.environ['WAREHOUSE'], 'other')
other.sql("CREATE TABLE engines_sessions.passing AS SELECT 1 AS a")
first = spark.table("engines_sessions.passing").count()
other.sql("CREATE OR REPLACE TABLE engines_sessions.passing AS SELECT 'x' AS other, 2 AS two")
columns = spark.table("engines_sessions.passing").columns
other.sql("DROP TABLE engines_sessions.passing")
try:
    spark.table("engines_sessions.passing").count()
    lost = False
except Exception as error:
    lost = "passing" in str(error)
other.stop()
print(json.dumps([first, columns, lost]))`);
    assert.deepEqual(counts, [1, ["other", "two"], true]);
  });

  it("leave tables that another Delta reader opens", async () => {
    await sql.rows("CREATE TABLE main.engines_sessions.plain AS SELECT 'a' AS k, 1 AS v");
    const folder = `${sql.workspace.dataDir}/warehouse/main/engines_sessions/plain`;
    const out = await python(
      sql.workspace,
      "import os, json\nfrom deltalake import DeltaTable\nprint(json.dumps(DeltaTable(os.environ['FOLDER']).to_pyarrow_table().to_pylist()))",
      { FOLDER: folder },
    );
    assert.deepEqual(JSON.parse(out), [{ k: "a", v: 1 }]);
  });
});

/** Databricks' SQL on the local engine: names, tables, what Sail lacks, and errors. */
import assert from "node:assert/strict";
import { Sql } from "./helper";

describe("SQL of the local workspace", function () {
  this.timeout(90_000);
  let sql: Sql;
  before(async () => {
    sql = await Sql.connect();
    await sql.schema("engines_sql");
  });

  it("keeps tables under three-part, two-part and one-part names, whatever their case", async () => {
    await sql.rows("CREATE TABLE IF NOT EXISTS Main.Engines_SQL.Names (a INT)");
    await sql.rows("INSERT INTO main.engines_sql.names VALUES (1)");
    await sql.rows("CREATE SCHEMA IF NOT EXISTS hive_metastore.engines_sql");
    await sql.rows("CREATE TABLE hive_metastore.engines_sql.names (a INT)");
    assert.deepEqual(await sql.rows("SELECT a FROM MAIN.engines_sql.NAMES"), [["1"]]);
    assert.deepEqual(await sql.rows("SELECT a FROM engines_sql.names"), [["1"]]);
    assert.deepEqual(await sql.rows("SELECT a FROM names", [], { catalog: "main", schema: "engines_sql" }), [
      ["1"],
    ]);
    assert.deepEqual(
      await sql.rows("SELECT a FROM engines_sql.names", [], { catalog: "hive_metastore" }),
      [],
    );
    assert.deepEqual(await sql.rows("SHOW TABLES IN main.engines_sql LIKE 'names'"), [
      ["engines_sql", "names", "false"],
    ]);
  });

  it("creates Delta tables with comments and properties, where a folder of that name holds them", async () => {
    await sql.rows(
      `CREATE TABLE main.engines_sql.props (app STRING NOT NULL COMMENT 'the app\\'s', n DECIMAL(10,2), at TIMESTAMP) USING DELTA
       COMMENT 'all' TBLPROPERTIES ('delta.isolationLevel' = 'Serializable', 'delta.enableDeletionVectors' = 'false')`,
    );
    const detail = (await sql.records("DESCRIBE DETAIL main.engines_sql.props"))[0]!;
    assert.equal(detail.format, "delta");
    assert.equal(detail.name, "main.engines_sql.props");
    assert.deepEqual(JSON.parse(detail.properties!), {
      "delta.isolationLevel": "Serializable",
      "delta.enableDeletionVectors": "false",
    });
    assert.deepEqual(await sql.rows("DESCRIBE TABLE main.engines_sql.props"), [
      ["app", "string", "the app's"],
      ["n", "decimal(10,2)", null],
      ["at", "timestamp", null],
    ]);
    await sql.rows("ALTER TABLE main.engines_sql.props SET TBLPROPERTIES ('owner' = 'team a')");
    assert.deepEqual(await sql.rows("SHOW TBLPROPERTIES main.engines_sql.props ('owner')"), [
      ["owner", "team a"],
    ]);
    await sql.rows("ALTER TABLE main.engines_sql.props ADD COLUMNS (note STRING COMMENT 'late')");
    await sql.rows("INSERT INTO main.engines_sql.props (note, APP) VALUES ('x', 'y')");
    assert.deepEqual(await sql.rows("SELECT app, n, at, note FROM main.engines_sql.props"), [
      ["y", null, null, "x"],
    ]);
  });

  it("gives DML's numbers as Databricks does", async () => {
    const t = "main.engines_sql.dml";
    await sql.rows(`CREATE TABLE ${t} (k STRING, v INT)`);
    const one = async (statement: string) => (await sql.records(statement))[0];
    assert.deepEqual(await one(`INSERT INTO ${t} VALUES ('a', 1), ('b', 2), ('c', 3)`), {
      num_affected_rows: "3",
      num_inserted_rows: "3",
    });
    assert.deepEqual(await one(`UPDATE ${t} SET v = v + 1 WHERE k IN ('a', 'b')`), {
      num_affected_rows: "2",
    });
    assert.deepEqual(await one(`UPDATE ${t} SET v = 0 WHERE k = 'none'`), { num_affected_rows: "0" });
    assert.deepEqual(
      await one(
        `MERGE INTO ${t} AS t USING (VALUES ('a', 9), ('b', 9), ('new', 9)) AS s(k, v) ON t.k = s.k
         WHEN MATCHED AND s.k = 'a' THEN UPDATE SET v = s.v WHEN MATCHED THEN DELETE
         WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)`,
      ),
      { num_affected_rows: "3", num_updated_rows: "1", num_deleted_rows: "1", num_inserted_rows: "1" },
    );
    assert.deepEqual(await one(`DELETE FROM ${t} WHERE k = 'c'`), { num_affected_rows: "1" });
    assert.deepEqual(await one(`DELETE FROM ${t} WHERE k = 'c'`), { num_affected_rows: "0" });
    assert.deepEqual(await sql.rows(`SELECT * FROM ${t} ORDER BY k`), [
      ["a", "9"],
      ["new", "9"],
    ]);
  });

  it("answers history, time travel and restore", async () => {
    const t = "main.engines_sql.travel";
    await sql.rows(`CREATE TABLE ${t} AS SELECT 'first' AS v`);
    await sql.rows(`UPDATE ${t} SET v = 'second'`);
    const history = await sql.records(`DESCRIBE HISTORY ${t}`);
    assert.deepEqual(
      history.map(({ version }) => version),
      history.map((_, index) => String(history.length - 1 - index)),
    );
    assert.equal(history[0]!.operation, "UPDATE");
    assert.match(history[0]!.timestamp!, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(await sql.rows(`DESCRIBE HISTORY ${t} LIMIT 1`), [
      (await sql.rows(`DESCRIBE HISTORY ${t}`))[0],
    ]);
    const before = Number(history[0]!.version) - 1;
    const at = [{ name: "v", value: String(before), type: "INT" }];
    assert.deepEqual(await sql.rows(`SELECT v FROM ${t} VERSION AS OF :v`, at), [["first"]]);
    await sql.rows(`RESTORE TABLE ${t} TO VERSION AS OF :v`, at);
    assert.deepEqual(await sql.rows(`SELECT v FROM ${t}`), [["first"]]);
    await sql.rows(`CREATE OR REPLACE TABLE ${t} AS SELECT 1 AS other`);
    assert.deepEqual(await sql.rows(`SELECT * FROM ${t}`), [["1"]]);
    await sql.rows(`DROP TABLE ${t}`);
    assert.match(await sql.failure(`SELECT * FROM ${t}`), /TABLE_OR_VIEW_NOT_FOUND/);
    await sql.rows(`CREATE TABLE ${t} (fresh INT)`);
    assert.deepEqual(await sql.rows(`SELECT * FROM ${t}`), []);
  });

  it("shows values as the API does", async () => {
    const answer = await sql.send(
      `SELECT true AS b, CAST(1 AS TINYINT) AS t, 5L AS l, 1.5D AS d, CAST('1.50' AS DECIMAL(10,2)) AS m, DATE'2026-01-02' AS day,
       TIMESTAMP'2026-01-02 03:04:05.678' AS at, array(1, 2) AS list, map('k', 1) AS pairs, named_struct('x', 1, 'y', 'z') AS s,
       CAST(NULL AS STRING) AS n, X'00ff' AS raw`,
    );
    assert.deepEqual(answer.result.data_array[0], [
      ...["true", "1", "5", "1.5", "1.50", "2026-01-02", "2026-01-02T03:04:05.678Z"],
      ...["[1,2]", '{"k":1}', '{"x":1,"y":"z"}', null, "AP8="],
    ]);
    const columns = answer.manifest.schema.columns;
    assert.deepEqual(
      columns.map((column: { type_name: string }) => column.type_name),
      [
        "BOOLEAN",
        "BYTE",
        "LONG",
        "DOUBLE",
        "DECIMAL",
        "DATE",
        "TIMESTAMP",
        "ARRAY",
        "MAP",
        "STRUCT",
        "STRING",
        "BINARY",
      ],
    );
    assert.deepEqual(columns[4], {
      ...{ name: "m", type_text: "DECIMAL(10,2)", type_name: "DECIMAL", position: 4 },
      ...{ type_precision: 10, type_scale: 2 },
    });
  });

  for (const [what, statement, condition, state] of [
    ["a missing table", "SELECT * FROM main.engines_sql.missing", "TABLE_OR_VIEW_NOT_FOUND", "42P01"],
    [
      "a missing table in DML",
      "UPDATE main.engines_sql.missing SET a = 1",
      "TABLE_OR_VIEW_NOT_FOUND",
      "42P01",
    ],
    ["a missing schema", "CREATE TABLE main.nowhere.t (a INT)", "SCHEMA_NOT_FOUND", "42704"],
    ["a missing catalog", "CREATE SCHEMA nowhere.s", "NO_SUCH_CATALOG_EXCEPTION", "42704"],
    ["a schema that exists", "CREATE SCHEMA main.engines_sql", "SCHEMA_ALREADY_EXISTS", "42P06"],
    [
      "a table that exists",
      "CREATE TABLE main.engines_sql.names (a INT)",
      "TABLE_OR_VIEW_ALREADY_EXISTS",
      "42P07",
    ],
    ["a schema with tables", "DROP SCHEMA main.engines_sql", "SCHEMA_NOT_EMPTY", "2BP01"],
    [
      "a missing column",
      "SELECT nothing FROM main.engines_sql.names",
      "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
      "42703",
    ],
    ["no SQL", "SELEC 1", "PARSE_SYNTAX_ERROR", "42601"],
    ["an open string", "SELECT 'a", "PARSE_SYNTAX_ERROR", "42601"],
    ["two statements", "SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR", "42601"],
    ["a division by zero", "SELECT 1/0", "DIVIDE_BY_ZERO", "22012"],
    ["a missing parameter", "SELECT :a", "UNBOUND_SQL_PARAMETER", "42P02"],
  ] as const) {
    it(`names ${what}`, async () => {
      const { status } = await sql.send(statement);
      assert.equal(status.state, "FAILED");
      assert.equal(status.error.error_code, "BAD_REQUEST");
      assert.ok(status.error.message.startsWith(`[${condition}] `), status.error.message);
      assert.ok(status.error.message.endsWith(`SQLSTATE: ${state}`), status.error.message);
      assert.equal(status.sql_state, state);
    });
  }

  it("says who asks", async () => {
    const token = await sql.workspace.user("sql-asker@example.com");
    const body = { warehouse_id: sql.workspace.warehouse_id, statement: "SELECT current_user()" };
    const answer = await sql.workspace.ok("POST", "/api/2.0/sql/statements", body, { token });
    assert.deepEqual(answer.result.data_array, [["sql-asker@example.com"]]);
    assert.deepEqual(await sql.rows("SELECT current_user()"), [["admin@local.workspace"]]);
  });
});

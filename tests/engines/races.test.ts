/** Many at once: exactly one wins, and whoever loses knows it. The registry's compare-and-swap stands on this. */
import assert from "node:assert/strict";
import { Sql } from "./helper";

const ROUNDS = 20;
const WRITERS = 4;

describe("statements at once", function () {
  this.timeout(180_000);
  let sql: Sql;
  before(async () => {
    sql = await Sql.connect();
    await sql.schema("engines_races");
  });

  /** How each of the writers fared: rows affected, or "conflict". Fails on anything else. */
  async function race(statement: (writer: number) => string): Promise<(number | "conflict")[]> {
    const answers = await Promise.all(
      Array.from({ length: WRITERS }, (_, writer) => sql.send(statement(writer))),
    );
    return answers.map(({ status, result }) => {
      if (status.state === "SUCCEEDED") return Number(result.data_array[0][0]);
      assert.match(status.error.message, /^\[DELTA_CONCURRENT_APPEND\].*SQLSTATE: 2D521$/);
      return "conflict";
    });
  }

  it("move one row by exactly one of them", async () => {
    const t = "main.engines_races.moves";
    await sql.rows(
      `CREATE TABLE ${t} (k STRING, version BIGINT, winner STRING) TBLPROPERTIES ('delta.isolationLevel' = 'Serializable')`,
    );
    await sql.rows(`INSERT INTO ${t} VALUES ('k', 0, NULL)`);
    for (let version = 0; version < ROUNDS; version++) {
      const fared = await race(
        (writer) =>
          `UPDATE ${t} SET version = version + 1, winner = 'w${writer}' WHERE k = 'k' AND version = ${version}`,
      );
      const winners = fared.flatMap((rows, writer) => (rows === 1 ? [writer] : []));
      assert.equal(winners.length, 1, `round ${version}: ${fared.join()}`);
      assert.deepEqual(await sql.rows(`SELECT * FROM ${t}`), [["k", String(version + 1), `w${winners[0]}`]]);
    }
  });

  it("insert a first row exactly once", async () => {
    const t = "main.engines_races.firsts";
    await sql.rows(
      `CREATE TABLE ${t} (k STRING, winner STRING) TBLPROPERTIES ('delta.isolationLevel' = 'Serializable')`,
    );
    for (let round = 0; round < ROUNDS; round++) {
      const fared = await race(
        (writer) =>
          `MERGE INTO ${t} AS t USING (SELECT 'k${round}' AS k) AS s ON t.k = s.k
           WHEN NOT MATCHED THEN INSERT (k, winner) VALUES (s.k, 'w${writer}')`,
      );
      const winners = fared.flatMap((rows, writer) => (rows === 1 ? [writer] : []));
      assert.equal(winners.length, 1, `round ${round}: ${fared.join()}`);
      assert.deepEqual(await sql.rows(`SELECT winner FROM ${t} WHERE k = 'k${round}'`), [[`w${winners[0]}`]]);
    }
  });

  it("append without conflicts, as on Databricks", async () => {
    const t = "main.engines_races.appends";
    await sql.rows(`CREATE TABLE ${t} (n INT)`);
    for (let round = 0; round < 5; round++) {
      assert.deepEqual(
        await race((writer) => `INSERT INTO ${t} VALUES (${round * WRITERS + writer})`),
        [1, 1, 1, 1],
      );
    }
    assert.deepEqual(await sql.rows(`SELECT count(*), count(DISTINCT n) FROM ${t}`), [["20", "20"]]);
  });

  it("create one table once", async () => {
    for (let round = 0; round < 5; round++) {
      const t = `main.engines_races.made${round}`;
      await Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          await sql.rows(`CREATE TABLE IF NOT EXISTS ${t} (n INT)`);
          await sql.rows(`INSERT INTO ${t} VALUES (${writer})`);
        }),
      );
      const history = await sql.records(`DESCRIBE HISTORY ${t}`);
      assert.equal(history.filter(({ operation }) => operation === "CREATE TABLE").length, 1);
      assert.deepEqual(await sql.rows(`SELECT count(*) FROM ${t}`), [[String(WRITERS)]]);
    }
  });
});

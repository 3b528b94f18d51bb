/** The Statement Execution API and the SQL warehouses. */
import assert from "node:assert/strict";
import { Sql } from "./helper";

const STATEMENTS = "/api/2.0/sql/statements";
const WAREHOUSES = "/api/2.0/sql/warehouses";
/** Takes far longer than any test waits, and is not foreseen by an optimiser. */
const SLOW = "SELECT count(*) FROM range(100000000) AS a JOIN range(100000) AS b ON a.id % 7 = b.id % 5";

describe("the statements API", function () {
  this.timeout(90_000);
  let sql: Sql;
  before(async () => {
    sql = await Sql.connect();
  });

  const state = async (id: string) => (await sql.workspace.ok("GET", `${STATEMENTS}/${id}`)).status.state;

  async function until(id: string, wanted: (state: string) => boolean): Promise<string> {
    for (let tries = 0; tries < 1200; tries++) {
      const now = await state(id);
      if (wanted(now)) return now;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`Statement ${id} did not come so far`);
  }

  it("answers at once with wait_timeout 0s, and later with the result", async () => {
    const { statement_id: id, status } = await sql.send("SELECT 1 AS one", [], { wait_timeout: "0s" });
    assert.ok(["PENDING", "RUNNING"].includes(status.state));
    assert.equal(await until(id, (now) => !["PENDING", "RUNNING"].includes(now)), "SUCCEEDED");
    const { manifest, result } = await sql.workspace.ok("GET", `${STATEMENTS}/${id}`);
    assert.equal(manifest.format, "JSON_ARRAY");
    assert.deepEqual(manifest.schema, {
      column_count: 1,
      columns: [{ name: "one", type_text: "INT", type_name: "INT", position: 0 }],
    });
    assert.deepEqual(
      [manifest.total_row_count, manifest.total_chunk_count, manifest.truncated],
      [1, 1, false],
    );
    assert.deepEqual(result.data_array, [["1"]]);
  });

  it("cancels, and the engine is free again", async () => {
    const { statement_id: id } = await sql.send(SLOW, [], { wait_timeout: "0s" });
    await until(id, (now) => now === "RUNNING");
    assert.deepEqual(await sql.workspace.ok("POST", `${STATEMENTS}/${id}/cancel`), {});
    assert.equal(await state(id), "CANCELED");
    // One after the other, more than run at once: they would wait if cancelled ones still held their places.
    for (let index = 0; index < 15; index++) {
      const { statement_id: next } = await sql.send(SLOW, [], { wait_timeout: "0s" });
      await until(next, (now) => now === "RUNNING");
      await sql.workspace.ok("POST", `${STATEMENTS}/${next}/cancel`);
    }
    assert.deepEqual(await sql.rows("SELECT 1"), [["1"]]);
  });

  it("cancels by itself with on_wait_timeout CANCEL, goes on with CONTINUE", async () => {
    const cancelled = await sql.send(SLOW, [], { wait_timeout: "5s", on_wait_timeout: "CANCEL" });
    assert.equal(cancelled.status.state, "CANCELED");
    const running = await sql.send(SLOW, [], { wait_timeout: "5s", on_wait_timeout: "CONTINUE" });
    assert.equal(running.status.state, "RUNNING");
    await sql.workspace.ok("POST", `${STATEMENTS}/${running.statement_id}/cancel`);
  });

  it("hands out a large result in chunks", async () => {
    const answer = await sql.send("SELECT id, repeat('x', 1000) AS text FROM range(5000) ORDER BY id");
    assert.equal(answer.manifest.total_row_count, 5000);
    assert.equal(answer.manifest.chunks.length, answer.manifest.total_chunk_count);
    assert.ok(answer.manifest.total_chunk_count > 1);
    const ids: string[] = [];
    let chunk = answer.result;
    for (;;) {
      assert.equal(chunk.row_offset, ids.length);
      assert.equal(chunk.row_count, chunk.data_array.length);
      ids.push(...chunk.data_array.map(([id]: [string]) => id));
      if (chunk.next_chunk_index === undefined) break;
      assert.equal(chunk.next_chunk_index, chunk.chunk_index + 1);
      chunk = await sql.workspace.ok("GET", chunk.next_chunk_internal_link);
    }
    assert.deepEqual(
      ids,
      Array.from({ length: 5000 }, (_, index) => String(index)),
    );
    const path = `${STATEMENTS}/${answer.statement_id}/result/chunks/999`;
    assert.match(await sql.workspace.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", path), /no chunk 999/);
  });

  it("keeps row_limit and the limit of inline results", async () => {
    const limited = await sql.send("SELECT id FROM range(100)", [], { row_limit: 7 });
    assert.deepEqual([limited.manifest.total_row_count, limited.manifest.truncated], [7, true]);
    const exact = await sql.send("SELECT id FROM range(7)", [], { row_limit: 7 });
    assert.deepEqual([exact.manifest.total_row_count, exact.manifest.truncated], [7, false]);
    assert.match(await sql.failure("SELECT repeat('x', 30000000)"), /Inline byte limit exceeded/);
  });

  it("refuses bad requests", async () => {
    const bad = async (code: string, more: object, status = 400) =>
      sql.workspace.fails(status, code, "POST", STATEMENTS, {
        ...{ warehouse_id: sql.workspace.warehouse_id, statement: "SELECT 1" },
        ...more,
      });
    for (const wait_timeout of ["4s", "51s", "10", "x"]) {
      assert.match(await bad("INVALID_PARAMETER_VALUE", { wait_timeout }), /wait_timeout/);
    }
    await bad("INVALID_PARAMETER_VALUE", { statement: "" });
    await bad("INVALID_PARAMETER_VALUE", { warehouse_id: undefined });
    assert.match(
      await bad("RESOURCE_DOES_NOT_EXIST", { warehouse_id: "0000000000000000" }, 404),
      /0000000000000000/,
    );
    assert.match(await bad("INVALID_PARAMETER_VALUE", { on_wait_timeout: "STOP" }), /CONTINUE or CANCEL/);
    assert.match(await bad("INVALID_PARAMETER_VALUE", { disposition: "EXTERNAL_LINKS" }), /INLINE/);
    assert.match(await bad("INVALID_PARAMETER_VALUE", { row_limit: 0 }), /row_limit/);
    await bad("MALFORMED_REQUEST", { parameters: { a: 1 } });
    await bad("MALFORMED_REQUEST", { parameters: [{ name: "a", value: 1 }] });
    assert.match(
      await bad("INVALID_PARAMETER_VALUE", { parameters: [{ name: "a" }, { name: "a" }] }),
      /twice/,
    );
  });

  it("shows a statement to nobody but its owner", async () => {
    const { statement_id: id } = await sql.send("SELECT 1");
    const token = await sql.workspace.user("other-reader@example.com");
    await sql.workspace.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `${STATEMENTS}/${id}`, undefined, {
      token,
    });
  });
});

describe("SQL warehouses", function () {
  this.timeout(60_000);
  let sql: Sql;
  before(async () => {
    sql = await Sql.connect();
  });

  it("has one from the start, which a statement starts again after a stop", async () => {
    const id = sql.workspace.warehouse_id!;
    assert.match(id, /^[0-9a-f]{16}$/);
    const path = `${WAREHOUSES}/${id}`;
    const { warehouses } = await sql.workspace.ok("GET", WAREHOUSES);
    assert.ok(
      warehouses.some(
        (each: { id: string; name: string }) => each.id === id && each.name === "Local warehouse",
      ),
    );
    await sql.workspace.ok("POST", `${path}/stop`);
    assert.equal((await sql.workspace.ok("GET", path)).state, "STOPPED");
    assert.deepEqual(await sql.rows("SELECT 1"), [["1"]]);
    assert.equal((await sql.workspace.ok("GET", path)).state, "RUNNING");
  });

  it("are created, edited and deleted by administrators", async () => {
    const { workspace } = sql;
    const { id } = await workspace.ok("POST", WAREHOUSES, {
      name: "second",
      cluster_size: "Small",
      auto_stop_mins: 5,
    });
    assert.equal((await workspace.ok("GET", `${WAREHOUSES}/${id}`)).cluster_size, "Small");
    await workspace.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", WAREHOUSES, { name: "second" });
    await workspace.ok("POST", `${WAREHOUSES}/${id}/edit`, { name: "third", cluster_size: "Large" });
    const { name, cluster_size, auto_stop_mins } = await workspace.ok("GET", `${WAREHOUSES}/${id}`);
    assert.deepEqual([name, cluster_size, auto_stop_mins], ["third", "Large", 5]);
    const token = await workspace.user("no-admin@example.com");
    await workspace.fails(403, "PERMISSION_DENIED", "DELETE", `${WAREHOUSES}/${id}`, undefined, { token });
    await workspace.ok("DELETE", `${WAREHOUSES}/${id}`);
    assert.equal((await workspace.api("GET", `${WAREHOUSES}/${id}`)).status, 404);
  });
});

/** SQL statements: their names, their pages, their waiting, their failures. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionError } from "../../databricks/errors";
import { bigint, quoteName, splitName, SqlError, text, Warehouse } from "../../databricks/sql";
import { drop, json, Stub } from "./stub";

const anyPart = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
const plainPart = anyPart.filter((part) => !/[.`\s]/.test(part));
const quoted = (part: string) => "`" + part.replaceAll("`", "``") + "`";

describe("names of tables", () => {
  it("of two or three plain parts are split at the dots", () => {
    fc.assert(
      fc.property(fc.array(plainPart, { minLength: 2, maxLength: 3 }), (parts) => {
        assert.deepEqual(splitName(parts.join(".")), parts);
      }),
    );
  });

  it("may have any part quoted, and come back from their quoted form as they were", () => {
    fc.assert(
      fc.property(fc.array(anyPart, { minLength: 2, maxLength: 3 }), (parts) => {
        const name = parts.map(quoted).join(".");
        assert.deepEqual(splitName(name), parts);
        assert.equal(quoteName(name), name);
      }),
    );
  });

  it("are never anything but quoted parts in a statement, whatever is given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (name) => {
        let result: string;
        try {
          result = quoteName(name);
        } catch (error) {
          assert.match(
            (error as Error).message,
            /is not a table's name\. Expected catalog\.schema\.table, or schema\.table\.$/,
          );
          return;
        }
        assert.match(result, /^(`([^`]|``)+`\.){1,2}`([^`]|``)+`$/s);
      }),
    );
  });

  it("are refused with one part, with four, with an empty one, or with a statement behind them", () => {
    for (const name of [
      "registry",
      "a.b.c.d",
      "a..b",
      ".a.b",
      "a.b.",
      "",
      "a.b; DROP TABLE x",
      "a.`b",
      "a.b c",
      "a.``",
    ]) {
      assert.throws(() => splitName(name), /is not a table's name/, name);
    }
  });
});

describe("a statement", () => {
  let stub: Stub;
  let warehouse: Warehouse;
  beforeEach(async () => {
    stub = await Stub.start();
    warehouse = new Warehouse(stub.client(), "wh1");
  });
  afterEach(() => stub.stop());

  const schema = { columns: [{ name: "app" }, { name: "version" }] };
  const state = (value: string, more: object = {}) =>
    json(200, { statement_id: "s1", status: { state: value }, ...more });
  const failing = (error: object) => state("FAILED", { status: { state: "FAILED", error } });
  const sqlError = async (work: Promise<unknown>): Promise<SqlError> => {
    const error: unknown = await work.catch((reason: unknown) => reason);
    assert.ok(error instanceof SqlError, String(error));
    return error;
  };

  it("is sent with its values bound and typed, never in its text", async () => {
    stub.answers(state("SUCCEEDED"));
    const parameters = [text("app", "o'b; DROP"), text("hold", null), bigint("version", 7)];
    assert.deepEqual(await warehouse.query("SELECT :app, :hold, :version", { parameters }), []);
    const body = JSON.parse(stub.seen[0]?.body ?? "");
    assert.equal(body.warehouse_id, "wh1");
    assert.equal(body.statement, "SELECT :app, :hold, :version");
    assert.deepEqual(body.parameters, [
      { name: "app", value: "o'b; DROP", type: "STRING" },
      { name: "hold", type: "STRING" },
      { name: "version", value: "7", type: "BIGINT" },
    ]);
  });

  it("answers rows by column, from all of its chunks", async () => {
    const chunk = (app: string, next?: number | null) => ({
      data_array: [[app, "1"]],
      next_chunk_index: next,
    });
    stub.answers(
      state("SUCCEEDED", { manifest: { schema }, result: chunk("a", 1) }),
      json(200, chunk("b", 2)),
      json(200, { data_array: [["c", null]], next_chunk_index: null }),
    );
    assert.deepEqual(await warehouse.query("SELECT 1"), [
      { app: "a", version: "1" },
      { app: "b", version: "1" },
      { app: "c", version: null },
    ]);
    assert.deepEqual(stub.requests, [
      "POST /api/2.0/sql/statements",
      "GET /api/2.0/sql/statements/s1/result/chunks/1",
      "GET /api/2.0/sql/statements/s1/result/chunks/2",
    ]);
  });

  it("is waited for while it is pending or running, and says so", async () => {
    stub.answers(
      state("PENDING"),
      state("PENDING"),
      state("RUNNING"),
      state("SUCCEEDED", { manifest: { schema }, result: { data_array: [["a", "1"]] } }),
    );
    const lines: string[] = [];
    const rows = await warehouse.query("SELECT 1", { onWait: (line) => lines.push(line) });
    assert.deepEqual(rows, [{ app: "a", version: "1" }]);
    assert.match(lines.join("\n"), /^(.*wh1: pending for \d s\n){2}.*wh1: running for \d s$/);
    assert.deepEqual(stub.requests.slice(1), Array(3).fill("GET /api/2.0/sql/statements/s1"));
  });

  it("whose warehouse is stopped has it started, and says that it starts", async () => {
    const patient = new Warehouse(stub.client(), "wh1", { patienceMs: 0 });
    const warehouseIs = (value: string) => json(200, { id: "wh1", state: value });
    stub.answers(
      state("PENDING"),
      warehouseIs("STOPPED"),
      json(200, {}),
      state("PENDING"),
      warehouseIs("STARTING"),
      state("PENDING"),
      warehouseIs("RUNNING"),
      state("SUCCEEDED", { manifest: { schema } }),
    );
    const lines: string[] = [];
    await patient.query("SELECT 1", { onWait: (line) => lines.push(line) });
    assert.match(lines.join("\n"), /^(.*wh1: starting for \d s\n){2}.*wh1: pending for \d s$/);
    assert.deepEqual(stub.requests.slice(1, 3), [
      "GET /api/2.0/sql/warehouses/wh1",
      "POST /api/2.0/sql/warehouses/wh1/start",
    ]);
  });

  it("goes on where its warehouse may not be looked at", async () => {
    const patient = new Warehouse(stub.client(), "wh1", { patienceMs: 0 });
    const refused = json(403, { error_code: "PERMISSION_DENIED", message: "no" });
    stub.answers(state("PENDING"), refused, state("SUCCEEDED", { manifest: { schema } }));
    assert.deepEqual(await patient.query("SELECT 1"), []);
  });

  it("that is waited for is cancelled where the process is asked to end, which is left to who else listens", async () => {
    stub.answers(state("RUNNING"), json(200, {}), state("CANCELED"));
    const heard: string[] = [];
    const listener = (signal: string) => heard.push(signal);
    process.on("SIGTERM", listener);
    try {
      const asked = warehouse.query("UPDATE x", { onWait: () => process.emit("SIGTERM", "SIGTERM") });
      assert.match((await sqlError(asked)).message, /CANCELED/);
    } finally {
      process.off("SIGTERM", listener);
    }
    assert.equal(heard[0], "SIGTERM");
    assert.ok(stub.requests.includes("POST /api/2.0/sql/statements/s1/cancel"), stub.requests.join());
    assert.equal(process.listenerCount("SIGTERM"), 0, "nobody listens for a statement that is done");
  });

  it("tells its columns, with their types where the server has them", async () => {
    const columns = [{ name: "app", type_text: "string" }, { name: "version" }];
    stub.answers(state("SUCCEEDED", { manifest: { schema: { columns } } }));
    assert.deepEqual(await warehouse.columns("SELECT * FROM x LIMIT 0"), [
      { name: "app", type: "STRING" },
      { name: "version", type: "" },
    ]);
  });

  it("is cancelled at its limit", async () => {
    stub.answers(state("PENDING"));
    const error = await sqlError(warehouse.query("SELECT 1", { timeoutMs: 300 }));
    assert.match(error.message, /TIMEOUT.*not done after \d+ s; it was cancelled/);
    assert.equal(stub.requests.at(-1), "POST /api/2.0/sql/statements/s1/cancel");
  });

  it("fails with the engine's words", async () => {
    stub.answers(
      failing({
        error_code: "BAD_REQUEST",
        message: "[TABLE_OR_VIEW_NOT_FOUND] no `a`.`b`. SQLSTATE: 42P01",
      }),
    );
    const missing = await sqlError(warehouse.query("SELECT 1"));
    assert.equal(
      missing.message,
      "SQL failed (BAD_REQUEST): [TABLE_OR_VIEW_NOT_FOUND] no `a`.`b`. SQLSTATE: 42P01",
    );
    assert.deepEqual([missing.tableMissing, missing.conflict], [true, false]);
    stub.answers(
      failing({ error_code: "BAD_REQUEST", message: "[DELTA_CONCURRENT_APPEND] x SQLSTATE: 2D521" }),
    );
    const conflict = await sqlError(warehouse.query("UPDATE x"));
    assert.deepEqual([conflict.tableMissing, conflict.conflict], [false, true]);
    stub.answers(state("CANCELED"));
    assert.match((await sqlError(warehouse.query("SELECT 1"))).message, /CANCELED.*no reason was given/);
  });

  it("is not sent again after a lost connection, unless it only reads or is told to be repeatable", async () => {
    stub.answers(drop, state("SUCCEEDED"));
    await assert.rejects(warehouse.query("UPDATE x"), ConnectionError);
    assert.equal(stub.seen.length, 1);
    stub.answers(drop, state("SUCCEEDED"));
    await warehouse.select("SELECT 1", []);
    assert.equal(stub.seen.length, 2);
    stub.answers(drop, state("SUCCEEDED"));
    await warehouse.query("CREATE TABLE IF NOT EXISTS x", { repeatable: true });
    assert.equal(stub.seen.length, 2);
  });
});

/** The local workspace's store: all or nothing, and tables that appear in the middle of something. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Store } from "../../workspace/store";

describe("workspace: store", () => {
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "store "));
    store = new Store(path.join(folder, "x.lmdb"));
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("undoes a transaction that fails, nested ones with it", () => {
    const table = store.table<number>("t");
    table.putSync("kept", 1);
    assert.throws(() =>
      store.transaction(() => {
        table.putSync("kept", 2);
        store.transaction(() => table.putSync("inner", 3));
        store.nextId("ids");
        throw new Error("no");
      }),
    );
    assert.deepEqual([table.get("kept"), table.get("inner"), store.nextId("ids")], [1, undefined, 1]);
  });

  it("opens tables after reads, and in transactions that fail", () => {
    assert.equal(store.table("a").get("x"), undefined);
    assert.deepEqual([...store.table("b").getRange({})], []);
    assert.throws(() =>
      store.transaction(() => {
        store.table<number>("c").putSync("x", 1);
        throw new Error("no");
      }),
    );
    const table = store.table<number>("c");
    assert.equal(table.get("x"), undefined);
    table.putSync("x", 2);
    assert.equal(store.table<number>("c").get("x"), 2);
  });

  it("keeps everything across closing and opening", async () => {
    store.table<Buffer>("t").putSync("k", Buffer.from([1, 2]));
    store.nextId("ids", 5);
    await store.close();
    store = new Store(path.join(folder, "x.lmdb"));
    assert.deepEqual([...store.table<Buffer>("t").get("k")!], [1, 2]);
    assert.equal(store.nextId("ids", 5), 6);
  });
});

/** MLflow's limits: values are cut by bytes, batches by items. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { cutBytes, logBatch } from "../../databricks/mlflow";
import { json, Stub } from "./stub";

const MARK = "…";
/** Any text without U+FFFD, which stands for a broken character. */
const anyText = fc.string({ unit: "binary", maxLength: 300 }).filter((value) => !value.includes("\uFFFD"));

describe("values cut by bytes", () => {
  it("never exceed the limit, end in a mark, and begin as the whole does", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 3, max: 700 }), (value, limit) => {
        const cut = cutBytes(value, limit);
        assert.ok(Buffer.byteLength(cut) <= limit);
        if (Buffer.byteLength(value) <= limit) {
          assert.equal(cut, value);
          return;
        }
        assert.ok(cut.endsWith(MARK));
        assert.ok(value.startsWith(cut.slice(0, -MARK.length)));
        // A character has at most four bytes, so no more than three are given away.
        assert.ok(Buffer.byteLength(cut) >= limit - 3);
      }),
    );
  });

  it("are cut between characters, not within", () => {
    assert.equal(cutBytes("ääää", 8), "ääää");
    assert.equal(cutBytes("äääää", 8), "ää…");
    assert.equal(cutBytes("a😀😀", 8), "a😀…");
    assert.equal(cutBytes("a😀😀", 7), "a…");
  });
});

describe("a batch of parameters, metrics and tags", () => {
  let stub: Stub;
  beforeEach(async () => (stub = await Stub.start()));
  afterEach(() => stub.stop());

  it("is sent in as few parts as the limits allow, each item once", async () => {
    stub.answers(json(200, {}));
    const many = (count: number, prefix: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, `v${i}`]));
    const metrics = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`m${i}`, i]));
    await logBatch(stub.client(), "run", { params: many(250, "p"), metrics, tags: many(1, "t") });
    assert.deepEqual(stub.requests, Array(3).fill("POST /api/2.0/mlflow/runs/log-batch"));
    const parts = stub.seen.map(({ body }) => JSON.parse(body));
    assert.deepEqual(
      parts.map(({ params, metrics: m, tags }) => [params.length, m.length, tags.length]),
      [
        [100, 100, 1],
        [100, 1, 0],
        [50, 0, 0],
      ],
    );
    assert.equal(
      new Set(parts.flatMap(({ params }) => params.map(({ key }: { key: string }) => key))).size,
      250,
    );
  });

  it("has no value over 500 bytes", async () => {
    stub.answers(json(200, {}));
    await logBatch(stub.client(), "run", { params: { long: "ü".repeat(400) } });
    const [{ value }] = JSON.parse(stub.seen[0]?.body ?? "").params;
    assert.ok(Buffer.byteLength(value) <= 500 && Buffer.byteLength(value) >= 497);
  });

  it("is not sent where there is nothing in it", async () => {
    stub.answers(json(500, {}));
    await logBatch(stub.client(), "run", {});
    assert.deepEqual(stub.requests, []);
  });

  it("is sent again where the connection is lost: a repeat changes nothing", async () => {
    stub.answers((response) => response.socket?.destroy(), json(200, {}));
    await logBatch(stub.client(), "run", { tags: { status: "live" } });
    assert.equal(stub.seen.length, 2);
  });
});

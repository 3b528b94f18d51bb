/** The rules of run_if and of a run's result, on all small cases. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { judge, overall } from "../../workspace/jobs/runIf";
import { Slots, type Slot } from "../../workspace/jobs/slots";
import { RUN_IF, type ResultState } from "../../workspace/jobs/types";

const result = fc.constantFrom<ResultState>(
  "SUCCESS",
  "FAILED",
  "TIMEDOUT",
  "CANCELED",
  "EXCLUDED",
  "UPSTREAM_FAILED",
);

describe("run_if", () => {
  it("starts a task without dependencies, whatever its run_if", () => {
    for (const runIf of RUN_IF) assert.deepEqual(judge(runIf, []), { start: true });
  });

  it("is consistent: opposite conditions never both hold, and ALL_DONE always does", () => {
    fc.assert(
      fc.property(fc.array(result, { minLength: 1, maxLength: 5 }), (results) => {
        const starts = Object.fromEntries(RUN_IF.map((runIf) => [runIf, judge(runIf, results).start]));
        assert.equal(starts.ALL_DONE, true);
        assert.notEqual(starts.ALL_SUCCESS, starts.AT_LEAST_ONE_FAILED);
        assert.notEqual(starts.ALL_FAILED, starts.AT_LEAST_ONE_SUCCESS);
        if (starts.NONE_FAILED) assert.equal(starts.ALL_SUCCESS, true);
      }),
    );
  });

  it("leaves a run successful only where its leaves are", () => {
    const chain = (first: ResultState, last: ResultState) =>
      overall([
        { key: "a", dependsOn: [], result: first },
        { key: "b", dependsOn: ["a"], result: last },
      ]);
    assert.equal(chain("SUCCESS", "SUCCESS"), "SUCCESS");
    assert.equal(chain("FAILED", "SUCCESS"), "SUCCESS_WITH_FAILURES");
    assert.equal(chain("SUCCESS", "TIMEDOUT"), "FAILED");
    assert.equal(chain("SUCCESS", "EXCLUDED"), "SUCCESS");
    assert.equal(chain("CANCELED", "UPSTREAM_CANCELED"), "CANCELED");
  });
});

describe("Slots", () => {
  const signal = new AbortController().signal;
  const settled = async (promise: Promise<Slot | undefined>): Promise<Slot | "waits" | undefined> =>
    Promise.race([promise, new Promise<"waits">((resolve) => setImmediate(() => resolve("waits")))]);

  it("lends a caller's place to one run at a time, and takes others in before new callers", async () => {
    const slots = new Slots(1);
    const parent = await slots.acquire(signal);
    const root = slots.acquire(signal);
    const first = await slots.acquire(signal, parent);
    const second = slots.acquire(signal, parent);
    assert.ok(first);
    assert.equal(await settled(root), "waits");
    assert.equal(await settled(second), "waits");
    const nested = await slots.acquire(signal, first);
    nested?.release();
    first.release();
    const lent = await second;
    assert.ok(lent);
    assert.equal(await settled(root), "waits");
    lent.release();
    parent?.release();
    assert.ok(await root);
  });

  it("gives no place to one that was stopped while it waited, and loses none by that", async () => {
    const slots = new Slots(1);
    const held = await slots.acquire(signal);
    const stopped = new AbortController();
    const waiting = slots.acquire(stopped.signal);
    stopped.abort();
    assert.equal(await waiting, undefined);
    held?.release();
    held?.release();
    const next = await slots.acquire(signal);
    assert.ok(next);
    assert.equal(await settled(slots.acquire(signal)), "waits");
  });
});

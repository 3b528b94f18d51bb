/** Time limits and progress while the tests run. */
import assert from "node:assert/strict";
import type { TaskRun } from "../../databricks/runs";
import { Clocks } from "../../providers/gate/clocks";
import { liveLine, liveProgress, type TestState } from "../../providers/gate/live";

function task(run_id: number, life_cycle_state: string, result_state?: string, attempt_number = 0): TaskRun {
  return { run_id, task_key: `t${run_id}`, attempt_number, state: { life_cycle_state, result_state } };
}

function state(notebook: string, run: TaskRun | undefined, runningMs = 0): TestState {
  return { notebook, task: run, runningMs };
}

describe("the clocks of tests", () => {
  it("count from when a test was first seen running: not its waiting, not the start of its compute", () => {
    let now = 0;
    const clocks = new Clocks(1000, () => now);
    assert.deepEqual(clocks.overdue([task(1, "PENDING"), task(2, "RUNNING")]), []);
    now = 999;
    assert.deepEqual(clocks.overdue([task(1, "RUNNING"), task(2, "RUNNING")]), []);
    assert.equal(clocks.untilNext([task(1, "RUNNING"), task(2, "RUNNING")]), 1);
    now = 1000;
    const late = clocks.overdue([task(1, "RUNNING"), task(2, "RUNNING")]);
    assert.deepEqual(
      late.map(({ run_id }) => run_id),
      [2],
    );
    assert.deepEqual(clocks.overdue([task(2, "RUNNING")]), [], "each once");
    assert.equal(clocks.untilNext([task(1, "RUNNING"), task(2, "RUNNING")]), 999);
    assert.equal(clocks.untilNext([task(1, "TERMINATED", "SUCCESS")]), Infinity);
  });
});

describe("the progress of tests", () => {
  it("says how many are done and failed, which run and for how long", () => {
    const states = [
      state("tests/a", task(1, "TERMINATED", "SUCCESS")),
      state("tests/b", task(2, "TERMINATED", "FAILED")),
      state("tests/c", task(3, "RUNNING", undefined, 1), 3400),
      state("tests/d", task(4, "BLOCKED")),
      state("tests/e", undefined),
    ];
    assert.equal(liveLine(states, 0), "gate: 2 of 5 tests done, 1 failed; running: tests/c (3 s, attempt 2)");
    assert.match(liveLine(states, 1), /^gate: 1 of 5 tests done; running/, "a failed one is tried again");
    assert.equal(liveLine(states.slice(3), 0), "gate: 0 of 2 tests done; waiting for the compute");
    const many = Array.from({ length: 7 }, (_, at) => state(`t${at}`, task(at, "RUNNING"), 1000));
    assert.match(liveLine(many, 0), /t3 \(1 s\) and 3 more$/);
  });

  it("is said when something moved, and else more and more rarely", () => {
    let now = 0;
    const said: number[] = [];
    const show = liveProgress(
      0,
      () => now,
      () => said.push(now),
    );
    const running = [state("a", task(1, "RUNNING"))];
    for (; now <= 60_000; now += 500) {
      show(running);
    }
    assert.deepEqual(said, [2000, 7000, 17_000, 37_000]);
    show([state("a", task(1, "TERMINATED", "SUCCESS"))]);
    assert.equal(said.length, 5);
  });
});

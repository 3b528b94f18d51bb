/** The bench of the gate: what counts as the notebooks' own time, the goal, and a results file that keeps both benchmarks. */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeResults, type Measured } from "../../bench/file";
import { goals } from "../../bench/gate/goals";
import { unionOf } from "../../bench/gate/groups";
import { GROUP, TESTS, WAYS } from "../../bench/gate/names";
import { judge, Results } from "../../bench/results";
import { temporaryFolder } from "../source/support";

describe("npm run bench -- gate", () => {
  it("counts the time in which any notebook ran once, and no gap", () => {
    const overlapping: [number, number][] = [
      [40, 60],
      [0, 20],
      [10, 30],
      [12, 15],
    ];
    assert.equal(unionOf(overlapping), 50);
    assert.equal(unionOf([]), 0);
  });

  it("holds what is left of an up with tests against 2 s", () => {
    const results = new Results();
    const values = (way: string, ...runs: Record<string, number>[]) =>
      results.add({ group: GROUP, way, size: TESTS, runs });
    values(WAYS.untested, { seconds: 3 });
    assert.equal(judge(goals(), results)[0]?.value, undefined);
    values(WAYS.tested, { seconds: 6.5, notebookSeconds: 1 });
    assert.deepEqual([judge(goals(), results)[0]?.value, judge(goals(), results)[0]?.reached], [2.5, false]);
  });

  it("is in the results' file beside the releases', whichever was measured first or again", () => {
    const folder = temporaryFolder();
    const file = join(folder, "results.json");
    const measured = (text: string): Measured => ({
      environment: {} as Measured["environment"],
      ...{ settings: { text }, goals: [], cases: [] },
    });
    try {
      writeResults(file, "gate", measured("gate"));
      writeResults(file, "release", measured("release"));
      writeResults(file, "gate", measured("gate again"));
      assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), {
        ...measured("release"),
        gate: measured("gate again"),
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

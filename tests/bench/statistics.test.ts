import assert from "node:assert/strict";
import * as fc from "fast-check";
import { goalTable, resultTables } from "../../bench/report";
import { best, judge, ratio, Results, type Goal } from "../../bench/results";
import { median, short } from "../../bench/statistics";

describe("the benchmark's statistics", () => {
  it("the median has as many values below as above, and is one of an odd number", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        assert.ok(below <= values.length / 2 && above <= values.length / 2);
        assert.ok(values.length % 2 === 0 || values.includes(middle));
      }),
    );
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.throws(() => median([]), RangeError);
  });

  it("numbers are as long as they say something", () => {
    assert.deepEqual([0.0667, 1.234, 12.34, 123.4, 1234.5, 0].map(short), [
      "0.067",
      "1.23",
      "12.3",
      "123",
      "1,235",
      "0",
    ]);
  });

  it("ratios and minima leave out what was not measured", () => {
    assert.equal(ratio(1, 4), 0.25);
    assert.equal(ratio(undefined, 4), undefined);
    assert.equal(ratio(1, 0), undefined);
    assert.equal(best(undefined, 3, 2), 2);
    assert.equal(best(undefined), undefined);
  });
});

describe("the benchmark's report", () => {
  const results = new Results();
  results.add({
    group: "g",
    way: "fast",
    size: 1_000,
    runs: [
      { seconds: 2, serverCores: 0.9 },
      { seconds: 1, serverCores: 0.9 },
      { seconds: 4, serverCores: 1 },
    ],
  });
  results.add({ group: "g", way: "slow", size: 1_000, runs: [{ seconds: 40 }, { seconds: 41 }] });
  results.add({ group: "g", way: "slow", size: 5_000, runs: [], over: 600 });
  results.add({ group: "g", way: "broken", size: 5_000, runs: [], failed: "it is broken" });

  it("shows medians with their spread, what was stopped, what failed and why, and where the server was busy", () => {
    const text = resultTables(results, { seconds: "seconds", requests: "requests" });
    assert.match(text, /^g: seconds\n/);
    assert.match(text, /fast +2 \(1–4\) \*/);
    assert.match(text, /slow +40\.5 \(40–41\) +over 600/);
    assert.match(text, /broken +failed/);
    assert.match(text, /failed: broken, 5000: it is broken/);
    assert.doesNotMatch(text, /requests/, "a value that nothing has gets no table");
  });

  it("judges each goal by what was measured, and says where nothing was", () => {
    const goal = (text: string, limit: number, way: string): Goal => ({
      text,
      limit,
      basis: "ratio",
      value: (all) => ratio(all.median("g", "fast", 1_000), all.median("g", way, 1_000)),
    });
    const judged = judge(
      [goal("met", 0.1, "slow"), goal("missed", 0.01, "slow"), goal("unknown", 1, "none")],
      results,
    );
    assert.deepEqual(
      judged.map(({ reached }) => reached),
      [true, false, undefined],
    );
    const text = goalTable(judged);
    assert.match(text, /met +≤ 0\.1 +0\.049 +reached/);
    assert.match(text, /missed +≤ 0\.01 +0\.049 +not reached/);
    assert.match(text, /unknown +≤ 1 +not measured/);
  });
});

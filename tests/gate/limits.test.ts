/** Limits of metrics and durations: what is kept, what is broken, and what the summary says of it. */
import assert from "node:assert/strict";
import { judgeDurations, judgeMetrics, type MetricLimit, type Metrics } from "../../providers/gate/limits";

function judge(limit: Omit<MetricLimit, "name">, now?: number, live?: Metrics) {
  const [verdict] = judgeMetrics([{ name: "rmse", ...limit }], now === undefined ? {} : { rmse: now }, live);
  assert.ok(verdict);
  return verdict;
}

describe("limits of metrics", () => {
  it("hold a metric between min and max, both included", () => {
    assert.equal(judge({ min: 1, max: 3 }, 1).kept, true);
    assert.equal(judge({ min: 1, max: 3 }, 3).kept, true);
    assert.deepEqual(judge({ max: 3 }, 3.01), {
      ...{ name: "rmse", before: undefined, now: 3.01, limit: "≤ 3", kept: false, note: "above 3" },
    });
    assert.equal(judge({ min: 1 }, 0.5).note, "below 1");
  });

  it("break where the metric is missing or no finite number", () => {
    assert.match(judge({ max: 3 }).note, /no test logged it/);
    for (const value of [NaN, Infinity, -Infinity]) {
      assert.equal(judge({ min: -1e9 }, value).kept, false);
    }
  });

  const cases: [string, Omit<MetricLimit, "name">, number, number, boolean][] = [
    ["with max alone lower is better: 5 % more is allowed", { max: 9 }, 2, 2.1, true],
    ["with max alone lower is better: more than 5 % is not", { max: 9 }, 2, 2.11, false],
    ["with max alone lower is better: much lower is fine", { max: 9 }, 2, 0.1, true],
    ["with min alone higher is better: 5 % less is allowed", { min: 0 }, 0.8, 0.76, true],
    ["with min alone higher is better: more than 5 % less is not", { min: 0 }, 0.8, 0.75, false],
    ["with min alone higher is better: much higher is fine", { min: 0 }, 0.8, 0.99, true],
    ["what is better can be said", { better: "higher" }, 0.8, 0.7, false],
    ["without a word, lower is better", {}, 2, 3, false],
    ["negative values have their size", { max: 0 }, -2, -1.95, true],
    ["negative values that get worse", { max: 0 }, -2, -1.5, false],
    ["from zero anything worse is too much", { max: 1 }, 0, 0.0001, false],
    ["from zero to zero is no change", { max: 1 }, 0, 0, true],
  ];
  for (const [what, limit, before, now, kept] of cases) {
    it(`compare with the live deployment: ${what}`, () => {
      assert.equal(judge({ ...limit, maxRegressionPercent: 5 }, now, { rmse: before }).kept, kept);
    });
  }

  it("say old value, new value, limit and by how much it got worse", () => {
    const verdict = judge({ max: 3, maxRegressionPercent: 5 }, 2.5, { rmse: 2 });
    assert.deepEqual(verdict, {
      ...{ name: "rmse", before: 2, now: 2.5, kept: false },
      ...{ limit: "≤ 3, at most 5 % worse", note: "25 % worse than 2" },
    });
  });

  it("compare with nothing in a first deployment, and say so", () => {
    assert.deepEqual(
      [judge({ maxRegressionPercent: 5 }, 9), judge({ maxRegressionPercent: 5 }, 9, { other: 1 })].map(
        ({ kept, note }) => [kept, note],
      ),
      [
        [true, "nothing is live to compare with"],
        [true, "the live deployment has no such metric"],
      ],
    );
  });
});

describe("limits of durations", () => {
  const test = (seconds: number, passed = true) => [{ name: "t", notebook: "tests/t", seconds, passed }];
  const past = (...seconds: number[]) => seconds.map((value) => ({ t_dur: value }));

  it("are against the median of the last five deployments that had the test", () => {
    const history = [{ other_dur: 1 }, ...past(10, 10, 100, 10, 10, 900, 900)];
    assert.equal(judgeDurations(50, test(15), history)[0]?.kept, true);
    const [slow] = judgeDurations(50, test(15.1), history);
    assert.deepEqual([slow?.kept, slow?.before, slow?.limit], [false, 10, "≤ 15"]);
    assert.match(slow?.note ?? "", /slower than the median of its last 5 deployments/);
    assert.equal(judgeDurations(0, test(16), past(10, 20))[0]?.before, 15);
  });

  it("leave a second in any case, so that very short tests do not break them by chance", () => {
    assert.equal(judgeDurations(100, test(0.9), past(0.01))[0]?.kept, true);
    assert.equal(judgeDurations(100, test(1.1), past(0.01))[0]?.kept, false);
  });

  it("say nothing of a test without a past, or of one that failed", () => {
    assert.deepEqual(judgeDurations(100, test(99), []), []);
    assert.deepEqual(judgeDurations(100, test(99, false), past(1)), []);
  });
});

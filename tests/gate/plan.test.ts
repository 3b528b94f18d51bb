/** The gate's tests as runs: names, lanes, batches. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { taskKey, testName, testNames } from "../../providers/gate/names";
import { plan, submission, type BatchRequest, type Test } from "../../providers/gate/tasks";

const LEGAL = /^[A-Za-z0-9_]+$/;
const path = fc.string({ unit: "binary", minLength: 1, maxLength: 400 });

function tests(count: number): Test[] {
  return Array.from({ length: count }, (_, at) => ({ notebook: `tests/t${at}`, name: `tests_t${at}` }));
}

describe("the names of tests", () => {
  it("keep what MLflow takes, and replace the rest", () => {
    assert.equal(testName("tests/unit/test_a"), "tests_unit_test_a");
    assert.equal(testName("tests/Zürich 2"), "tests_Z_rich_2");
  });

  it("are legal, short enough and different, whatever the paths are, in any order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 20 }), (paths) => {
        const names = testNames(paths);
        assert.equal(new Set(names.values()).size, paths.length);
        for (const name of names.values()) {
          assert.match(name, LEGAL);
          assert.ok(`${name}_dur`.length <= 255);
          assert.match(taskKey(name), /^[A-Za-z0-9_]{1,100}$/);
        }
        assert.deepEqual(
          new Map([...names].sort()),
          new Map([...testNames([...paths].reverse())].sort()),
          "a name depends on no order",
        );
        assert.equal(new Set([...names.values()].map(taskKey)).size, paths.length);
      }),
    );
  });

  it("only differ from the plain ones where two would be the same", () => {
    const names = testNames(["tests/a-b", "tests/a b", "tests/c"]);
    assert.equal(names.get("tests/c"), "tests_c");
    assert.match(names.get("tests/a-b") ?? "", /^tests_a_b_[0-9a-f]{8}$/);
    assert.notEqual(names.get("tests/a-b"), names.get("tests/a b"));
  });
});

describe("the plan of a gate", () => {
  it("has each test once, no more lanes than parallel at a time, and no run of more than 100 tasks", () => {
    fc.assert(
      fc.property(fc.nat(700), fc.integer({ min: 1, max: 100 }), (count, parallel) => {
        const rounds = plan(tests(count), parallel);
        const planned = rounds.flat(3).map(({ notebook }) => notebook);
        assert.deepEqual(
          [...planned].sort(),
          tests(count)
            .map(({ notebook }) => notebook)
            .sort(),
        );
        for (const round of rounds) {
          assert.ok(round.flat().length <= parallel);
          assert.ok(round.every((batch) => batch.flat().length <= 100));
          const lengths = round.flat().map((lane) => lane.length);
          assert.ok(Math.max(...lengths) - Math.min(...lengths) <= 1, "lanes are equally long");
        }
      }),
    );
  });

  it("shares the lanes among runs where one run is too small, and needs a second round for a long lane only", () => {
    const sizes = (count: number, parallel: number) =>
      plan(tests(count), parallel).map((round) => round.map((batch) => batch.map((lane) => lane.length)));
    assert.deepEqual(sizes(5, 2), [[[3, 2]]]);
    assert.deepEqual(sizes(120, 8), [[Array(6).fill(15), Array(2).fill(15)]]);
    assert.deepEqual(sizes(120, 1), [[[100]], [[20]]]);
    assert.deepEqual(sizes(3, 100), [[[1, 1, 1]]]);
  });
});

describe("a batch as a request", () => {
  const request: BatchRequest = {
    ...{ name: "gate", deploymentId: "d1", releasePath: "/Shared/r", artifacts: [] },
    parameters: { env: "test", githash: "abc" },
    settings: {
      ...{ timeoutSeconds: 60, retries: 2, parallel: 2, compute: { existing_cluster_id: "c1" } },
      ...{ parameters: { env: "not this one", limit: "3" }, runAs: { servicePrincipalName: "tests" } },
    },
  };
  const [[batch = []] = []] = plan(tests(3), 2);

  it("has a lane's tests wait for each other however they end, its own retries, compute, parameters and identity", () => {
    const { tasks, idempotency_token, ...rest } = submission(batch, request);
    assert.deepEqual(rest, { run_name: "gate", run_as: { service_principal_name: "tests" } });
    assert.ok(idempotency_token.length <= 64);
    assert.deepEqual(
      tasks.map(({ task_key, depends_on, run_if }) => [task_key, depends_on?.[0]?.task_key, run_if]),
      [
        ["tests_t0", undefined, undefined],
        ["tests_t2", "tests_t0", "ALL_DONE"],
        ["tests_t1", undefined, undefined],
      ],
    );
    const [first] = tasks;
    assert.deepEqual(first?.notebook_task, {
      notebook_path: "/Shared/r/tests/t0",
      base_parameters: { env: "test", githash: "abc", limit: "3" },
      source: "WORKSPACE",
    });
    assert.deepEqual(
      [first.existing_cluster_id, first.max_retries, first.disable_auto_optimization],
      ["c1", 2, true],
    );
    assert.ok((first.timeout_seconds ?? 0) > 60, "the API counts the start-up in");
  });

  it("has the same token for the same deployment only", () => {
    const token = (deploymentId: string, of = batch) =>
      submission(of, { ...request, deploymentId }).idempotency_token;
    assert.equal(token("d1"), token("d1"));
    assert.equal(new Set([token("d1"), token("d2"), token("d1", batch.slice(1))]).size, 3);
  });
});

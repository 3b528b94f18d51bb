/** What a run tells of the releases that it needs, in the shapes that the Jobs API has for tasks; and all pages of a list. */
import assert from "node:assert/strict";
import type { ActiveRun } from "../../databricks/runs";
import { listActiveRuns } from "../../databricks/runs";
import { useOf, useOfJob } from "../../providers/retention/runs";
import { json, Stub } from "../databricks/stub";

const ROOT = "/Users/someone@acme.com/releases/a churn's";
const HASH = "0123456789abcdef0123456789abcdef01234567";
const NOTEBOOK = `${ROOT}/${HASH}/pipeline/score`;

function use(tasks: readonly object[], more: object = {}) {
  const run = {
    run_id: 7,
    run_name: "nightly",
    start_time: 5,
    state: { life_cycle_state: "RUNNING" },
    tasks,
    ...more,
  };
  return useOf(run as unknown as ActiveRun, `${ROOT}/trigger`);
}

describe("what an active run uses", () => {
  const shapes: Record<string, object> = {
    "a notebook": { notebook_task: { notebook_path: NOTEBOOK } },
    "a notebook under /Workspace": { notebook_task: { notebook_path: `/Workspace${NOTEBOOK}` } },
    "a Python file": { spark_python_task: { python_file: `${ROOT}/${HASH}/job.py`, parameters: [] } },
    "a file of SQL": { sql_task: { file: { path: `${ROOT}/${HASH}/query.sql` } } },
    "a notebook for each of several": {
      for_each_task: {
        inputs: "[1,2]",
        task: { task_key: "one", notebook_task: { notebook_path: NOTEBOOK } },
      },
    },
    "an input of its iterations": { for_each_task: { inputs: `["${NOTEBOOK}"]`, task: {} } },
    "a library": { libraries: [{ whl: `/Volumes/main/releases/churn/${HASH}/churn-1.0-py3-none-any.whl` }] },
    "a parameter": {
      notebook_task: { notebook_path: "/Shared/other", base_parameters: { release_path: `${ROOT}/${HASH}` } },
    },
  };
  for (const [what, task] of Object.entries(shapes)) {
    it(`sees ${what}`, () => {
      const { githashes, dispatches } = use([{ task_key: "other" }, { task_key: "main", ...task }]);
      assert.deepEqual([[...githashes], dispatches], [[HASH], false]);
    });
  }

  it("sees what stands beside the tasks: job parameters, environments", () => {
    const spec = { dependencies: [`/Workspace${ROOT}/${HASH}/artifacts/churn.whl`] };
    assert.deepEqual([...use([], { environments: [{ spec }] }).githashes], [HASH]);
    assert.deepEqual([...use([], { job_parameters: [{ name: "githash", value: HASH }] }).githashes], [HASH]);
  });

  it("takes no part of a longer id for a commit", () => {
    assert.deepEqual([...use([{ notebook_task: { notebook_path: `/Shared/${HASH}0` } }]).githashes], []);
  });

  it("knows a dispatching run by the trigger's path, or by the trigger's parameter", () => {
    for (const prefix of ["", "/Workspace"]) {
      assert.ok(use([{ notebook_task: { notebook_path: `${prefix}${ROOT}/trigger` } }]).dispatches);
    }
    assert.ok(
      use([{ notebook_task: { notebook_path: "/Shared/copy", base_parameters: { registry_table: "t" } } }])
        .dispatches,
    );
    assert.ok(!use([{ notebook_task: { notebook_path: `${ROOT}/trigger-happy` } }]).dispatches);
  });

  it("is named so that it can be found; without a time it began before everything", () => {
    assert.deepEqual([use([]).name, use([]).startedAt], ["run 7 (nightly)", 5]);
    assert.equal(use([], { start_time: undefined }).startedAt, 0);
  });
});

describe("what a job uses", () => {
  const job = (settings: object) => useOfJob({ job_id: 7, settings }, ROOT);

  it("is every release that its tasks name, and no dispatching", () => {
    const pinned = job({ name: "weekly", tasks: [{ notebook_task: { notebook_path: NOTEBOOK } }] });
    assert.deepEqual([[...pinned.githashes], pinned.name], [[HASH], "job 7 (weekly)"]);
    const trigger = { notebook_path: `${ROOT}/trigger`, base_parameters: { registry_table: "t" } };
    const dispatching = job({ tasks: [{ notebook_task: trigger }] });
    assert.deepEqual([dispatching.githashes.size, dispatching.dispatches], [0, false]);
  });

  it("is no release of another root, though it has the same commit; one without a root counts", () => {
    const tags = { githash: HASH };
    const at = (notebook_path: string, more: object = {}) =>
      [...job({ tags, tasks: [{ notebook_task: { notebook_path }, ...more }] }).githashes].length;
    const library = { libraries: [{ whl: `/Volumes/main/releases/churn/${HASH}/churn.whl` }] };
    assert.equal(at(`/Shared/releases/other/${HASH}/pipeline/score`, library), 0);
    assert.equal(at(`/Workspace${NOTEBOOK}`, library), 1);
    assert.equal(at("/Shared/by hand", library), 1);
    const both = { libraries: [{ whl: `${ROOT}/${HASH}/artifacts/churn.whl` }] };
    assert.equal(at(`/Shared/releases/other/${HASH}/pipeline/score`, both), 1);
  });
});

describe("the list of active runs", () => {
  it("has all pages, and all tasks of a run that has more than a list shows", async () => {
    const page = (run_id: number, key: string, more: object = {}) => {
      return { run_id, state: { life_cycle_state: "RUNNING" }, tasks: [{ task_key: key }], ...more };
    };
    const stub = await Stub.start();
    try {
      stub.answers(
        json(200, { runs: [page(1, "a")], has_more: true, next_page_token: "second page" }),
        json(200, { runs: [page(2, "a", { has_more: true })], has_more: false }),
        json(200, page(2, "a", { next_page_token: "more tasks" })),
        json(200, page(2, "z")),
      );
      const runs = await listActiveRuns(stub.client());
      assert.deepEqual(
        runs.map(({ run_id, tasks }) => [run_id, tasks?.map(({ task_key }) => task_key)]),
        [
          [1, ["a"]],
          [2, ["a", "z"]],
        ],
      );
      const asked = stub.seen.map(({ path }) => new URL(path, "http://stub").searchParams);
      assert.deepEqual(
        asked.map((query) => query.get("page_token")),
        [null, "second page", null, "more tasks"],
      );
      assert.deepEqual(
        ["active_only", "expand_tasks", "limit"].map((name) => asked[1]?.get(name)),
        ["true", "true", "25"],
      );
    } finally {
      await stub.stop();
    }
  });
});

/** What `npm run bench -- gate` measures: the same release with and without tests, so that the difference is the gate's. */
import type { Benchmark } from "../benchmark";
import type { Case } from "../runner";
import { OurStack } from "../release/ours";
import type { Group } from "../release/groups";
import type { BenchWorkspace } from "../workspace";
import { GROUP, TESTS, WAYS } from "./names";

export const groups: readonly Group[] = [
  {
    name: GROUP,
    run: (bench, name) =>
      bench.withWorkspace(name, [], async (workspace) => {
        const cases = [
          upOfNewCommit(bench, workspace, WAYS.untested, []),
          upOfNewCommit(bench, workspace, WAYS.tested, ["**"]),
        ];
        await bench.runner.runAll(name, cases, workspace);
      }),
  },
];

function upOfNewCommit(
  bench: Benchmark,
  workspace: BenchWorkspace,
  way: string,
  tests: readonly string[],
): Case {
  const repository = bench.repository(TESTS);
  const stack = new OurStack({
    app: bench.freshName("gate"),
    folder: bench.freshFolder(),
    repository,
    workspace,
    env: bench.programs.env,
    gate: { tests },
  });
  return {
    way,
    size: TESTS,
    prepare: async () => void (await stack.run("up", bench.limits)),
    run: async () => {
      stack.release(repository.commit());
      const { seconds } = await stack.run("up", bench.limits);
      return { seconds, ...(tests.length > 0 ? { notebookSeconds: await notebookSeconds(workspace) } : {}) };
    },
  };
}

interface Task {
  readonly state: { readonly result_state?: string };
  /** In ms; of the notebook itself, and since 1970. */
  readonly execution_duration: number;
  readonly end_time: number;
}

/** For how long at least one notebook of the newest test run was running: gaps, where none was, are the gate's own time. */
async function notebookSeconds(workspace: BenchWorkspace): Promise<number> {
  const path = "/api/2.2/jobs/runs/list?run_type=SUBMIT_RUN&limit=1&expand_tasks=true";
  const { runs = [] } = await workspace.call<{ runs?: { tasks?: Task[] }[] }>("GET", path);
  const tasks = runs[0]?.tasks ?? [];
  const passed = tasks.filter(({ state }) => state.result_state === "SUCCESS").length;
  if (passed !== TESTS || tasks.length !== TESTS) {
    throw new Error(`The gate's run has ${tasks.length} tasks, ${passed} of them passed; expected ${TESTS}.`);
  }
  return unionOf(tasks.map((task) => [task.end_time - task.execution_duration, task.end_time])) / 1000;
}

/** Length of what the intervals cover together. */
export function unionOf(intervals: readonly (readonly [from: number, to: number])[]): number {
  let [covered, until] = [0, -Infinity];
  for (const [from, to] of [...intervals].sort(([a], [b]) => a - b)) {
    covered += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return covered;
}

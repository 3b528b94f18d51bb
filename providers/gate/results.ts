/** What became of each test, for the state, for MLflow and for people. */
import type { Client } from "../../databricks/client";
import { getRunOutput, type Run, type TaskRun } from "../../databricks/runs";
import { testName } from "./tasks";

export interface TestResult {
  /** `passed`, the notebook's exit value, or `Failed`. */
  readonly result: string;
  /** Run time in seconds, without the start-up of the compute where the API tells it apart. */
  readonly seconds: number;
}
export interface TestOutcome extends TestResult {
  readonly notebook: string;
  readonly error?: string;
  readonly url?: string;
}

export const FAILED = "Failed";

export async function readOutcome(client: Client, notebook: string, run: Run): Promise<TestOutcome> {
  const task = lastAttempt(run, testName(notebook));
  if (!task) {
    return { notebook, result: FAILED, seconds: 0, error: "the run has no task for this test" };
  }
  const seconds = secondsOf(task);
  const url = task.run_page_url;
  const output = await getRunOutput(client, task.run_id).catch((problem: Error) => ({
    error: problem.message,
    notebook_output: undefined,
  }));
  if (task.state.result_state === "SUCCESS") {
    return { notebook, result: output.notebook_output?.result || "passed", seconds, url };
  }
  const reason =
    output.error || task.state.state_message || task.state.result_state || task.state.life_cycle_state;
  const timedOut = /TIMEDOUT|TIMED_OUT/.test(task.state.result_state ?? "");
  return {
    notebook,
    result: FAILED,
    seconds,
    url,
    error: timedOut ? `timed out after ${seconds} s (${reason})` : reason,
  };
}

/** Retries appear as further runs of the same task key; the last one counts. */
export function lastAttempt(run: Run, taskKey: string): TaskRun | undefined {
  return (run.tasks ?? [])
    .filter((task) => task.task_key === taskKey)
    .sort((a, b) => (a.attempt_number ?? 0) - (b.attempt_number ?? 0))
    .at(-1);
}

function secondsOf(task: TaskRun): number {
  const wall = task.end_time && task.start_time ? task.end_time - task.start_time : 0;
  return Math.round(task.execution_duration || wall) / 1000;
}

/** A table for the error and the log: one line a test, then each failure's first lines. */
export function describe(outcomes: readonly TestOutcome[]): string {
  const width = Math.max(...outcomes.map(({ notebook }) => notebook.length));
  const rows = outcomes.map(({ notebook, result, seconds }) => {
    const mark = result === FAILED ? "✗" : "✓";
    return `  ${mark} ${notebook.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s  ${result.split("\n")[0]}`;
  });
  const failures = outcomes.flatMap(({ notebook, error, url }) =>
    error
      ? [`  ${notebook}: ${error.split("\n").slice(0, 5).join("\n    ")}`, ...(url ? [`    ${url}`] : [])]
      : [],
  );
  return [...rows, ...failures].join("\n");
}

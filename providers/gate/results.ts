/** What became of each test: from the runs' tasks to one outcome a test. */
import type { Client } from "../../databricks/client";
import { getRunOutput, type Run, type TaskRun } from "../../databricks/runs";
import { taskKey } from "./names";
import type { Test } from "./tasks";

export interface TestResult {
  /** `passed`, the notebook's exit value, or `Failed`. */
  readonly result: string;
  /** Run time in seconds, without the start-up of the compute where the API tells it apart. */
  readonly seconds: number;
  /** Set where it passed only when it was tried again. */
  readonly flaky?: true;
}
export interface TestOutcome extends TestResult, Test {
  readonly passed: boolean;
  readonly attempts: number;
  /** The API cut the exit value at its limit (5 MB). */
  readonly truncated: boolean;
  /** Of a failed test, or of the attempt before the one that passed. */
  readonly error?: string;
  readonly trace?: string;
  readonly url?: string;
  /** Set where the workspace has not what the test needs, such as Scala: it has not failed, and has not passed either. */
  readonly notRun?: true;
}

export const FAILED = "Failed";
const NOT_RUN = "not run here: ";
/** How the local workspace begins its reasons, also for single `%scala` cells (`ScalaNotAvailable: …`). */
const LOCAL_REASON = /^(?:\w+: )?Scala notebooks are not run here: /;

/**
 * Reads a test's outcome from the run that it was a task of; undefined where no run has it.
 * @param overdue task runs that the gate cancelled because their time was over.
 */
export async function readOutcome(
  client: Client,
  test: Test,
  run: Run | undefined,
  overdue: ReadonlySet<number>,
): Promise<TestOutcome> {
  const attempts = run ? attemptsOf(run, test) : [];
  const last = attempts.at(-1);
  if (!last) {
    const error = "the run has no task for this test";
    return { ...test, result: FAILED, passed: false, seconds: 0, attempts: 0, truncated: false, error };
  }
  const output = await outputOf(client, last);
  const common = {
    ...test,
    seconds: secondsOf(last),
    attempts: attempts.length,
    truncated: output.notebook_output?.truncated ?? false,
    url: last.run_page_url,
  };
  const value = output.notebook_output?.result;
  if (last.state.result_state === "SUCCESS" && value !== FAILED) {
    const before = attempts.at(-2);
    const flaky = before ? { flaky: true as const, ...(await failureOf(client, before)) } : {};
    return { ...common, result: value || "passed", passed: true, ...flaky };
  }
  if (last.state.result_state === "SUCCESS") {
    return { ...common, result: FAILED, passed: false, error: `its exit value is "${FAILED}"` };
  }
  if (
    last.status?.termination_details?.code === "FEATURE_DISABLED" ||
    LOCAL_REASON.test(output.error ?? "")
  ) {
    const error = NOT_RUN + (output.error || reasonOf(last)).replace(LOCAL_REASON, "");
    return { ...common, result: FAILED, passed: false, notRun: true, error };
  }
  const late = overdue.has(last.run_id) || /TIMEDOUT|TIMED_OUT/.test(last.state.result_state ?? "");
  const reason = output.error || reasonOf(last);
  const error = late ? `timed out after ${common.seconds} s (${reason})` : reason;
  return { ...common, result: FAILED, passed: false, error, trace: output.error_trace };
}

async function failureOf(client: Client, attempt: TaskRun): Promise<{ error: string; trace?: string }> {
  const { error, error_trace } = await outputOf(client, attempt);
  return { error: error || reasonOf(attempt), trace: error_trace };
}

/** A failure to read the output is the outcome's reason, not the gate's: the task's state tells whether it passed. */
async function outputOf(client: Client, task: TaskRun) {
  return getRunOutput(client, task.run_id).catch((problem: Error) => ({
    error: problem.message,
    error_trace: undefined,
    notebook_output: undefined,
  }));
}

function reasonOf({ state }: TaskRun): string {
  return state.state_message || state.result_state || state.life_cycle_state;
}

/** Retries appear as further runs of the same task key; the last one counts. */
export function attemptsOf(run: Run, test: Test): TaskRun[] {
  return (run.tasks ?? [])
    .filter((task) => task.task_key === taskKey(test.name))
    .sort((a, b) => (a.attempt_number ?? 0) - (b.attempt_number ?? 0));
}

/** 1 for the first. */
export function attemptNumber(task: TaskRun | undefined): number {
  return (task?.attempt_number ?? 0) + 1;
}

function secondsOf(task: TaskRun): number {
  const wall = task.end_time && task.start_time ? task.end_time - task.start_time : 0;
  return Math.round(task.execution_duration || wall) / 1000;
}

/** How a run ends, by how its tasks ended; and how a task ends that never began. */
import type { Records } from "./records";
import { overall } from "./runIf";
import type { Attempt, Progress, ResultState, RunRecord, TaskSettings } from "./types";

const NOT_BEGUN = {
  UPSTREAM_FAILED: "An upstream task failed.",
  UPSTREAM_CANCELED: "An upstream task was canceled.",
  EXCLUDED: "The task's run_if condition was not met.",
  DISABLED: "The task is disabled.",
};

/** @param results of the run's tasks, in their order; the run was not stopped as a whole. */
export function outcomeOf(run: RunRecord, results: readonly ResultState[]): Progress {
  const tasks = run.tasks.map((task, index) => ({
    key: task.task_key,
    dependsOn: (task.depends_on ?? []).map((one) => one.task_key),
    result: results[index]!,
  }));
  const result = overall(tasks);
  if (result === "SUCCESS") return { state: "TERMINATED", result, code: "SUCCESS", message: "" };
  const message = failureOf(run, results);
  if (result === "SUCCESS_WITH_FAILURES")
    return { state: "TERMINATED", result, code: "SUCCESS_WITH_FAILURES", message };
  if (result === "CANCELED") return { state: "TERMINATED", result, code: "CANCELED", message };
  return { state: "INTERNAL_ERROR", result: "FAILED", code: "RUN_EXECUTION_ERROR", message };
}

/** Names the first task that failed by itself. */
function failureOf(run: RunRecord, results: readonly ResultState[]): string {
  const first = run.tasks
    .map((task) => lastAttempt(run, task))
    .find(({ progress }) => isOwnFailure(progress.result));
  if (!first) return "";
  const skips = results.includes("UPSTREAM_FAILED")
    ? " This caused all downstream tasks to get skipped."
    : "";
  return `Task ${first.taskKey} failed with message: ${sentence(first.progress.message)}${skips}`;
}

export function lastAttempt(run: RunRecord, task: TaskSettings): Attempt {
  return run.attempts.findLast((attempt) => attempt.taskKey === task.task_key)!;
}

export function skipped(result: keyof typeof NOT_BEGUN): Progress {
  return {
    state: result === "EXCLUDED" || result === "DISABLED" ? "SKIPPED" : "TERMINATED",
    result,
    code: result === "DISABLED" ? "DISABLED" : "SKIPPED",
    message: NOT_BEGUN[result],
  };
}

function isOwnFailure(result: ResultState | undefined): boolean {
  return result === "FAILED" || result === "TIMEDOUT" || result === "CANCELED";
}

function sentence(text: string): string {
  return text === "" || text.endsWith(".") ? text : `${text}.`;
}

/**
 * What a run that a notebook started gives that notebook: the exit value of its only task.
 * @throws Error, with the result as its `code`, where the run did not succeed.
 */
export function exitValueOf({ attempts, tasks }: RunRecord, records: Records): string | null {
  const { runId, progress } = attempts.at(-1)!;
  const output = records.output(runId);
  if (progress.result === "SUCCESS") return output?.exitValue ?? null;
  const error = output?.error ?? progress.message;
  const path = tasks[0]!.notebook_task.notebook_path;
  throw Object.assign(new Error(`${path}: ${error}`), { code: progress.result });
}

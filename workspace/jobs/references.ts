/** Dynamic value references: `{{job.parameters.x}}` and the like in a task's parameters. */
import type { Settings } from "../context";
import type { Attempt, RunRecord, TaskSettings } from "./types";

export type References = Readonly<Record<string, string | undefined>>;

/** Replaces the references that are known; others stay as they are, as text that only looks like one must. */
export function substitute(text: string, references: References): string {
  return text.replace(/\{\{\s*([\w.-]+)\s*\}\}/g, (whole, name: string) => references[name] ?? whole);
}

/** A task's notebook parameters: its own with references replaced, then the run's; a job's parameters win over both. */
export function notebookParameters(
  base: Readonly<Record<string, string>>,
  overriding: Readonly<Record<string, string>>,
  jobParameters: readonly { name: string; value: string }[],
  references: References,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...base, ...overriding }))
    result[name] = substitute(String(value), references);
  for (const { name, value } of jobParameters) result[name] = substitute(value, references);
  return result;
}

/** What can be referred to in the parameters of one attempt. `taskValues` has keys of task key, line break, name. */
export function referencesOf(
  run: RunRecord,
  task: TaskSettings,
  attempt: Attempt,
  taskValues: ReadonlyMap<string, unknown>,
  settings: Settings,
): References {
  const started = new Date(run.createdAt).toISOString();
  const references: Record<string, string | undefined> = {
    "job.id": String(run.jobId),
    job_id: String(run.jobId),
    "job.name": run.name,
    "job.run_id": String(run.runId),
    "run.id": String(run.runId),
    run_id: String(attempt.runId),
    parent_run_id: String(run.runId),
    "job.start_time.iso_date": started.slice(0, 10),
    "job.start_time.iso_datetime": started.slice(0, 19),
    "job.start_time.timestamp_ms": String(run.createdAt),
    "job.trigger.type": "one_time",
    "job.repair_count": "0",
    "task.name": task.task_key,
    "task.run_id": String(attempt.runId),
    "task.execution_count": String(attempt.number + 1),
    "task.notebook_path": task.notebook_task.notebook_path,
    "workspace.id": settings.workspaceId,
    "workspace.url": settings.host,
  };
  for (const { name, value } of run.jobParameters) references[`job.parameters.${name}`] = value;
  for (const [name, value] of taskValues) {
    const [key, field] = name.split("\n");
    references[`tasks.${key}.values.${field}`] = typeof value === "string" ? value : JSON.stringify(value);
  }
  for (const { taskKey, runId, progress } of run.attempts) {
    // Later attempts overwrite earlier ones.
    references[`tasks.${taskKey}.result_state`] = progress.result?.toLowerCase();
    references[`tasks.${taskKey}.run_id`] = String(runId);
  }
  return references;
}

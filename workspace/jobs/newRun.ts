/** How a run's record begins, and how it ends where nothing of it may run any more. */
import type { Records } from "./records";
import {
  ended,
  type Attempt,
  type JobSettings,
  type Progress,
  type RunRecord,
  type RunType,
  type TaskSettings,
} from "./types";

export interface NewRun {
  readonly type: RunType;
  readonly jobId: number;
  readonly name: string;
  readonly creator: string;
  readonly runAs: string;
  readonly tasks: TaskSettings[];
  readonly settings: JobSettings;
  readonly jobParameters?: RunRecord["jobParameters"];
  readonly notebookParameters?: Record<string, string>;
  readonly parentRunId?: number;
}

/** A run with a first attempt of each task, none of them started; not stored yet. */
export function newRun(records: Records, wanted: NewRun): RunRecord {
  const createdAt = Date.now();
  const attempts = wanted.tasks.map((task): Attempt => {
    const state = (task.depends_on ?? []).length > 0 ? "BLOCKED" : "PENDING";
    const progress: Progress = { state, message: "" };
    return { runId: records.newRunId(), taskKey: task.task_key, number: 0, progress, createdAt };
  });
  return {
    ...wanted,
    runId: records.newRunId(),
    jobParameters: wanted.jobParameters ?? [],
    notebookParameters: wanted.notebookParameters ?? {},
    createdAt,
    progress: { state: "PENDING", message: "" },
    attempts,
  };
}

/** Marks a run and each of its attempts that has not ended. */
export function endAll(run: RunRecord, progress: Progress): void {
  const now = Date.now();
  for (const item of [run, ...run.attempts]) {
    if (ended(item.progress)) continue;
    item.progress = { ...progress };
    item.endedAt = now;
  }
}

/** Jobs, runs, tasks and attempts as this server keeps them; `view.ts` shows them in the Jobs API's form. */

export const RUN_IF = [
  "ALL_SUCCESS",
  "ALL_DONE",
  "AT_LEAST_ONE_SUCCESS",
  "NONE_FAILED",
  "ALL_FAILED",
  "AT_LEAST_ONE_FAILED",
] as const;
export type RunIf = (typeof RUN_IF)[number];

export interface NotebookTask {
  notebook_path: string;
  base_parameters?: Record<string, string>;
  source?: string;
}

/** A task's settings: what this server acts on; anything else that was sent is kept beside it and shown again. */
export interface TaskSettings {
  task_key: string;
  depends_on?: { task_key: string }[];
  run_if?: RunIf;
  notebook_task: NotebookTask;
  /** 0 is no limit. */
  timeout_seconds?: number;
  /** -1 is without limit. */
  max_retries?: number;
  min_retry_interval_millis?: number;
  retry_on_timeout?: boolean;
  disabled?: boolean;
  [other: string]: unknown;
}

export interface JobParameter {
  name: string;
  default: string;
}

/** A job's settings, with Databricks' defaults filled in; unknown fields are kept. */
export interface JobSettings {
  name?: string;
  tasks?: TaskSettings[];
  timeout_seconds?: number;
  max_concurrent_runs?: number;
  parameters?: JobParameter[];
  queue?: { enabled: boolean };
  run_as?: { user_name?: string; service_principal_name?: string };
  schedule?: unknown;
  tags?: Record<string, string>;
  [other: string]: unknown;
}

export interface JobRecord {
  readonly jobId: number;
  readonly settings: JobSettings;
  readonly creator: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type LifeCycleState =
  | "QUEUED"
  | "PENDING"
  | "RUNNING"
  | "TERMINATING"
  | "TERMINATED"
  | "SKIPPED"
  | "INTERNAL_ERROR"
  | "BLOCKED"
  | "WAITING_FOR_RETRY";

export type ResultState =
  | "SUCCESS"
  | "FAILED"
  | "TIMEDOUT"
  | "CANCELED"
  | "MAXIMUM_CONCURRENT_RUNS_REACHED"
  | "EXCLUDED"
  | "SUCCESS_WITH_FAILURES"
  | "UPSTREAM_FAILED"
  | "UPSTREAM_CANCELED"
  | "DISABLED";

/** `termination_details.code` of the newer status. */
export type TerminationCode =
  | "SUCCESS"
  | "SUCCESS_WITH_FAILURES"
  | "USER_CANCELED"
  | "CANCELED"
  | "SKIPPED"
  | "INTERNAL_ERROR"
  | "RUN_EXECUTION_ERROR"
  | "RESOURCE_NOT_FOUND"
  | "FEATURE_DISABLED"
  | "UNAUTHORIZED_ERROR"
  | "INVALID_RUN_CONFIGURATION"
  | "LIBRARY_INSTALLATION_ERROR"
  | "MAX_CONCURRENT_RUNS_EXCEEDED"
  | "DISABLED";

/** Where a run or an attempt stands. `result` and `code` are set exactly when it has ended. */
export interface Progress {
  state: LifeCycleState;
  result?: ResultState;
  code?: TerminationCode;
  message: string;
}

/** One try of a task; times in milliseconds since 1970. */
export interface Attempt {
  readonly runId: number;
  readonly taskKey: string;
  readonly number: number;
  progress: Progress;
  createdAt: number;
  startedAt?: number;
  endedAt?: number;
  /** Parameters after substitution, secrets hidden. */
  parameters?: Record<string, string>;
}

export type RunType = "JOB_RUN" | "SUBMIT_RUN" | "WORKFLOW_RUN";

export interface RunRecord {
  readonly runId: number;
  readonly jobId: number;
  readonly type: RunType;
  readonly name: string;
  readonly creator: string;
  /** User name that the notebooks run as. */
  readonly runAs: string;
  readonly tasks: TaskSettings[];
  /** Settings of a submitted run or a job's at its start, without tasks. */
  readonly settings: JobSettings;
  readonly jobParameters: { name: string; default?: string; value: string }[];
  readonly notebookParameters: Record<string, string>;
  readonly createdAt: number;
  startedAt?: number;
  endedAt?: number;
  progress: Progress;
  attempts: Attempt[];
  /** Of a run made by `dbutils.notebook.run`: the attempt that asked for it. */
  readonly parentRunId?: number;
}

/** What an attempt left behind, as `runs/get-output` shows it. */
export interface AttemptOutput {
  exitValue?: string;
  exitTruncated?: boolean;
  error?: string;
  errorTrace?: string;
}

export function ended(progress: Progress): boolean {
  return progress.result !== undefined;
}

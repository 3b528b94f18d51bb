/** Jobs and runs in the JSON form of Jobs API 2.2. */
import type { Settings } from "../context";
import {
  ended,
  type Attempt,
  type JobRecord,
  type Progress,
  type RunRecord,
  type TaskSettings,
} from "./types";

/** Tasks a page of `jobs/get` and `runs/get` (documented). */
const TASKS_A_PAGE = 100;

/** `state`, the older form. */
function stateOf(progress: Progress): object {
  const stopped = progress.result === "CANCELED" || progress.result === "TIMEDOUT";
  return {
    life_cycle_state: progress.state,
    ...(progress.result && { result_state: progress.result }),
    state_message: progress.message,
    user_cancelled_or_timedout: stopped,
  };
}

/** `status`, the newer form. */
function statusOf(progress: Progress): object {
  if (!ended(progress)) {
    const state = progress.state === "WAITING_FOR_RETRY" ? "WAITING" : progress.state;
    if (progress.state !== "QUEUED") return { state };
    return { state, queue_details: { code: "ACTIVE_RUNS_LIMIT_REACHED", message: progress.message } };
  }
  const success =
    progress.code === "SUCCESS" || progress.code === "SUCCESS_WITH_FAILURES" || progress.code === "SKIPPED";
  const type = success ? "SUCCESS" : progress.code === "INTERNAL_ERROR" ? "INTERNAL_ERROR" : "CLIENT_ERROR";
  return {
    state: "TERMINATED",
    termination_details: { code: progress.code, type, message: progress.message },
  };
}

/** Durations in milliseconds; the older fields and the newer one. */
function timesOf(item: { createdAt: number; startedAt?: number; endedAt?: number }): object {
  const from = item.startedAt ?? item.endedAt ?? item.createdAt;
  const duration = item.endedAt === undefined ? 0 : item.endedAt - from;
  return {
    start_time: item.createdAt,
    setup_duration: 0,
    execution_duration: duration,
    cleanup_duration: 0,
    queue_duration: from - item.createdAt,
    end_time: item.endedAt ?? 0,
    run_duration: item.endedAt === undefined ? 0 : item.endedAt - item.createdAt,
  };
}

export function jobView(job: JobRecord, options: { offset?: number; expand?: boolean } = {}): object {
  const { tasks, job_clusters: clusters, ...rest } = job.settings;
  const shown = page(tasks ?? [], options.offset ?? 0);
  return {
    job_id: job.jobId,
    creator_user_name: job.creator,
    run_as_user_name: runAsOf(job),
    run_as_owner: runAsOf(job) === job.creator,
    settings:
      options.expand === false
        ? rest
        : {
            ...rest,
            ...(tasks && { tasks: shown.items }),
            ...(clusters !== undefined && { job_clusters: clusters }),
          },
    created_time: job.createdAt,
    ...shown.more,
  };
}

/** The user whose rights a job's notebooks have. */
export function runAsOf(job: Pick<JobRecord, "settings" | "creator">): string {
  return job.settings.run_as?.user_name ?? job.settings.run_as?.service_principal_name ?? job.creator;
}

export function runView(
  run: RunRecord,
  settings: Settings,
  options: { offset?: number; expand?: boolean } = {},
): Record<string, unknown> {
  const shown = page(attemptsOf(run), options.offset ?? 0);
  const { parameters: _, tags: __, name: ___, ...kept } = run.settings;
  return {
    job_id: run.jobId,
    run_id: run.runId,
    number_in_job: run.runId,
    original_attempt_run_id: run.runId,
    creator_user_name: run.creator,
    run_name: run.name,
    run_type: run.type,
    run_page_url: pageUrl(settings, run),
    trigger: "ONE_TIME",
    format: "MULTI_TASK",
    state: stateOf(run.progress),
    status: statusOf(run.progress),
    ...timesOf(run),
    ...pick(kept, ["schedule", "job_clusters", "git_source", "description"]),
    ...(run.jobParameters.length > 0 && { job_parameters: run.jobParameters }),
    ...(Object.keys(run.notebookParameters).length > 0 && {
      overriding_parameters: { notebook_params: run.notebookParameters },
    }),
    ...(options.expand !== false && {
      tasks: shown.items.map((item) => taskView(run, item, settings)),
      ...shown.more,
    }),
  };
}

/** One attempt as a run of its own, as `runs/get` shows it for a task run's id. */
export function attemptView(run: RunRecord, attempt: Attempt, settings: Settings): Record<string, unknown> {
  const task = taskOf(run, attempt.taskKey);
  return {
    ...runView(run, settings, { expand: false }),
    run_id: attempt.runId,
    number_in_job: attempt.runId,
    original_attempt_run_id: run.attempts.find((one) => one.taskKey === attempt.taskKey)?.runId,
    job_run_id: run.runId,
    attempt_number: attempt.number,
    task_key: attempt.taskKey,
    run_name: task.task_key,
    state: stateOf(attempt.progress),
    status: statusOf(attempt.progress),
    ...timesOf(attempt),
    tasks: [taskView(run, attempt, settings)],
  };
}

/** Every attempt in the order of the tasks: a task that was tried again is there more than once. */
function attemptsOf(run: RunRecord): Attempt[] {
  const order = new Map(run.tasks.map((task, index) => [task.task_key, index]));
  return [...run.attempts].sort(
    (a, b) => order.get(a.taskKey)! - order.get(b.taskKey)! || a.number - b.number,
  );
}

function taskView(run: RunRecord, attempt: Attempt, settings: Settings): object {
  const { email_notifications: _, webhook_notifications: __, ...task } = taskOf(run, attempt.taskKey);
  return {
    ...task,
    run_id: attempt.runId,
    attempt_number: attempt.number,
    run_page_url: pageUrl(settings, run, attempt),
    state: stateOf(attempt.progress),
    status: statusOf(attempt.progress),
    ...timesOf(attempt),
    ...(attempt.parameters && {
      resolved_values: { notebook_task: { base_parameters: attempt.parameters } },
    }),
  };
}

export function taskOf(run: RunRecord, key: string): TaskSettings {
  return run.tasks.find((task) => task.task_key === key)!;
}

function pageUrl(settings: Settings, run: RunRecord, attempt?: Attempt): string {
  return `${settings.host}/?o=${settings.workspaceId}#job/${run.jobId}/run/${attempt?.runId ?? run.runId}`;
}

function page<T>(all: readonly T[], offset: number): { items: T[]; more: object } {
  const items = all.slice(offset, offset + TASKS_A_PAGE);
  const next = offset + TASKS_A_PAGE;
  return {
    items,
    more: next < all.length ? { next_page_token: pageToken("tasks", next), has_more: true } : {},
  };
}

/** An opaque token; `read` gives back the number, or undefined for one that is none. */
export function pageToken(kind: string, value: number): string {
  return Buffer.from(`${kind}:${value}`).toString("base64url");
}

export function readPageToken(kind: string, token: string | undefined): number | undefined {
  const [found, value] = Buffer.from(token ?? "", "base64url")
    .toString("utf8")
    .split(":");
  return found === kind && /^\d+$/.test(value ?? "") ? Number(value) : undefined;
}

function pick(from: object, fields: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(from).filter(([name, value]) => fields.includes(name) && value !== undefined),
  );
}

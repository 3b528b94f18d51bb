/** One-time runs of notebooks. API: Jobs 2.2, /api/2.2/jobs/runs. */
import type { Client } from "./client";

export interface SubmitTask {
  readonly task_key: string;
  readonly notebook_task: {
    notebook_path: string;
    base_parameters: Record<string, string>;
    source: "WORKSPACE";
  };
  readonly timeout_seconds?: number;
  readonly depends_on?: readonly { task_key: string }[];
  readonly run_if?: "ALL_SUCCESS" | "ALL_DONE";
  readonly [setting: string]: unknown;
}
export interface Submit {
  readonly run_name: string;
  readonly tasks: readonly SubmitTask[];
  /** At most 64 characters; the same token finds the same run instead of starting another. */
  readonly idempotency_token: string;
  readonly [setting: string]: unknown;
}

export interface RunState {
  readonly life_cycle_state: string;
  readonly result_state?: string;
  readonly state_message?: string;
}
export interface TaskRun {
  readonly task_key: string;
  readonly run_id: number;
  readonly attempt_number?: number;
  readonly state: RunState;
  /** Why it ended, as one of the API's codes, such as `FEATURE_DISABLED`. */
  readonly status?: { readonly termination_details?: { readonly code?: string } };
  readonly run_page_url?: string;
  /** Milliseconds; the start-up of the compute is told apart where the API knows it. */
  readonly setup_duration?: number;
  readonly execution_duration?: number;
  readonly start_time?: number;
  readonly end_time?: number;
}
export interface Run {
  /** A task run's id may be given in its place where a run is read or cancelled. */
  readonly run_id: number;
  readonly state: RunState;
  readonly run_page_url?: string;
  readonly tasks?: readonly TaskRun[];
}
export interface RunOutput {
  readonly notebook_output?: { result?: string; truncated?: boolean };
  readonly error?: string;
  readonly error_trace?: string;
}

const ENDED = new Set(["TERMINATED", "SKIPPED", "INTERNAL_ERROR"]);

export function hasEnded(state: RunState): boolean {
  return ENDED.has(state.life_cycle_state);
}

/** Starts a run, or finds the one that was started with the same token: hence safe to repeat. */
export async function submitRun(client: Client, submit: Submit): Promise<number> {
  const { run_id } = await client.call<{ run_id: number }>("POST", "/api/2.2/jobs/runs/submit", {
    body: submit,
    repeatable: true,
  });
  return run_id;
}

/** A run with all of its tasks, each attempt of them: the API gives 100 a page. */
export async function getRun(client: Client, runId: number): Promise<Run> {
  let page: Run & { next_page_token?: string } = await getRunPage(client, runId);
  const tasks = [...(page.tasks ?? [])];
  const first = page;
  while (page.next_page_token) {
    page = await getRunPage(client, runId, page.next_page_token);
    tasks.push(...(page.tasks ?? []));
  }
  return { ...first, tasks };
}

function getRunPage(client: Client, runId: number, page_token?: string) {
  return client.call<Run & { next_page_token?: string }>("GET", "/api/2.2/jobs/runs/get", {
    query: { run_id: runId, page_token },
  });
}

/** A task run's result or error; the API cuts results over 5 MB and says so. */
export async function getRunOutput(client: Client, runId: number): Promise<RunOutput> {
  return client.call<RunOutput>("GET", "/api/2.2/jobs/runs/get-output", { query: { run_id: runId } });
}

/** Asks a run, or one task run of it, to end; it does so soon after. One that has ended stays as it is. */
export async function cancelRun(client: Client, runId: number): Promise<void> {
  await client.call("POST", "/api/2.2/jobs/runs/cancel", { body: { run_id: runId }, repeatable: true });
}

/** A run that has not ended, as the API shows it: with all fields, since any of them may name a path. */
export interface ActiveRun extends Run {
  readonly run_name?: string;
  /** Epoch ms. */
  readonly start_time?: number;
  /** More tasks than a list shows; `getRun` has them. */
  readonly has_more?: boolean;
}

/**
 * All active runs that the caller may see: of jobs, and submitted ones. `WORKFLOW_RUN`: those that notebooks started
 * (`dbutils.notebook.run`), which a list without a type need not have. 25 a page, the most that the API gives.
 */
export async function listActiveRuns(
  client: Client,
  { type, deadlineMs }: { readonly type?: "WORKFLOW_RUN"; readonly deadlineMs?: number } = {},
): Promise<ActiveRun[]> {
  const runs: ActiveRun[] = [];
  let page_token: string | undefined;
  do {
    const page: { runs?: ActiveRun[]; next_page_token?: string } = await client.call(
      "GET",
      "/api/2.2/jobs/runs/list",
      {
        query: { active_only: true, expand_tasks: true, limit: 25, run_type: type, page_token },
        deadlineMs,
      },
    );
    runs.push(...(page.runs ?? []));
    page_token = page.next_page_token || undefined;
  } while (page_token);
  return Promise.all(
    runs.map(async (run) => (run.has_more ? { ...run, ...(await getRun(client, run.run_id)) } : run)),
  );
}

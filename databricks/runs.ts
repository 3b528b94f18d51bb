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
  readonly run_page_url?: string;
  /** Milliseconds; the start-up of the compute is told apart where the API knows it. */
  readonly setup_duration?: number;
  readonly execution_duration?: number;
  readonly start_time?: number;
  readonly end_time?: number;
}
export interface Run {
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

export async function getRun(client: Client, runId: number): Promise<Run> {
  return client.call<Run>("GET", "/api/2.2/jobs/runs/get", { query: { run_id: runId } });
}

/** A task run's result or error; the API cuts results over 5 MB and says so. */
export async function getRunOutput(client: Client, runId: number): Promise<RunOutput> {
  return client.call<RunOutput>("GET", "/api/2.2/jobs/runs/get-output", { query: { run_id: runId } });
}

export async function cancelRun(client: Client, runId: number): Promise<void> {
  await client.call("POST", "/api/2.2/jobs/runs/cancel", { body: { run_id: runId }, repeatable: true });
}

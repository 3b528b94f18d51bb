/** Experiments and runs. API: /api/2.0/mlflow, with Databricks' limits. */
import { ApiError, isNotFound } from "./errors";
import type { Client } from "./client";

export interface Param {
  readonly key: string;
  readonly value: string;
}
export interface Metric {
  readonly key: string;
  readonly value: number;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly step?: number;
}
export type RunStatus = "RUNNING" | "FINISHED" | "FAILED" | "KILLED";
export interface MlflowRun {
  readonly info: {
    run_id: string;
    experiment_id: string;
    status: RunStatus;
    lifecycle_stage: string;
    /** Epoch ms. */
    start_time?: number;
  };
  readonly data: { params?: Param[]; metrics?: Metric[]; tags?: Param[] };
}
export interface ExperimentInfo {
  readonly experiment_id: string;
  readonly name: string;
  readonly lifecycle_stage?: string;
}

/** Databricks' limits of a parameter (docs: "MLflow resource limits"): bytes of a value, items of one batch. */
export const PARAM_VALUE_BYTES = 500;
const BATCH_PARAMS = 100;

const API = "/api/2.0/mlflow";

/** The address of a run's page. */
export function runPage(host: string, experimentId: string, runId: string): string {
  return `${host}/ml/experiments/${experimentId}/runs/${runId}`;
}

export async function findExperiment(client: Client, name: string): Promise<ExperimentInfo | undefined> {
  try {
    const path = `${API}/experiments/get-by-name`;
    return (
      await client.call<{ experiment: ExperimentInfo }>("GET", path, { query: { experiment_name: name } })
    ).experiment;
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

/** The experiment's id; creates it, or restores it where it was deleted. */
export async function ensureExperiment(client: Client, name: string): Promise<string> {
  const found = await findExperiment(client, name);
  if (found) {
    if (found.lifecycle_stage === "deleted") {
      await client.call("POST", `${API}/experiments/restore`, {
        body: { experiment_id: found.experiment_id },
      });
    }
    return found.experiment_id;
  }
  try {
    return (
      await client.call<{ experiment_id: string }>("POST", `${API}/experiments/create`, { body: { name } })
    ).experiment_id;
  } catch (error) {
    // Another stack that shares the experiment was quicker.
    const now =
      error instanceof ApiError && error.alreadyExists ? await findExperiment(client, name) : undefined;
    if (now) {
      return now.experiment_id;
    }
    throw error;
  }
}

export async function createRun(
  client: Client,
  experimentId: string,
  runName: string,
  tags: Readonly<Record<string, string>>,
): Promise<MlflowRun> {
  const body = { experiment_id: experimentId, run_name: runName, start_time: Date.now(), tags: pairs(tags) };
  return (await client.call<{ run: MlflowRun }>("POST", `${API}/runs/create`, { body })).run;
}

/** The run, or undefined where it does not exist or was deleted. */
export async function findRun(client: Client, runId: string): Promise<MlflowRun | undefined> {
  try {
    const { run } = await client.call<{ run: MlflowRun }>("GET", `${API}/runs/get`, {
      query: { run_id: runId },
    });
    return run.info.lifecycle_stage === "deleted" ? undefined : run;
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Runs of an experiment, newest first. `filter` is in MLflow's filter language; `comparison` makes its terms.
 * @param limit runs at most; at most 1,000 (one page of the API).
 */
export async function searchRuns(
  client: Client,
  experimentId: string,
  filter: string,
  limit: number,
): Promise<MlflowRun[]> {
  const { runs = [] } = await client.call<{ runs?: MlflowRun[] }>("POST", `${API}/runs/search`, {
    body: {
      experiment_ids: [experimentId],
      filter,
      max_results: limit,
      order_by: ["attributes.start_time DESC"],
    },
    repeatable: true,
  });
  return runs;
}

/** A text as a value of MLflow's filter language, which has no escapes: a quote becomes the wildcard of one character. */
export function comparison(field: string, value: string): string {
  return value.includes("'") ? `${field} LIKE '${value.replaceAll("'", "_")}'` : `${field} = '${value}'`;
}

export function tagOf(run: MlflowRun, key: string): string | undefined {
  return run.data.tags?.find((tag) => tag.key === key)?.value;
}

/** Metrics by name, each with its latest value. */
export function metricsOf(run: MlflowRun): Record<string, number> {
  // JSON has no NaN and no infinity: MLflow sends them as text.
  return Object.fromEntries((run.data.metrics ?? []).map(({ key, value }) => [key, Number(value)]));
}

export function paramsOf(run: MlflowRun): Record<string, string> {
  return Object.fromEntries((run.data.params ?? []).map(({ key, value }) => [key, value]));
}

/** Logs parameters, metrics and tags in as few batches as the limits allow. Parameters that exist must be equal. */
export async function logBatch(
  client: Client,
  runId: string,
  data: {
    params?: Readonly<Record<string, string>>;
    metrics?: Readonly<Record<string, number>>;
    tags?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const params = pairs(data.params ?? {}).map(({ key, value }) => ({
    key,
    value: cutBytes(value, PARAM_VALUE_BYTES),
  }));
  const timestamp = Date.now();
  const metrics = Object.entries(data.metrics ?? {}).map(([key, value]) => ({
    key,
    value,
    timestamp,
    step: 0,
  }));
  const tags = pairs(data.tags ?? {});
  for (let from = 0; from < Math.max(params.length, metrics.length, tags.length); from += BATCH_PARAMS) {
    const part = <T>(items: T[]) => items.slice(from, from + BATCH_PARAMS);
    const body = { run_id: runId, params: part(params), metrics: part(metrics), tags: part(tags) };
    await client.call("POST", `${API}/runs/log-batch`, { body, repeatable: true });
  }
}

export async function updateRun(client: Client, runId: string, status: RunStatus): Promise<void> {
  const end_time = status === "RUNNING" ? undefined : Date.now();
  await client.call("POST", `${API}/runs/update`, {
    body: { run_id: runId, status, end_time },
    repeatable: true,
  });
}

function pairs(values: Readonly<Record<string, string>>): Param[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}

/** `value` in at most `limit` bytes of UTF-8, with an ellipsis where it was cut, never in the middle of a character. */
export function cutBytes(value: string, limit: number): string {
  if (Buffer.byteLength(value) <= limit) {
    return value;
  }
  const mark = "…";
  const bytes = Buffer.from(value).subarray(0, limit - Buffer.byteLength(mark));
  // A cut inside a character decodes to U+FFFD at the end; drop it.
  return bytes.toString("utf8").replace(/\uFFFD+$/, "") + mark;
}

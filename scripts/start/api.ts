/** The few calls of Databricks' REST API that `npm start` makes itself: it runs a job, and edits a notebook for the drift. */
import { setTimeout as delay } from "node:timers/promises";
import { StartError } from "./run";

const POLL_MS = 250;
const RUN_SECONDS = 300;

interface Run {
  readonly run_id: number;
  readonly state: {
    readonly life_cycle_state: string;
    readonly result_state?: string;
    readonly state_message?: string;
  };
  readonly tasks?: readonly { readonly run_id: number }[];
}

/** What a job's run gave. */
export interface JobResult {
  readonly seconds: number;
  /** Exit value of its notebook. */
  readonly output: string;
}

/** Runs the job of that name once and waits for it. @throws StartError when it fails or takes over five minutes. */
export async function runJob(name: string): Promise<JobResult> {
  const started = performance.now();
  const { jobs } = await call<{ jobs?: { job_id: number }[] }>(
    "GET",
    `/api/2.2/jobs/list?name=${encodeURIComponent(name)}`,
  );
  const jobId = jobs?.[0]?.job_id;
  if (!jobId) throw new StartError(`The workspace has no job named ${name}, although it was deployed.`);
  const { run_id } = await call<{ run_id: number }>("POST", "/api/2.2/jobs/run-now", { job_id: jobId });
  const run = await finished(run_id, started);
  const task = run.tasks?.[0]?.run_id ?? run_id;
  const result = await call<{ notebook_output?: { result?: string }; error?: string }>(
    "GET",
    `/api/2.2/jobs/runs/get-output?run_id=${task}`,
  );
  if (run.state.result_state !== "SUCCESS") {
    const why = result.error ?? run.state.state_message ?? run.state.result_state ?? "";
    throw new StartError(`The job ${name} failed (run ${run_id}): ${why}`);
  }
  return { seconds: (performance.now() - started) / 1000, output: result.notebook_output?.result ?? "" };
}

async function finished(runId: number, started: number): Promise<Run> {
  while (performance.now() - started < RUN_SECONDS * 1000) {
    const run = await call<Run>("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
    if (["TERMINATED", "INTERNAL_ERROR", "SKIPPED"].includes(run.state.life_cycle_state)) return run;
    await delay(POLL_MS);
  }
  throw new StartError(`The job's run ${runId} has not ended after ${RUN_SECONDS} s.`);
}

/** Adds a cell to a notebook of a release, as somebody in a hurry would by hand. */
export async function editNotebook(path: string): Promise<void> {
  const query = `path=${encodeURIComponent(path)}&format=SOURCE`;
  const { content } = await call<{ content: string }>("GET", `/api/2.0/workspace/export?${query}`);
  const edited = `${Buffer.from(content, "base64").toString("utf8").trimEnd()}\n\n# COMMAND ----------\n\nprint("edited by hand")\n`;
  await call("POST", "/api/2.0/workspace/import", {
    path,
    format: "SOURCE",
    language: "PYTHON",
    overwrite: true,
    content: Buffer.from(edited).toString("base64"),
  });
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${process.env.DATABRICKS_HOST}${path}`, {
    method,
    headers: { authorization: `Bearer ${process.env.DATABRICKS_TOKEN}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(30_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok)
    throw new StartError(`${method} ${path.replace(/\?.*/, "")} answered ${response.status}: ${text}`);
  return JSON.parse(text || "{}") as T;
}

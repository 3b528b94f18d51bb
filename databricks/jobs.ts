/** Jobs that exist. API: Jobs 2.2, /api/2.2/jobs. */
import type { Client } from "./client";

/** The ids of the jobs with this name, which need not be unique. The API compares names without case. */
export async function findJobs(client: Client, name: string): Promise<number[]> {
  const { jobs = [] } = await client.call<{ jobs?: { job_id: number; settings?: { name?: string } }[] }>(
    "GET",
    "/api/2.2/jobs/list",
    { query: { name } },
  );
  return jobs.filter(({ settings }) => settings?.name === name).map(({ job_id }) => job_id);
}

/**
 * Starts a run of the job.
 * @param token at most 64 characters; the same one finds the same run instead of starting another.
 */
export async function runJob(client: Client, job_id: number, token: string): Promise<number> {
  const body = { job_id, idempotency_token: token };
  const { run_id } = await client.call<{ run_id: number }>("POST", "/api/2.2/jobs/run-now", {
    body,
    repeatable: true,
  });
  return run_id;
}

/** Jobs that exist. API: Jobs 2.2, /api/2.2/jobs. */
import type { Client } from "./client";

/** A job as a list shows it. */
export interface ListedJob {
  readonly job_id: number;
  readonly settings?: {
    readonly name?: string;
    readonly tags?: Readonly<Record<string, string>>;
    /** Where they were asked for: the first 100. */
    readonly tasks?: readonly unknown[];
  };
}

/** All jobs that the caller may see, or those with a name (compared without case). 100 a page, the most that the API gives. */
export async function listJobs(
  client: Client,
  query: { readonly name?: string; readonly expand_tasks?: boolean } = {},
): Promise<ListedJob[]> {
  const found: ListedJob[] = [];
  let page: { readonly jobs?: readonly ListedJob[]; readonly next_page_token?: string } = {};
  do {
    page = await client.call("GET", "/api/2.2/jobs/list", {
      query: { ...query, limit: 100, page_token: page.next_page_token },
    });
    found.push(...(page.jobs ?? []));
  } while (page.next_page_token);
  return found;
}

/** The ids of the jobs with this name, which need not be unique, that have all of these tags. */
export async function findJobs(
  client: Client,
  name: string,
  tags: Readonly<Record<string, string>> = {},
): Promise<number[]> {
  const isMarked = ({ settings }: ListedJob) =>
    Object.entries(tags).every(([tag, value]) => settings?.tags?.[tag] === value);
  return (await listJobs(client, { name }))
    .filter((job) => job.settings?.name === name && isMarked(job))
    .map(({ job_id }) => job_id);
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

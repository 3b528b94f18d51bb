/** `/api/2.2/jobs/*` (and 2.1): jobs. https://docs.databricks.com/api/workspace/jobs */
import { readJson, type Json } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";
import { jobsOf } from "../jobs/service";
import { invalid } from "../jobs/settings";
import type { JobRecord } from "../jobs/types";
import { jobView, pageToken, readPageToken } from "../jobs/view";

export const JOBS_VERSIONS = ["/api/2.2/jobs", "/api/2.1/jobs"];

export function jobsRoutes(app: App, workspace: Workspace): void {
  const jobs = jobsOf(workspace);
  for (const root of JOBS_VERSIONS) {
    app.post(`${root}/create`, async (c) => {
      const job = jobs.catalog.create(c.get("identity"), await readJson(c));
      return c.json({ job_id: job.jobId });
    });

    app.post(`${root}/reset`, async (c) => {
      const body = await readJson(c);
      jobs.catalog.reset(c.get("identity"), readId(body.job_id, "job_id"), readObject(body, "new_settings"));
      return c.json({});
    });

    app.post(`${root}/update`, async (c) => {
      const body = await readJson(c);
      const settings = body.new_settings === undefined ? {} : readObject(body, "new_settings");
      jobs.catalog.update(
        c.get("identity"),
        readId(body.job_id, "job_id"),
        settings,
        (body.fields_to_remove ?? []) as string[],
      );
      return c.json({});
    });

    app.get(`${root}/get`, (c) => {
      const job = jobs.catalog.get(c.get("identity"), readId(c.req.query("job_id"), "job_id"), "CAN_VIEW");
      return c.json(jobView(job, { offset: readOffset(c) }));
    });

    app.get(`${root}/list`, (c) => {
      const limit = readInteger(c, "limit", 1, 100) ?? 20;
      const name = c.req.query("name")?.toLowerCase();
      const { items, next } = takePage(
        jobs.records.jobsDown(readBefore(c)),
        limit,
        (job) => job.jobId,
        (job: JobRecord) =>
          (name === undefined || (job.settings.name ?? "").toLowerCase() === name) &&
          jobs.catalog.mayView(c.get("identity"), job.jobId),
      );
      const expand = c.req.query("expand_tasks") === "true";
      return c.json({
        ...(items.length > 0 && { jobs: items.map((job) => jobView(job, { expand })) }),
        has_more: next !== undefined,
        ...(next !== undefined && { next_page_token: pageToken("before", next) }),
      });
    });

    app.post(`${root}/delete`, async (c) => {
      jobs.catalog.delete(c.get("identity"), readId((await readJson(c)).job_id, "job_id"));
      return c.json({});
    });

    app.post(`${root}/run-now`, async (c) => {
      const body = await readJson(c);
      const run = jobs.runNow(c.get("identity"), readId(body.job_id, "job_id"), body);
      return c.json({ run_id: run.runId, number_in_job: run.runId });
    });
  }
}

/** An id in a body or a query; clients send numbers and digits. */
export function readId(value: unknown, field: string): number {
  if (value === undefined || value === null || value === "")
    throw invalid(`Missing required field: ${field}`);
  const id = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(id))
    throw new ApiError("MALFORMED_REQUEST", `Could not parse request object: ${field} must be a number.`);
  return id as number;
}

export function readInteger(c: RouteContext, field: string, min: number, max: number): number | undefined {
  const text = c.req.query(field);
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(`${field} must be a whole number from ${min} to ${max}, not ${text}.`);
  }
  return value;
}

/** The id before which the next page begins, from `page_token`. */
export function readBefore(c: RouteContext): number | undefined {
  return readToken(c, "before");
}

/** How many tasks the pages before had, from `page_token`. */
export function readOffset(c: RouteContext): number {
  return readToken(c, "tasks") ?? 0;
}

function readToken(c: RouteContext, kind: string): number | undefined {
  const token = c.req.query("page_token");
  if (token === undefined || token === "") return undefined;
  const value = readPageToken(kind, token);
  if (value === undefined)
    throw invalid(`Invalid page_token: ${token}. Use the next_page_token of the page before.`);
  return value;
}

/** The first `limit` items that are wanted, and where the next page begins if there is one. */
export function takePage<T>(
  all: Iterable<T>,
  limit: number,
  idOf: (item: T) => number,
  wanted: (item: T) => boolean,
): { items: T[]; next?: number } {
  const items: T[] = [];
  for (const item of all) {
    if (!wanted(item)) continue;
    if (items.length === limit) return { items, next: idOf(items.at(-1)!) };
    items.push(item);
  }
  return { items };
}

function readObject(body: Json, field: string): Json {
  const value = body[field];
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`Missing required field: ${field}`);
  return value as Json;
}

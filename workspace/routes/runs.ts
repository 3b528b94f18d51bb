/** `/api/2.2/jobs/runs/*` (and 2.1): runs. https://docs.databricks.com/api/workspace/jobs */
import { readJson } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { logsOf, readCells, toHtml } from "../jobs/output";
import { jobsOf, type JobsService } from "../jobs/service";
import { invalid } from "../jobs/settings";
import { ended, type Attempt, type RunRecord } from "../jobs/types";
import { attemptView, pageToken, runView, taskOf } from "../jobs/view";
import { runFolder } from "../jobs/workFolder";
import { JOBS_VERSIONS, readBefore, readId, readInteger, readOffset, takePage } from "./jobs";

/** Characters of `logs` in `runs/get-output` (documented: 5 MB). */
const LOGS_LIMIT = 5 * 1024 * 1024;
const RUNS_A_PAGE = 25;
const RUN_TYPES = ["JOB_RUN", "WORKFLOW_RUN", "SUBMIT_RUN"];

export function runsRoutes(app: App, workspace: Workspace): void {
  const jobs = jobsOf(workspace);
  const { settings } = workspace;

  for (const root of JOBS_VERSIONS.map((jobsRoot) => `${jobsRoot}/runs`)) {
    app.post(`${root}/submit`, async (c) =>
      c.json({ run_id: jobs.submit(c.get("identity"), await readJson(c)).runId }),
    );

    app.get(`${root}/get`, (c) => {
      const { run, attempt } = jobs.find(
        c.get("identity"),
        readId(c.req.query("run_id"), "run_id"),
        "CAN_VIEW",
      );
      return c.json(
        attempt ? attemptView(run, attempt, settings) : runView(run, settings, { offset: readOffset(c) }),
      );
    });

    app.get(`${root}/list`, (c) => {
      const limit = readInteger(c, "limit", 1, RUNS_A_PAGE) ?? 20;
      const wanted = readFilter(c, jobs);
      const { items, next } = takePage(currentRuns(jobs, readBefore(c)), limit, (run) => run.runId, wanted);
      const expand = c.req.query("expand_tasks") === "true";
      return c.json({
        ...(items.length > 0 && { runs: items.map((run) => runView(run, settings, { expand })) }),
        has_more: next !== undefined,
        ...(next !== undefined && { next_page_token: pageToken("before", next) }),
      });
    });

    app.get(`${root}/get-output`, (c) => {
      const { run, attempt } = attemptOf(c, jobs);
      const output = jobs.records.output(attempt.runId) ?? {};
      const { logs, truncated } = logsOf(readCells(runFolder(workspace, attempt.runId)), LOGS_LIMIT);
      return c.json({
        metadata: attemptView(run, attempt, settings),
        notebook_output:
          output.exitValue === undefined
            ? {}
            : { result: output.exitValue, truncated: output.exitTruncated ?? false },
        ...(output.error !== undefined && { error: output.error }),
        ...(output.errorTrace !== undefined && { error_trace: output.errorTrace }),
        ...(logs !== "" && { logs, logs_truncated: truncated }),
      });
    });

    app.get(`${root}/export`, (c) => {
      const { run, attempt } = attemptOf(c, jobs);
      if (!ended(attempt.progress))
        throw invalid(`Run ${attempt.runId} is still active: it can be exported when it has ended.`);
      const name = taskOf(run, attempt.taskKey).notebook_task.notebook_path;
      const content = toHtml(name, readCells(runFolder(workspace, attempt.runId)));
      return c.json({ views: [{ content, name: name.slice(name.lastIndexOf("/") + 1), type: "NOTEBOOK" }] });
    });

    app.post(`${root}/cancel`, async (c) => {
      // Documented: the id of a task run cancels that alone.
      const { run, attempt } = jobs.find(
        c.get("identity"),
        readId((await readJson(c)).run_id, "run_id"),
        "CAN_MANAGE_RUN",
      );
      if (attempt) jobs.cancelAttempt(run.runId, attempt.runId);
      else jobs.cancel(run.runId);
      return c.json({});
    });

    app.post(`${root}/cancel-all`, async (c) => {
      const body = await readJson(c);
      const identity = c.get("identity");
      const jobId =
        body.all_queued_runs === true && body.job_id === undefined
          ? undefined
          : readId(body.job_id, "job_id");
      if (jobId !== undefined) jobs.catalog.get(identity, jobId, "CAN_MANAGE_RUN");
      for (const run of jobs.activeRuns()) {
        if (jobId !== undefined ? run.jobId !== jobId : run.progress.state !== "QUEUED") continue;
        if (body.all_queued_runs === true && run.progress.state !== "QUEUED") continue;
        if (jobs.maySeeRun(identity, run, "CAN_MANAGE_RUN")) jobs.cancel(run.runId);
      }
      return c.json({});
    });

    app.post(`${root}/delete`, async (c) => {
      const { run } = jobs.find(
        c.get("identity"),
        readId((await readJson(c)).run_id, "run_id"),
        "CAN_MANAGE_RUN",
      );
      jobs.deleteRun(run);
      return c.json({});
    });
  }
}

/** The task run that a caller asks about; the run's own id will do where it has one task. */
function attemptOf(c: RouteContext, jobs: JobsService): { run: RunRecord; attempt: Attempt } {
  const { run, attempt } = jobs.find(c.get("identity"), readId(c.req.query("run_id"), "run_id"), "CAN_VIEW");
  if (attempt) return { run, attempt };
  if (run.tasks.length > 1) {
    throw invalid(
      "Retrieving the output of runs with multiple tasks is not supported. " +
        "Please retrieve the output of each individual task run instead.",
    );
  }
  return { run, attempt: run.attempts.at(-1)! };
}

function* currentRuns(jobs: JobsService, before?: number): Iterable<RunRecord> {
  for (const run of jobs.records.runsDown(before))
    yield ended(run.progress) ? run : (jobs.current(run.runId) ?? run);
}

function readFilter(c: RouteContext, jobs: JobsService): (run: RunRecord) => boolean {
  const [activeOnly, completedOnly] = [
    c.req.query("active_only") === "true",
    c.req.query("completed_only") === "true",
  ];
  if (activeOnly && completedOnly) throw invalid("active_only and completed_only cannot both be true.");
  const type = c.req.query("run_type");
  if (type !== undefined && !RUN_TYPES.includes(type))
    throw invalid(`run_type must be one of ${RUN_TYPES.join(", ")}, not ${type}.`);
  const job = c.req.query("job_id");
  const jobId = job === undefined ? undefined : readId(job, "job_id");
  const from = readInteger(c, "start_time_from", 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const to = readInteger(c, "start_time_to", 0, Number.MAX_SAFE_INTEGER) ?? Infinity;
  const identity = c.get("identity");
  return (run) =>
    (jobId === undefined || run.jobId === jobId) &&
    (type === undefined || run.type === type) &&
    !(activeOnly && ended(run.progress)) &&
    !(completedOnly && !ended(run.progress)) &&
    run.createdAt >= from &&
    run.createdAt <= to &&
    jobs.maySeeRun(identity, run, "CAN_VIEW");
}

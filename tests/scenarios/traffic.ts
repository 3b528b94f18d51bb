/** Jobs that run without pause while releases come and go, and what their runs must be true to. */
import assert from "node:assert/strict";
import { notebook, type TestFile } from "../source/support";
import type { LocalWorkspace } from "../support/localWorkspace";
import { ENDED, poll, type JobRun } from "./scenario";

/** What a run says of itself: which version each of its notebooks is, and of which release it was told to be. */
export interface Report {
  /** Epoch seconds at which the release's notebook began. */
  readonly began: number;
  readonly githash: string;
  /** Of the notebook itself, of one taken in by `%run`, and of one run as its own. */
  readonly versions: readonly [string, string, string];
}
export interface TrafficRun {
  readonly id: number;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly result: string | undefined;
  /** The run's exit value, or its error. */
  readonly output: string;
}

/** The same pipeline in each version: three notebooks of one release that must never be of two. */
export function pipeline(version: string): Record<string, TestFile> {
  return {
    "notebooks/pipeline/score.py": notebook(
      [
        `import json, time\ndbutils.widgets.text("githash", "")\nbegan = time.time()`,
        "# MAGIC %run ./included",
        `ran = dbutils.notebook.run("./second", 60)
dbutils.notebook.exit(json.dumps({"began": began, "githash": dbutils.widgets.get("githash"), "versions": ["${version}", included, ran]}))`,
      ].join("\n\n# COMMAND ----------\n\n"),
    ),
    "notebooks/pipeline/included.py": notebook(`included = "${version}"`),
    "notebooks/pipeline/second.py": notebook(`dbutils.notebook.exit("${version}")`),
  };
}

export async function runOnce(workspace: LocalWorkspace, job_id: number): Promise<TrafficRun> {
  const { run_id } = await workspace.ok("POST", "/api/2.2/jobs/run-now", { job_id });
  const run = await poll(`run ${run_id} ends`, async () => {
    const now: JobRun & { start_time: number } = await workspace.ok(
      "GET",
      `/api/2.2/jobs/runs/get?run_id=${run_id}`,
    );
    return ENDED.has(now.state.life_cycle_state) ? now : undefined;
  });
  const output = await workspace.ok("GET", `/api/2.2/jobs/runs/get-output?run_id=${run.tasks?.[0]?.run_id}`);
  const said = output.notebook_output?.result ?? output.error ?? JSON.stringify(output);
  return { id: run_id, startedAt: run.start_time, result: run.state.result_state, output: said };
}

/** Runs the job again as soon as its run has ended; `stop` waits for the last one and answers all. */
export function traffic(workspace: LocalWorkspace, job: number): { stop(): Promise<TrafficRun[]> } {
  const runs: TrafficRun[] = [];
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      runs.push(await runOnce(workspace, job));
    }
  })();
  // Whoever stops it hears of a failure.
  loop.catch(() => undefined);
  return {
    async stop() {
      stopped = true;
      await loop;
      return runs;
    },
  };
}

/** What a run reports, after a look that it ended well and ran one release's code from start to end. */
export function reportOf(run: TrafficRun, githashes: Readonly<Record<string, string>>): Report {
  assert.equal(run.result, "SUCCESS", `run ${run.id}: ${run.output}`);
  const report = JSON.parse(run.output) as Report;
  const [version] = report.versions;
  assert.deepEqual(report.versions, [version, version, version], `run ${run.id} ran two releases' code`);
  assert.equal(report.githash, githashes[version], `run ${run.id} was told another release than it ran`);
  return report;
}

/** A time during which a release was live, in epoch ms; the bounds are at most too wide. */
export interface Live {
  readonly githash: string;
  readonly from: number;
  readonly until: number;
}

/** The release of a dispatching run was live at some moment between the run's start and that of its notebook. */
export function assertWasLive(run: TrafficRun, { githash, began }: Report, times: readonly Live[]): void {
  const asked = times.filter(({ from, until }) => from <= began * 1000 && until >= run.startedAt);
  assert.ok(
    asked.some((time) => time.githash === githash),
    `run ${run.id} ran ${githash}, but when it asked, from ${run.startedAt} to ${began * 1000}, live was ${JSON.stringify(asked)}`,
  );
}

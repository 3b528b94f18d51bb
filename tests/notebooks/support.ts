/** What these tests share: the example uploaded as a release, notebooks run as jobs run them, tables and MLflow read. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { LocalWorkspace } from "../support/localWorkspace";

const EXAMPLE = path.join(__dirname, "..", "..", "notebooks");
const HEADER = "# Databricks notebook source";

/** How a notebook's run ended. */
export interface Finished {
  /** `SUCCESS`, `FAILED`, `TIMEDOUT`, … */
  readonly state: string;
  /** What it gave to `dbutils.notebook.exit`. */
  readonly result: string | undefined;
  /** The error and its trace, or "". */
  readonly error: string;
  /** What it printed. */
  readonly logs: string;
  /** The whole answer of `runs/get-output`, as text: for questions like "does it contain the secret?". */
  readonly everything: string;
  /** The same of `runs/export`, the page that people look at. */
  readonly page: string;
}

/** Uploads the example as a deployment does: notebooks as notebooks, other Python as files. `edit` may change a file. */
export async function uploadExample(
  workspace: LocalWorkspace,
  release: string,
  edit: (file: string, text: string) => string = (_file, text) => text,
): Promise<void> {
  const entries = await readdir(EXAMPLE, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".py"))
    .map((entry) =>
      path.relative(EXAMPLE, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"),
    );
  assert.ok(files.length > 10, `the example has only ${files.length} files`);
  for (const folder of new Set(files.map((file) => path.posix.dirname(`${release}/${file}`)))) {
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: folder });
  }
  for (const file of files) {
    const text = edit(file, await readFile(path.join(EXAMPLE, file), "utf8"));
    const content = Buffer.from(text).toString("base64");
    const isNotebook = text.startsWith(HEADER);
    await workspace.ok("POST", "/api/2.0/workspace/import", {
      path: `${release}/${isNotebook ? file.replace(/\.py$/, "") : file}`,
      content,
      ...(isNotebook ? { format: "SOURCE", language: "PYTHON" } : { format: "AUTO" }),
    });
  }
}

/** Runs a notebook once, as a job does, and waits for its end: a minute and a half at most. */
export async function runNotebook(
  workspace: LocalWorkspace,
  notebook: string,
  parameters: Record<string, string> = {},
): Promise<Finished> {
  const submitted = await workspace.ok("POST", "/api/2.2/jobs/runs/submit", {
    run_name: `test of ${notebook}`,
    tasks: [{ task_key: "only", notebook_task: { notebook_path: notebook, base_parameters: parameters } }],
  });
  const limit = Date.now() + 90_000;
  for (;;) {
    const run = await workspace.ok("GET", `/api/2.2/jobs/runs/get?run_id=${submitted.run_id}`);
    if (["TERMINATED", "INTERNAL_ERROR", "SKIPPED"].includes(run.state.life_cycle_state)) {
      const task = run.tasks[0].run_id;
      const output = await workspace.ok("GET", `/api/2.2/jobs/runs/get-output?run_id=${task}`);
      const page = await workspace.ok("GET", `/api/2.2/jobs/runs/export?run_id=${task}`);
      return {
        state: run.state.result_state,
        result: output.notebook_output?.result,
        error: [output.error, output.error_trace].filter(Boolean).join("\n"),
        logs: output.logs ?? "",
        everything: JSON.stringify(output),
        page: JSON.stringify(page),
      };
    }
    assert.ok(Date.now() < limit, `${notebook} still runs after 90 s: ${JSON.stringify(run.state)}`);
    await pause(100);
  }
}

/** The same, for a notebook that must end well: returns its exit value. */
export async function passes(
  workspace: LocalWorkspace,
  notebook: string,
  parameters: Record<string, string> = {},
): Promise<string | undefined> {
  const finished = await runNotebook(workspace, notebook, parameters);
  assert.equal(finished.state, "SUCCESS", `${notebook}: ${finished.error || finished.everything}`);
  return finished.result;
}

/** The rows of a SQL statement, every value as text. */
export async function query(workspace: LocalWorkspace, statement: string): Promise<string[][]> {
  const answer = await workspace.ok("POST", "/api/2.0/sql/statements", {
    statement,
    warehouse_id: workspace.warehouse_id,
    wait_timeout: "50s",
  });
  assert.equal(answer.status.state, "SUCCEEDED", `${statement}: ${JSON.stringify(answer.status)}`);
  return answer.result?.data_array ?? [];
}

/** The runs of an MLflow experiment, newest first; none where there is no such experiment. */
export async function mlflowRuns(workspace: LocalWorkspace, experiment: string): Promise<any[]> {
  const name = encodeURIComponent(experiment);
  const found = await workspace.api("GET", `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${name}`);
  if (found.status === 404) return [];
  const answer = await workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
    experiment_ids: [found.body.experiment.experiment_id],
  });
  return answer.runs ?? [];
}

/** MLflow's list of `{key, value}` as an object. */
export function asRecord<T>(entries: { key: string; value: T }[] | undefined): Record<string, T> {
  return Object.fromEntries((entries ?? []).map(({ key, value }) => [key, value]));
}

/** The condition's value, once it has one: within half a minute. */
export async function until<T>(what: string, condition: () => T | undefined | false): Promise<T> {
  const limit = Date.now() + 30_000;
  for (;;) {
    const value = condition();
    if (value) return value;
    assert.ok(Date.now() < limit, `waited 30 s for ${what}`);
    await pause(20);
  }
}

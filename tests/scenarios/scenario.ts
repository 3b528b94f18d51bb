/** One stack of the real program on the shared local workspace, with a repository, and ways to look at what became of it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestFile, TestRepository } from "../source/support";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { PulumiStack } from "../support/pulumi";
import { exampleRepository } from "./example";

export interface ScenarioOptions {
  /** Changes of the first commit's files. */
  readonly files?: Readonly<Record<string, TestFile>>;
  /** More settings, or others, without the project's prefix. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The registry's row or a line of its history: text by column, null where there is none. */
export type SqlRow = Readonly<Record<string, string | null>>;

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** HTTP status; 0 where the connection was closed. */
  readonly status: number;
}

/** A job's or a gate's run, as the Jobs API shows it. */
export interface JobRun {
  readonly run_id: number;
  readonly run_name: string;
  readonly state: { readonly life_cycle_state: string; readonly result_state?: string };
  readonly tasks?: readonly {
    readonly run_id: number;
    readonly task_key: string;
    readonly state: JobRun["state"];
  }[];
}

export const ENDED = new Set(["TERMINATED", "SKIPPED", "INTERNAL_ERROR"]);

export class Scenario {
  readonly stack: PulumiStack;
  readonly table: string;
  readonly scope: string;

  /** `start` makes one. */
  constructor(
    readonly app: string,
    readonly workspace: LocalWorkspace,
    readonly repository: TestRepository,
    private readonly options: ScenarioOptions,
  ) {
    this.table = `main.${app}.registry`;
    this.scope = app;
    this.stack = new PulumiStack({ env: { ...credentials(workspace), ...options.env } });
    this.stack.env.NOTEBOOK_RELEASES_CACHE = join(this.stack.folder, "cache");
    this.configure();
  }

  /** @param app unique among all tests: paths, scope and table are called after it. */
  static async start(app: string, options: ScenarioOptions = {}): Promise<Scenario> {
    return new Scenario(app, await sharedWorkspace(), exampleRepository(options.files), options);
  }

  /** Writes the stack's configuration: the scenario's, with `changes`; an undefined value takes a setting away. */
  configure(changes: Readonly<Record<string, unknown>> = {}): void {
    const settings = {
      app: this.app,
      source: { repository: this.repository.directory, ref: "main", path: "notebooks" },
      registry: { warehouse: this.workspace.warehouse_id, table: this.table },
      gate: { tests: ["tests/**"] },
      jobs: [
        { name: `${this.app}-dispatch`, mode: "dispatch", notebook: "pipeline/score" },
        { name: `${this.app}-pinned`, mode: "pinned", notebook: "pipeline/score" },
      ],
      ...this.options.config,
      ...changes,
    };
    this.stack.configure(
      Object.fromEntries(
        Object.entries(settings)
          .filter(([, value]) => value !== undefined)
          .map(([key, value]) => [key.includes(":") ? key : `notebook-releases:${key}`, value]),
      ),
    );
  }

  /** Removes the stack's folder and the repository. What was deployed stays in the workspace, under the app's own names. */
  dispose(): void {
    this.stack.dispose();
    this.repository.remove();
  }

  /** All rows that one SQL statement answers. */
  async sql(statement: string): Promise<SqlRow[]> {
    const answer = await this.workspace.ok("POST", "/api/2.0/sql/statements", {
      warehouse_id: this.workspace.warehouse_id,
      statement,
      wait_timeout: "50s",
    });
    assert.equal(answer.status.state, "SUCCEEDED", `${statement}: ${JSON.stringify(answer.status)}`);
    const names: string[] = (answer.manifest?.schema?.columns ?? []).map(
      ({ name }: { name: string }) => name,
    );
    const rows: (string | null)[][] = answer.result?.data_array ?? [];
    return rows.map((values) =>
      Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])),
    );
  }

  /** The registry's one row of this stack. */
  async row(): Promise<SqlRow> {
    const rows = await this.sql(`SELECT * FROM ${this.table} WHERE app = '${this.app}' AND env = 'test'`);
    assert.equal(rows.length, 1, `the registry has ${rows.length} rows`);
    return rows[0] as SqlRow;
  }

  /** The history of the row, oldest first. */
  moves(): Promise<SqlRow[]> {
    return this.sql(`SELECT * FROM ${this.table}_moves WHERE app = '${this.app}' ORDER BY moved_at`);
  }

  /** An MLflow run's status, and its parameters, metrics and tags by key. */
  async deployment(id: string) {
    const { run } = await this.workspace.ok("GET", `/api/2.0/mlflow/runs/get?run_id=${id}`);
    const byKey = <V>(items: { key: string; value: V }[] = []): Record<string, V> =>
      Object.fromEntries(items.map(({ key, value }) => [key, value]));
    return {
      status: run.info.status as string,
      experimentId: run.info.experiment_id as string,
      params: byKey<string>(run.data.params),
      metrics: byKey<number>(run.data.metrics),
      tags: byKey<string>(run.data.tags),
    };
  }

  /** What the workspace was asked while `work` ran. */
  async requestsOf<T>(work: () => Promise<T>): Promise<{ result: T; requests: SeenRequest[] }> {
    await this.workspace.ok("DELETE", "/__workspace/requests");
    const result = await work();
    const { requests } = await this.workspace.ok("GET", "/__workspace/requests");
    return { result, requests };
  }

  /** The id of the stack's job of this name, or undefined. */
  async findJob(name: string): Promise<number | undefined> {
    const { jobs = [] } = await this.workspace.ok("GET", `/api/2.2/jobs/list?name=${this.app}-${name}`);
    assert.ok(jobs.length <= 1, `${jobs.length} jobs are called ${this.app}-${name}`);
    return jobs[0]?.job_id;
  }

  /** The notebook path of a job's only task. */
  async jobNotebook(name: string): Promise<string> {
    const job = await this.workspace.ok("GET", `/api/2.2/jobs/get?job_id=${await this.findJob(name)}`);
    return job.settings.tasks[0].notebook_task.notebook_path;
  }

  /** Runs a job once and answers its task's exit value. */
  async runJob(name: string): Promise<string> {
    const { run_id } = await this.workspace.ok("POST", "/api/2.2/jobs/run-now", {
      job_id: await this.findJob(name),
    });
    return this.exitValue(run_id);
  }

  /** Runs a notebook once and answers its exit value. */
  async runNotebook(notebook_path: string): Promise<string> {
    const tasks = [{ task_key: "main", notebook_task: { notebook_path } }];
    const { run_id } = await this.workspace.ok("POST", "/api/2.2/jobs/runs/submit", {
      run_name: notebook_path,
      tasks,
    });
    return this.exitValue(run_id);
  }

  private async exitValue(runId: number): Promise<string> {
    const run = await poll("the run ends", async () => {
      const now: JobRun = await this.workspace.ok("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
      return ENDED.has(now.state.life_cycle_state) ? now : undefined;
    });
    const output = await this.workspace.ok(
      "GET",
      `/api/2.2/jobs/runs/get-output?run_id=${run.tasks?.[0]?.run_id}`,
    );
    assert.equal(run.state.result_state, "SUCCESS", JSON.stringify(output));
    return output.notebook_output.result;
  }

  /** The gate's runs of this app's commit, newest first. */
  async gateRuns(githash: string): Promise<JobRun[]> {
    const path = "/api/2.2/jobs/runs/list?run_type=SUBMIT_RUN&limit=25&expand_tasks=true";
    const { runs = [] } = await this.workspace.ok("GET", path);
    return runs.filter(({ run_name }: JobRun) => run_name === `gate test ${githash.slice(0, 12)}`);
  }

  /** Whether an object exists in the workspace. */
  async exists(path: string): Promise<boolean> {
    const query = encodeURIComponent(path);
    return (await this.workspace.api("GET", `/api/2.0/workspace/get-status?path=${query}`)).status === 200;
  }

  /** Overwrites or adds a notebook in the workspace, as somebody would by hand. */
  async editNotebook(path: string, text: string): Promise<void> {
    const content = Buffer.from(text).toString("base64");
    const body = { path, content, format: "SOURCE", language: "PYTHON", overwrite: true };
    await this.workspace.ok("POST", "/api/2.0/workspace/import", body);
  }

  /** What is live and what the jobs point to: equal before and after whatever must not touch them. */
  async live() {
    return {
      row: await this.row(),
      pinned: await this.jobNotebook("pinned"),
      dispatch: await this.jobNotebook("dispatch"),
    };
  }
}

/** What a person would export to work with this workspace. */
export function credentials(workspace: LocalWorkspace): Record<string, string> {
  return { DATABRICKS_HOST: workspace.host, DATABRICKS_TOKEN: workspace.token };
}

/** Where another commit is to be live, a preview asks the registry for a hold: the one POST that it makes. */
export const HOLD_ASKED = "POST /api/2.0/sql/statements";

/** Requests that may have changed something: those that were refused have not. */
export function mutating(requests: readonly SeenRequest[]): string[] {
  return requests
    .filter(({ method, status }) => method !== "GET" && status < 400)
    .map(({ method, path }) => `${method} ${path}`);
}

export function imports(requests: readonly SeenRequest[]): SeenRequest[] {
  return requests.filter(({ path }) => path === "/api/2.0/workspace/import");
}

/** Asks again and again until there is an answer; a minute at most. */
export async function poll<T>(what: string, ask: () => Promise<T | undefined>, limitMs = 60_000): Promise<T> {
  for (const end = Date.now() + limitMs; ;) {
    const answer = await ask();
    if (answer !== undefined) {
      return answer;
    }
    assert.ok(Date.now() < end, `timed out waiting until ${what}`);
    await sleep(100);
  }
}

/** The custom resources that a run of the engine shows as done, as "Type name done", sorted; components and the stack left out. */
export function changedResources(output: string): string[] {
  const lines = output.matchAll(
    /^ [ +~-]+ *(?:pulumi-nodejs:dynamic\/notebook-releases:|databricks:index:)(\S+) (\S+) (created|updated|replaced|deleted|imported)\b(?! replacement| original)/gm,
  );
  return [...new Set([...lines].map(([, type, name, done]) => `${type} ${name} ${done}`))].sort();
}

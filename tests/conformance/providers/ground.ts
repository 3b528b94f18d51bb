/** What the providers' tests stand on: the shared local workspace, its token in the environment, a real git repository. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Place } from "../../../providers/connection";
import { readSource, type Source } from "../../../source";
import { makeRepository, notebook, type TestRepository } from "../../source/support";
import { sharedWorkspace, type LocalWorkspace } from "../../support/localWorkspace";

export const VARIABLES = ["DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "NOTEBOOK_RELEASES_CACHE"] as const;

let names = 0;
/** A name that no other test of this process uses. */
export function unique(prefix: string): string {
  return `${prefix}-${process.pid}-${++names}`;
}

/** The files of the repository's first commit. */
export const FILES = {
  "nb/pipeline/score.py": notebook("print('score')"),
  "nb/pipeline/train.py": notebook("print('train')"),
  "nb/tests/test_a.py": notebook("dbutils.notebook.exit('fine')"),
  "nb/lib/helper.py": "VALUE = 1\n",
  "nb/data/zones.csv": "zone,name\n1,Harbour\n",
  "nb/README.md": "# nothing to release\n",
};

export class Ground {
  private constructor(
    readonly workspace: LocalWorkspace,
    readonly place: Place,
    readonly repository: TestRepository,
    readonly githash: string,
    /** Everything that the providers said on standard error. */
    readonly said: string[],
    private readonly restore: () => void,
  ) {}

  /** Call in `before` (limit: two minutes), and `leave` in `after`. */
  static async enter(): Promise<Ground> {
    const workspace = await sharedWorkspace();
    const before = VARIABLES.map((name) => [name, process.env[name]] as const);
    const cache = mkdtempSync(join(tmpdir(), "providers git "));
    process.env.DATABRICKS_TOKEN = workspace.token;
    delete process.env.DATABRICKS_CLIENT_ID;
    process.env.NOTEBOOK_RELEASES_CACHE = cache;
    const me = await workspace.api("GET", "/api/2.0/preview/scim/v2/Me");
    const place = { host: workspace.host, workspaceId: me.headers.get("x-databricks-org-id") ?? "" };
    const repository = makeRepository(FILES);
    const githash = repository.git("rev-parse", "HEAD");
    const said: string[] = [];
    const write = Object.getOwnPropertyDescriptor(process.stderr, "write");
    process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
    return new Ground(workspace, place, repository, githash, said, () => {
      if (write) Object.defineProperty(process.stderr, "write", write);
      else Reflect.deleteProperty(process.stderr, "write");
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      repository.remove();
      rmSync(cache, { recursive: true, force: true });
    });
  }

  async leave(): Promise<void> {
    this.restore();
    await this.clearFaults();
  }

  /** The folder `nb` of a commit, without Markdown, as the inputs of a release and of a row have it. */
  async source(githash = this.githash): Promise<Source & { inputs: SourceInputs }> {
    const inputs = { repository: this.repository.directory, sourcePath: "nb", exclude: ["**/*.md"], githash };
    const source = await readSource({ ...inputs, path: "nb", ref: githash });
    return { ...source, inputs: { ...inputs, digest: source.digest } };
  }

  async experiment(): Promise<string> {
    const folder = "/Shared/experiments";
    await this.workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: folder });
    const name = `${folder}/${unique("experiment")}`;
    return (await this.workspace.ok("POST", "/api/2.0/mlflow/experiments/create", { name })).experiment_id;
  }

  /** An open deployment's MLflow run, as `DeploymentRun` makes it. */
  async deployment(
    status = "running",
  ): Promise<{ deploymentId: string; deploymentUrl: string; experimentId: string }> {
    const experimentId = await this.experiment();
    const body = {
      experiment_id: experimentId,
      start_time: Date.now(),
      tags: [{ key: "status", value: status }],
    };
    const { run } = await this.workspace.ok("POST", "/api/2.0/mlflow/runs/create", body);
    const deploymentId: string = run.info.run_id;
    return {
      deploymentId,
      experimentId,
      deploymentUrl: `${this.place.host}/ml/experiments/${experimentId}/runs/${deploymentId}`,
    };
  }

  async mlflowRun(deploymentId: string): Promise<{
    status: string;
    params: Record<string, string>;
    metrics: Record<string, number>;
    tags: Record<string, string>;
  }> {
    const { run } = await this.workspace.ok("GET", `/api/2.0/mlflow/runs/get?run_id=${deploymentId}`);
    const byKey = (items: { key: string; value: never }[] = []) =>
      Object.fromEntries(items.map(({ key, value }) => [key, value]));
    const { params, metrics, tags } = run.data;
    return { status: run.info.status, params: byKey(params), metrics: byKey(metrics), tags: byKey(tags) };
  }

  /** Rows of a statement by column name. */
  async sql(statement: string): Promise<Record<string, string | null>[]> {
    const answer = await this.workspace.ok("POST", "/api/2.0/sql/statements", {
      warehouse_id: this.workspace.warehouse_id ?? "any",
      statement,
      wait_timeout: "50s",
    });
    assert.equal(answer.status.state, "SUCCEEDED", `${statement}: ${JSON.stringify(answer.status)}`);
    const columns: string[] =
      answer.manifest?.schema?.columns?.map(({ name }: { name: string }) => name) ?? [];
    const data: (string | null)[][] = answer.result?.data_array ?? [];
    return data.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null])));
  }

  fault(rule: Record<string, unknown>): Promise<unknown> {
    return this.workspace.ok("POST", "/__workspace/faults", rule);
  }

  clearFaults(): Promise<unknown> {
    return this.workspace.ok("DELETE", "/__workspace/faults");
  }

  /** The requests (`METHOD path`) that the work made. */
  async requestsOf(work: () => Promise<unknown>): Promise<string[]> {
    await this.workspace.ok("DELETE", "/__workspace/requests");
    await work();
    const { requests } = await this.workspace.ok("GET", "/__workspace/requests");
    return requests.map(({ method, path }: { method: string; path: string }) => `${method} ${path}`);
  }
}

export interface SourceInputs {
  repository: string;
  sourcePath: string;
  exclude: string[];
  githash: string;
  digest: string;
}

/** Environments as deployments leave them, made directly: the release by its provider, row, history and MLflow run beside it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { FoundStack } from "../../cli/stack";
import { parseConfiguration } from "../../components/configuration";
import { Client } from "../../databricks/client";
import { Warehouse } from "../../databricks/sql";
import { recordMove } from "../../providers/registry/lines";
import { createTables, readRow, swap, type MoveKind } from "../../providers/registry/table";
import { Resource } from "../conformance/providers/engine";
import { unique, type Ground } from "../conformance/providers/ground";
import { releaseCase } from "../conformance/providers/release";
import type { LocalWorkspace } from "../support/localWorkspace";

export interface Deployed {
  readonly githash: string;
  readonly deploymentId: string;
  readonly releasePath: string;
}

export interface DeployOptions {
  readonly note?: string;
  readonly by?: string;
  readonly kind?: MoveKind;
  /** ISO 8601. Default: now. */
  readonly at?: string;
  readonly tests?: { readonly passed: number; readonly failed: number };
  /** Upload the release as well. Default: only what tells of it. */
  readonly release?: boolean;
}

/** One app's environment in a workspace. */
export class EnvironmentRig {
  readonly table: string;
  readonly warehouse: Warehouse;
  private readonly client: Client;
  private last = "";

  private constructor(
    readonly workspace: LocalWorkspace,
    readonly app: string,
    readonly env: string,
    readonly repository: string,
    readonly experimentId: string,
  ) {
    const { host, token, warehouse_id } = workspace;
    this.table = `operated.${app.replaceAll("-", "_")}`;
    this.client = new Client({ host, credentials: () => ({ kind: "token", token }) });
    this.warehouse = new Warehouse(this.client, warehouse_id ?? "");
  }

  static async make(
    workspace: LocalWorkspace,
    { app, env, repository }: { app: string; env: string; repository: string },
  ): Promise<EnvironmentRig> {
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: "/Shared/operated" });
    const name = `/Shared/operated/${unique("experiment")}`;
    const { experiment_id } = await workspace.ok("POST", "/api/2.0/mlflow/experiments/create", { name });
    const rig = new EnvironmentRig(workspace, app, env, repository, experiment_id);
    await createTables(rig.warehouse, rig.table);
    return rig;
  }

  get root(): string {
    return `/Shared/operated/${this.app}`;
  }

  /** A commit's deployment that went live; it needs no tests, upload or engine. */
  async deploy(ground: Ground, githash: string, options: DeployOptions = {}): Promise<Deployed> {
    const { kind = "deploy", by = "ada@example.com", note = "" } = options;
    const deploymentId = await this.attempt(githash, "live", { ...options, note });
    const releasePath = `${this.root}/${githash}`;
    if (options.release) {
      const { inputs: commit } = await ground.source(githash);
      const inputs = { ...(await releaseCase.inputs(ground)), ...commit, path: releasePath };
      await new Resource("ReleaseDirectory").up(inputs);
    }
    const before = await readRow(this.warehouse, this.table, this);
    const move = {
      ...{ table: this.table, app: this.app, env: this.env },
      ...{ kind, moveId: randomUUID(), expected: before?.version ?? 0, githash, releasePath, deploymentId },
      ...{ deployedAt: options.at ?? new Date().toISOString(), deployedBy: by, note },
      previousGithash: before?.githash ?? "",
    };
    await swap(this.warehouse, move);
    await recordMove(this.warehouse, move);
    this.last = deploymentId;
    return { githash, deploymentId, releasePath };
  }

  /** A deployment's MLflow run, as far as it came. */
  async attempt(
    githash: string,
    status: string,
    { note = "", at, tests, message }: DeployOptions & { message?: string } = {},
  ): Promise<string> {
    const start_time = at === undefined ? Date.now() : Date.parse(at) - 1000;
    const { run } = await this.workspace.ok("POST", "/api/2.0/mlflow/runs/create", {
      experiment_id: this.experimentId,
      start_time,
    });
    const pairs = (values: Record<string, string>) =>
      Object.entries(values).map(([key, value]) => ({ key, value }));
    const metrics = tests && { tests_passed: tests.passed, tests_failed: tests.failed };
    await this.workspace.ok("POST", "/api/2.0/mlflow/runs/log-batch", {
      run_id: run.info.run_id,
      params: pairs({ app: this.app, env: this.env, githash, deploy_note: note }),
      tags: pairs({ status, ...(message ? { message } : {}) }),
      metrics: Object.entries(metrics ?? {}).map(([key, value]) => ({
        key,
        value,
        timestamp: start_time,
        step: 0,
      })),
    });
    return run.info.run_id;
  }

  /** The stack of this environment, as the commands find it. */
  stack(more: Readonly<Record<string, unknown>> = {}): FoundStack {
    const settings = {
      app: this.app,
      source: { repository: this.repository, path: "nb", exclude: ["**/*.md"] },
      registry: { warehouse: this.workspace.warehouse_id ?? "", table: this.table },
      releaseRoot: this.root,
      ...more,
    };
    const values = Object.entries(settings).map(([key, value]) => [
      `notebook-releases:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const config = parseConfiguration(Object.fromEntries(values) as never, "notebook-releases", this.env);
    const { host } = this.workspace;
    const url = `${host}/ml/experiments/${this.experimentId}/runs/${this.last}`;
    const outputs = this.last ? { deploymentUrl: url } : {};
    return { name: this.env, config, host, outputs, releaseRoot: this.root };
  }
}

/** A file of profiles, by name. */
export function profiles(of: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  const sections = Object.entries(of).map(([name, values]) => {
    const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}`);
    return [`[${name}]`, ...lines].join("\n");
  });
  assert.ok(sections.length > 0);
  return `${sections.join("\n\n")}\n`;
}

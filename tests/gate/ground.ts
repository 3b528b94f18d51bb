/** Gates on the shared local workspace: releases with test notebooks, and deployments that belong together. */
import type { Values } from "../conformance/providers/engine";
import { Resource } from "../conformance/providers/engine";
import { edit } from "../conformance/providers/cases";
import { unique, type Ground } from "../conformance/providers/ground";

const SETTINGS = { timeoutSeconds: 60, retries: 0, parallel: 4, parameters: {}, compute: {}, reuse: "never" };

/** The deployments of one app in one environment, each with a gate. */
export class Line {
  private constructor(
    private readonly ground: Ground,
    readonly experimentId: string,
    readonly app: string,
    readonly stackId: string,
  ) {}

  static async start(ground: Ground): Promise<Line> {
    return new Line(ground, await ground.experiment(), unique("app"), unique("stack"));
  }

  get row(): Values {
    const { workspace } = this.ground;
    return {
      table: "gates.registry",
      app: this.app,
      env: "test",
      warehouse: workspace.warehouse_id ?? "any",
    };
  }

  /** A release with these test notebooks: path below `tests/` → code. */
  async release(tests: Record<string, string>): Promise<Values> {
    const releasePath = `/Shared/${unique("releases")}`;
    const { workspace } = this.ground;
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${releasePath}/tests` });
    await Promise.all(
      Object.entries(tests).map(([name, code]) => edit(this.ground, `${releasePath}/tests/${name}`, code)),
    );
    return {
      releasePath,
      tests: Object.keys(tests).map((name) => `tests/${name}`),
      digest: unique("digest"),
    };
  }

  /** Inputs of a new deployment's gate; `more` may have another commit, digest or settings. */
  async gate(release: Values, { settings = {}, ...more }: Values = {}): Promise<Values> {
    const { place, githash } = this.ground;
    const common = {
      ...place,
      experimentId: this.experimentId,
      githash,
      gate: "g",
      digest: release.digest,
      ...more,
    };
    const deployment = new Resource("DeploymentRun");
    await deployment.up({
      ...common,
      ...{ app: this.app, env: "test", stackId: this.stackId },
      ...{ rollbackFrom: "", github: { repository: "", environment: "" } },
      ...{ source: "a repository", pipelineId: "manual", note: "" },
    });
    const { deploymentId, deploymentUrl } = deployment.outs;
    return {
      ...{ ...common, ...this.row, ...release, ...more },
      ...{ deploymentId, deploymentUrl, artifacts: [], settings: { ...SETTINGS, ...settings } },
    };
  }

  /** Runs a gate; answers the resource, with its results in the outs. */
  async run(inputs: Values): Promise<Resource> {
    const resource = new Resource("NotebookTestRun");
    await resource.up(inputs);
    return resource;
  }

  /** What MLflow has of a gate's deployment. */
  mlflow({ deploymentId }: Values) {
    return this.ground.mlflowRun(deploymentId as string);
  }

  /** Sets tags and metrics of a deployment, as its later life would. */
  async log({ deploymentId }: Values, tags: Record<string, string>, metrics: Record<string, number> = {}) {
    await this.ground.workspace.ok("POST", "/api/2.0/mlflow/runs/log-batch", {
      run_id: deploymentId,
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
      metrics: Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp: Date.now() })),
    });
  }

  /** Text of an artifact of a gate's deployment, as a client reads it on Databricks. */
  async artifact({ deploymentId }: Values, path: string): Promise<string> {
    const { credential_infos: infos } = await this.ground.workspace.ok(
      "POST",
      "/api/2.0/mlflow/artifacts/credentials-for-read",
      { run_id: deploymentId, path: [path] },
    );
    const answer = await fetch(infos[0].signed_uri as string);
    if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status}`);
    return answer.text();
  }
}

/** A stack with a build, and ways to look at what became of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { TestFile } from "../source/support";
import { Scenario } from "../scenarios/scenario";
import { score } from "../scenarios/example";
import { BUILD, GREETS, wheelFiles } from "./wheel";

export class BuildRig {
  private constructor(readonly scenario: Scenario) {}

  /** @param app unique among all tests */
  static async start(
    app: string,
    config: Record<string, unknown> = {},
    files: Record<string, TestFile> = {},
    env: Record<string, string> = {},
  ): Promise<BuildRig> {
    return new BuildRig(
      await Scenario.start(app, {
        files: {
          ...wheelFiles("good day"),
          "notebooks/tests/test_one.py": GREETS,
          "notebooks/tests/test_two.py": null,
          "notebooks/pipeline/score.py": GREETS,
          "notebooks/pipeline/plain.py": score("plain"),
          ...files,
        },
        config: {
          build: BUILD,
          jobs: [{ name: `${app}-pinned`, mode: "pinned", notebook: "pipeline/score" }],
          ...config,
        },
        env,
      }),
    );
  }

  get head(): string {
    return this.scenario.repository.git("rev-parse", "HEAD");
  }

  /** The release's path. */
  release(githash = this.head): string {
    return `/Users/admin@local.workspace/releases/${this.scenario.app}/${githash}`;
  }

  deployRef(ref: string, changes: Record<string, unknown> = {}): void {
    const source = { repository: this.scenario.repository.directory, ref, path: "notebooks" };
    this.scenario.configure({ source, ...changes });
  }

  async content(path: string): Promise<Buffer> {
    const query = new URLSearchParams({ path, format: "AUTO" }).toString();
    const { content } = await this.scenario.workspace.ok("GET", `/api/2.0/workspace/export?${query}`);
    return Buffer.from(content, "base64");
  }

  async manifest(githash = this.head): Promise<Record<string, any>> {
    return JSON.parse((await this.content(`${this.release(githash)}/.release.json`)).toString("utf8"));
  }

  /** What the build said, from the deployment's MLflow run. */
  async buildOutput(deploymentId: string): Promise<string> {
    const { credential_infos } = await this.scenario.workspace.ok(
      "POST",
      "/api/2.0/mlflow/artifacts/credentials-for-read",
      { run_id: deploymentId, path: ["build/output.txt"] },
    );
    const response = await fetch(credential_infos[0].signed_uri);
    assert.equal(response.status, 200);
    return response.text();
  }

  /** The last deployment's MLflow run of this stack, also of one that failed. */
  async lastRun(): Promise<{ id: string; tags: Record<string, string> }> {
    const name = `/Users/admin@local.workspace/deployments/${this.scenario.app}-test`;
    const { experiment } = await this.scenario.workspace.ok(
      "GET",
      `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
    );
    const { runs } = await this.scenario.workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [experiment.experiment_id],
      order_by: ["attributes.start_time DESC"],
      max_results: 1,
    });
    const { tags } = await this.scenario.deployment(runs[0].info.run_id);
    return { id: runs[0].info.run_id, tags };
  }

  /** The settings of the stack's pinned job. */
  async job(): Promise<Record<string, any>> {
    const id = await this.scenario.findJob("pinned");
    return (await this.scenario.workspace.ok("GET", `/api/2.2/jobs/get?job_id=${id}`)).settings;
  }
}

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

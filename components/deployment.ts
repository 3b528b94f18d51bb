/** `Deployment`: one attempt to make a commit live; its id is its MLflow run's id. */
import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { BuildSettings } from "../providers/artifacts";
import type { GitHubTarget } from "../providers/github/report";
import { DeploymentRun } from "../providers/resources";
import type { Source } from "../source";
import type { Experiment } from "./experiment";
import type { Workspace } from "./workspace";

export interface DeploymentArgs {
  readonly workspace: Workspace;
  readonly experiment: Experiment;
  readonly app: string;
  readonly env: string;
  readonly source: Source;
  /** What the gate asks (`gateRequirements`): more or less of it is another deployment. */
  readonly gate: unknown;
  /** What is built beside the notebooks (`buildSettings`): another build is another deployment. @default nothing */
  readonly build?: BuildSettings;
  /** @default the CI workflow's name (`GITHUB_WORKFLOW`), else `manual`. */
  readonly pipelineId?: string;
  /** @default none */
  readonly note?: string;
  /** What was live until this rollback was asked for: the tag `rollback_from` of its run. @default no rollback */
  readonly rollbackFrom?: string;
  /** The GitHub repository (`owner/name`) and environment that show the deployment. @default GitHub is told nothing */
  readonly github?: GitHubTarget;
  /** What must be there before the deployment starts: its tests may need it (secrets). @default nothing */
  readonly after?: readonly pulumi.Resource[];
}

/** A failed deployment is never taken up again: the next `up` opens a new one with a new run. */
export class Deployment extends pulumi.ComponentResource {
  readonly deploymentId: pulumi.Output<string>;
  readonly deploymentUrl: pulumi.Output<string>;
  /** Digest of the gate's settings and the build's. */
  readonly gate: string;

  constructor(name: string, args: DeploymentArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Deployment", name, {}, options);
    const { workspace, experiment, app, env, source } = args;
    const asked = args.build ? { gate: args.gate, build: args.build } : args.gate;
    this.gate = createHash("sha256").update(JSON.stringify(asked)).digest("hex");
    const run = new DeploymentRun(
      name,
      {
        ...workspace.place,
        experimentId: experiment.experimentId,
        app,
        env,
        githash: source.commit.githash,
        digest: source.digest,
        gate: this.gate,
        source: source.commit.repository,
        pipelineId: args.pipelineId ?? process.env.GITHUB_WORKFLOW ?? "manual",
        note: args.note ?? "",
        stackId: workspace.stackId,
        rollbackFrom: args.rollbackFrom ?? "",
        github: args.github ?? { repository: "", environment: "" },
      },
      workspace.options(this, args.after),
    );
    this.deploymentId = run.deploymentId;
    this.deploymentUrl = run.deploymentUrl;
    this.registerOutputs({ deploymentId: this.deploymentId, deploymentUrl: this.deploymentUrl });
  }
}

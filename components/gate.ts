/** `Gate`: a release's own test notebooks, run on it before it goes live. */
import * as pulumi from "@pulumi/pulumi";
import type { TestResult } from "../providers/gate/results";
import type { GateSettings } from "../providers/gate/tasks";
import { NotebookTestRun } from "../providers/resources";
import type { Deployment } from "./deployment";
import type { Experiment } from "./experiment";
import type { NotebookRelease } from "./notebookRelease";
import type { RegistryAddress } from "./registry";
import type { Workspace } from "./workspace";

export interface GateArgs {
  readonly workspace: Workspace;
  readonly experiment: Experiment;
  readonly deployment: Deployment;
  readonly release: NotebookRelease;
  /** What is live there is what metrics are compared with. */
  readonly registry: RegistryAddress;
  /** Test notebooks, relative to the release (`selectTests`). */
  readonly tests: readonly string[];
  readonly settings: GateSettings;
}

/** What depends on the gate is not touched where a test fails: the release that was live stays live. */
export class Gate extends pulumi.ComponentResource {
  /** Test name → result and seconds. */
  readonly results: pulumi.Output<Record<string, TestResult>>;

  constructor(name: string, args: GateArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Gate", name, {}, options);
    const { workspace, experiment, deployment, release, registry, tests, settings } = args;
    const run = new NotebookTestRun(
      name,
      {
        ...workspace.place,
        deploymentId: deployment.deploymentId,
        deploymentUrl: deployment.deploymentUrl,
        experimentId: experiment.experimentId,
        ...registry,
        githash: release.githash,
        digest: release.source.digest,
        gate: deployment.gate,
        releasePath: release.path,
        tests: [...tests],
        artifacts: release.artifacts ?? [],
        settings: { ...settings },
      },
      workspace.options(this, [release]),
    );
    this.results = run.results;
    this.registerOutputs({ results: this.results });
  }
}

/**
 * What the gate asks of a release: another answer needs another deployment. How many tests run at once, and when results
 * are reused, changes nothing about it.
 */
export function gateRequirements(tests: readonly string[], settings: GateSettings) {
  const { parallel: _, reuse: __, ...asked } = settings;
  return { tests, ...asked };
}

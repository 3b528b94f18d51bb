/** `Experiment`: the MLflow experiment that holds one run per deployment; kept on `destroy`, since its runs are history. */
import * as pulumi from "@pulumi/pulumi";
import { MlflowExperiment } from "../providers/resources";
import type { Workspace } from "./workspace";

export interface ExperimentArgs {
  readonly workspace: Workspace;
  /** Absolute path of the experiment in the workspace; one that exists is used. */
  readonly path: pulumi.Input<string>;
}

export class Experiment extends pulumi.ComponentResource {
  readonly experimentId: pulumi.Output<string>;

  constructor(name: string, args: ExperimentArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Experiment", name, {}, options);
    const { workspace, path } = args;
    this.experimentId = new MlflowExperiment(
      name,
      { ...workspace.place, path },
      workspace.options(this),
    ).experimentId;
    this.registerOutputs({ experimentId: this.experimentId });
  }
}

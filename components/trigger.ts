/** `Trigger`: the notebook at a path that never changes, which asks the registry what is live and runs it. */
import * as pulumi from "@pulumi/pulumi";
import { shippedNotebook } from "./shippedNotebook";
import type { Workspace } from "./workspace";

export interface TriggerArgs {
  readonly workspace: Workspace;
  /** The trigger lies beside the app's releases, at `<releaseRoot>/trigger`. */
  readonly releaseRoot: pulumi.Input<string>;
}

export class Trigger extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: TriggerArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Trigger", name, {}, options);
    this.path = shippedNotebook(this, name, "trigger", args).path;
    this.registerOutputs({ path: this.path });
  }
}

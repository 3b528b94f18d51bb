/** `Trigger`: the notebook at a path that never changes, which asks the registry what is live and runs it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as databricks from "@pulumi/databricks";
import * as pulumi from "@pulumi/pulumi";
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
    const { workspace, releaseRoot } = args;
    this.path = pulumi.interpolate`${releaseRoot}/trigger`;
    new databricks.Notebook(
      name,
      { path: this.path, language: "PYTHON", contentBase64: readTrigger().toString("base64") },
      { parent: this, dependsOn: workspace.after() },
    );
    this.registerOutputs({ path: this.path });
  }
}

/** The notebook that ships with this package, beside the sources or beside their compiled form. */
function readTrigger(): Buffer {
  const candidates = ["../notebooks/trigger.py", "../../notebooks/trigger.py"].map((path) =>
    join(__dirname, path),
  );
  const file = candidates.find(existsSync);
  if (!file) {
    throw new Error(
      `This package is not whole: notebooks/trigger.py is missing. Looked at ${candidates.join(" and ")}.`,
    );
  }
  return readFileSync(file);
}

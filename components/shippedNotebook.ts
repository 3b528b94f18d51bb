/** Notebooks that ship with this package and lie beside an app's releases, at paths that never change. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as databricks from "@pulumi/databricks";
import * as pulumi from "@pulumi/pulumi";
import type { Workspace } from "./workspace";

/**
 * Puts `notebooks/<file>.py` of this package at `<releaseRoot>/<file>`.
 * @returns its path in the workspace.
 */
export function shippedNotebook(
  parent: pulumi.Resource,
  name: string,
  file: string,
  { workspace, releaseRoot }: { workspace: Workspace; releaseRoot: pulumi.Input<string> },
  after: readonly pulumi.Resource[] = [],
): { path: pulumi.Output<string>; notebook: databricks.Notebook } {
  const path = pulumi.interpolate`${releaseRoot}/${file}`;
  const contentBase64 = read(`${file}.py`).toString("base64");
  const notebook = new databricks.Notebook(
    name,
    { path, language: "PYTHON", contentBase64 },
    // Stacks that share a root have it in common: it goes with the root's last release (providers/retention).
    { parent, dependsOn: workspace.after(...after), retainOnDelete: true },
  );
  return { path, notebook };
}

/** The file lies beside the sources or beside their compiled form. */
function read(name: string): Buffer {
  const candidates = ["../notebooks", "../../notebooks"].map((folder) => join(__dirname, folder, name));
  const file = candidates.find(existsSync);
  if (!file) {
    throw new Error(
      `This package is not whole: notebooks/${name} is missing. Looked at ${candidates.join(" and ")}.`,
    );
  }
  return readFileSync(file);
}

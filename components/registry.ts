/** `Registry`: the Delta table that says which release is live; its row moves after the gate, by compare-and-swap. */
import * as pulumi from "@pulumi/pulumi";
import type { Changes } from "../providers/registryRow";
import { RegistryRow } from "../providers/resources";
import { DEFAULT_RETENTION, type Retention } from "../providers/retention/plan";
import type { Deployment } from "./deployment";
import type { Gate } from "./gate";
import { sourceInputs, type NotebookRelease } from "./notebookRelease";
import type { Workspace } from "./workspace";

/** Which row of which table, and the warehouse that reads and writes it. */
export interface RegistryAddress {
  readonly table: string;
  readonly warehouse: string;
  readonly app: string;
  readonly env: string;
}

export interface RegistryArgs {
  readonly workspace: Workspace;
  readonly address: RegistryAddress;
  readonly deployment: Deployment;
  readonly release: NotebookRelease;
  readonly gate: Gate;
  /** @default none */
  readonly note?: string;
  /** The version of the row that a rollback was asked for; the move then puts the row on hold. @default a deployment */
  readonly rollbackOf?: number;
  /** Take over a row that exists before this stack's first deployment. @default false */
  readonly adopt?: boolean;
  /** What a move leaves of releases that are not live any more. @default `{ keep: 5, graceHours: 72 }` */
  readonly retention?: Retention;
}

export class Registry extends pulumi.ComponentResource {
  readonly address: RegistryAddress;
  /** What this stack had live before; empty in a first deployment. */
  readonly previousGithash: pulumi.Output<string>;
  /** Paths that the deployment adds, changes and removes against the one before; known in a preview. */
  readonly changes: pulumi.Output<Changes>;

  constructor(name: string, args: RegistryArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Registry", name, {}, options);
    const { workspace, address, deployment, release, gate } = args;
    this.address = address;
    const row = new RegistryRow(
      name,
      {
        ...workspace.place,
        ...sourceInputs(release.spec, release.source),
        ...address,
        releasePath: release.path,
        deploymentId: deployment.deploymentId,
        note: args.note ?? "",
        rollbackOf: args.rollbackOf ?? 0,
        adopt: args.adopt ?? false,
        stack: pulumi.getStack(),
        retention: args.retention ?? DEFAULT_RETENTION,
      },
      workspace.options(this, [gate]),
    );
    this.previousGithash = row.previousGithash;
    this.changes = row.changes;
    this.registerOutputs({ previousGithash: this.previousGithash, changes: this.changes });
  }
}

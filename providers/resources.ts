/** The resources that the program declares; what they do is in the file of the same name, loaded by the engine's side only. */
import type * as pulumi from "@pulumi/pulumi";
import type { Artifact } from "./artifacts";
import type * as builtArtifacts from "./builtArtifacts";
import type * as deploymentRun from "./deploymentRun";
import type * as gitHubClaim from "./gitHubClaim";
import type * as mlflowExperiment from "./mlflowExperiment";
import type * as notebookTestRun from "./notebookTestRun";
import type * as registryRow from "./registryRow";
import type * as releaseDirectory from "./releaseDirectory";
import type * as secretPermission from "./secretPermission";
import type * as secretScope from "./secretScope";
import type * as secretValue from "./secretValue";
import { ShellResource, type ShellOptions } from "./shell";
import type * as workspace from "./workspace";

/** A handler's inputs as a program gives them. */
type Args<I> = { readonly [K in keyof I]: pulumi.Input<I[K]> };
type Out<T> = pulumi.Output<T>;

export class WorkspaceCheck extends ShellResource {
  declare readonly workspaceId: Out<string>;
  declare readonly userName: Out<string>;
  declare readonly stackId: Out<string>;
  constructor(name: string, args: Args<workspace.Inputs>, options: ShellOptions) {
    super(
      "Workspace",
      name,
      { workspaceId: undefined, userName: undefined, stackId: undefined, ...args },
      options,
    );
  }
}

export class SecretScopeName extends ShellResource {
  constructor(name: string, args: Args<secretScope.Inputs>, options: ShellOptions) {
    super("SecretScope", name, args, options);
  }
}

export class DigestKey extends ShellResource {
  declare readonly key: Out<string>;
  constructor(name: string, options: ShellOptions) {
    super("DigestKey", name, {}, options);
  }
}

export class SecretValue extends ShellResource {
  constructor(name: string, args: Args<secretValue.Inputs>, options: ShellOptions) {
    super("SecretValue", name, args, options);
  }
}

export class SecretPermission extends ShellResource {
  constructor(name: string, args: Args<secretPermission.Inputs>, options: ShellOptions) {
    super("SecretPermission", name, args, options);
  }
}

export class MlflowExperiment extends ShellResource {
  declare readonly experimentId: Out<string>;
  constructor(name: string, args: Args<mlflowExperiment.Inputs>, options: ShellOptions) {
    super("MlflowExperiment", name, args, options);
  }
}

export class DeploymentRun extends ShellResource {
  declare readonly deploymentId: Out<string>;
  declare readonly deploymentUrl: Out<string>;
  constructor(name: string, args: Args<deploymentRun.Inputs>, options: ShellOptions) {
    super("DeploymentRun", name, args, options);
  }
}

export class BuiltArtifacts extends ShellResource {
  declare readonly artifacts: Out<Artifact[]>;
  constructor(name: string, args: Args<builtArtifacts.Inputs>, options: ShellOptions) {
    super("BuiltArtifacts", name, args, options);
  }
}

export class ReleaseDirectory extends ShellResource {
  declare readonly path: Out<string>;
  declare readonly githash: Out<string>;
  constructor(name: string, args: Args<releaseDirectory.Inputs>, options: ShellOptions) {
    super("ReleaseDirectory", name, args, options);
  }
}

export class NotebookTestRun extends ShellResource {
  declare readonly results: Out<notebookTestRun.Computed["results"]>;
  declare readonly runUrl: Out<string>;
  constructor(name: string, args: Args<notebookTestRun.Inputs>, options: ShellOptions) {
    super("NotebookTestRun", name, args, options);
  }
}

export class RegistryRow extends ShellResource {
  declare readonly previousGithash: Out<string>;
  declare readonly changes: Out<registryRow.Changes>;
  constructor(name: string, args: Args<registryRow.Inputs>, options: ShellOptions) {
    super("RegistryRow", name, { previousGithash: undefined, changes: undefined, ...args }, options);
  }
}

export class GitHubClaim extends ShellResource {
  constructor(name: string, args: Args<gitHubClaim.Inputs>, options: ShellOptions) {
    super("GitHubClaim", name, args, options);
  }
}

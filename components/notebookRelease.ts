/** `NotebookRelease`: one commit's notebooks and files in the workspace, at `<releaseRoot>/<githash>`. */
import * as pulumi from "@pulumi/pulumi";
import type { Principal } from "../databricks/permissions";
import type { Artifact } from "../providers/artifacts";
import { ReleaseDirectory } from "../providers/resources";
import { DEFAULT_RETENTION, type Retention } from "../providers/retention/plan";
import { MANIFEST } from "../providers/tables";
import type { Source, SourceSpec } from "../source";
import type { Artifacts } from "./artifacts";
import type { Deployment } from "./deployment";
import type { RegistryAddress } from "./registry";
import type { Workspace } from "./workspace";

export interface NotebookReleaseArgs {
  readonly workspace: Workspace;
  readonly deployment: Deployment;
  /** Where the source was read from, and what was read (`readSource`). */
  readonly spec: SourceSpec;
  readonly source: Source;
  /** Folder of all of the app's releases. */
  readonly releaseRoot: pulumi.Input<string>;
  /** What was built of the commit. @default nothing */
  readonly artifacts?: Artifacts;
  /** Who may read the release, beside its deployer. @default none */
  readonly readers?: readonly Principal[];
  /** The registry that decides whether a release is still needed. */
  readonly registry: RegistryAddress;
  /** What `destroy` leaves to the root's other environments. @default `{ keep: 5, graceHours: 72 }` */
  readonly retention?: Retention;
}

/** Complete or absent, never edited: `refresh` finds what was changed in the workspace, and the next `up` puts it back. */
export class NotebookRelease extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;
  readonly githash: string;
  readonly spec: SourceSpec;
  readonly source: Source;
  /** The deployment that brought it here, or checked that it is here. */
  readonly deploymentId: pulumi.Output<string>;
  /** What was built of the commit; undefined where nothing is. */
  readonly artifacts?: pulumi.Output<Artifact[]>;

  constructor(name: string, args: NotebookReleaseArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:NotebookRelease", name, {}, options);
    const { workspace, deployment, spec, source, registry } = args;
    if (source.files.some(({ target }) => target === MANIFEST)) {
      throw new pulumi.RunError(
        `The source has a file ${MANIFEST}, the name of a release's manifest. Rename or exclude it.`,
      );
    }
    this.spec = spec;
    this.source = source;
    this.githash = source.commit.githash;
    this.deploymentId = deployment.deploymentId;
    this.artifacts = args.artifacts?.artifacts;
    // An input, so that a preview knows it.
    this.path = pulumi.interpolate`${args.releaseRoot}/${this.githash}`;
    new ReleaseDirectory(
      name,
      {
        ...workspace.place,
        ...sourceInputs(spec, source),
        ...registry,
        path: this.path,
        readers: [...(args.readers ?? [])],
        ...(args.artifacts ? { build: args.artifacts.settings, artifacts: args.artifacts.artifacts } : {}),
        deploymentId: deployment.deploymentId,
        retention: args.retention ?? DEFAULT_RETENTION,
      },
      workspace.options(this, [deployment, ...(args.artifacts ? [args.artifacts] : [])]),
    );
    this.registerOutputs({ path: this.path, githash: this.githash });
  }
}

/** What a provider needs to read the same commit again: the full githash, so that nothing moves in between. */
export function sourceInputs(spec: SourceSpec, source: Source) {
  return {
    repository: spec.repository,
    sourcePath: spec.path ?? "",
    exclude: [...(spec.exclude ?? [])],
    githash: source.commit.githash,
    digest: source.digest,
  };
}

/** `Artifacts`: what a commit's build makes (wheels, jars, data), in its place before the release's tests run. */
import * as pulumi from "@pulumi/pulumi";
import { ARTIFACTS_FOLDER, type Artifact, type BuildSettings } from "../providers/artifacts";
import { BuiltArtifacts } from "../providers/resources";
import type { Source, SourceSpec } from "../source";
import type { Deployment } from "./deployment";
import { sourceInputs } from "./notebookRelease";
import type { Workspace } from "./workspace";

/** A build as a stack configures it. */
export interface BuildArgs {
  /** Run by `/bin/sh` in the root of a checkout of the whole commit. */
  readonly command: string;
  /** Globs relative to that root. */
  readonly artifacts: readonly string[];
  /** A folder `/Volumes/<catalog>/<schema>/<volume>[/…]`, or `dbfs:/…`; the artifacts lie below it, under the githash. @default `artifacts` in the release */
  readonly to?: string;
  /** @default 1800 */
  readonly timeoutSeconds?: number;
}

export interface ArtifactsArgs {
  readonly workspace: Workspace;
  readonly deployment: Deployment;
  readonly spec: SourceSpec;
  readonly source: Source;
  readonly releaseRoot: pulumi.Input<string>;
  readonly build: BuildArgs;
}

export class Artifacts extends pulumi.ComponentResource {
  /** Sorted by name. Unknown in a preview of a commit that has no complete release yet. */
  readonly artifacts: pulumi.Output<Artifact[]>;
  readonly settings: BuildSettings;

  /** @throws RunError where the source has something at the place of the artifacts */
  constructor(name: string, args: ArtifactsArgs, options?: pulumi.ComponentResourceOptions) {
    super("notebook-releases:index:Artifacts", name, {}, options);
    const { workspace, deployment, spec, source, build } = args;
    this.settings = buildSettings(build);
    if (this.settings.to === "") {
      refuseSameNames(source);
    }
    const { digest: _, ...commit } = sourceInputs(spec, source);
    this.artifacts = new BuiltArtifacts(
      name,
      {
        ...workspace.place,
        ...commit,
        command: build.command,
        globs: [...build.artifacts],
        to: this.settings.to,
        timeoutSeconds: build.timeoutSeconds ?? 1800,
        releasePath: pulumi.interpolate`${args.releaseRoot}/${source.commit.githash}`,
        deploymentId: deployment.deploymentId,
      },
      workspace.options(this, [deployment]),
    ).artifacts;
    this.registerOutputs({ artifacts: this.artifacts });
  }
}

/** What makes one build differ from another: other settings ask for another deployment and another release. */
export function buildSettings({ command, artifacts, to = "" }: BuildArgs): BuildSettings {
  return { command, artifacts, to };
}

function refuseSameNames(source: Source): void {
  const taken = source.files
    .map(({ target }) => target)
    .filter((target) => target === ARTIFACTS_FOLDER || target.startsWith(`${ARTIFACTS_FOLDER}/`));
  if (taken.length > 0) {
    throw new pulumi.RunError(
      `The build's artifacts go to the folder ${ARTIFACTS_FOLDER} of the release, where the source has files of its own: ` +
        `${taken.join(", ")}. Rename or exclude them, or set build.to to another place.`,
    );
  }
}

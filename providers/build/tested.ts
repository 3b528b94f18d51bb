/**
 * Artifacts that another environment has tested: one digest stands for all of them, so that it fits into a GitHub
 * Deployment's status, and `releases promote` can ask a deployment to go live with these and no others.
 */
import { createHash } from "node:crypto";
import type { Artifact } from "../artifacts";

/** The digest that this run's artifacts must have; absent: whatever the build makes is right. */
export const ARTIFACTS_VARIABLE = "NOTEBOOK_RELEASES_ARTIFACTS";

/** An artifact as MLflow's tags have it. */
export type NamedDigest = Pick<Artifact, "name" | "sha256">;

const TAG = "artifact.";

/** Tags of a deployment's run, one an artifact. MLflow's names have letters, digits and `_-./ ` only. */
export function artifactTags(artifacts: readonly NamedDigest[]): Record<string, string> {
  return Object.fromEntries(artifacts.map(({ name, sha256 }) => [TAG + plainName(name), sha256]));
}

/** The artifacts that a run's tags name, sorted by name. */
export function taggedArtifacts(
  tags: readonly { readonly key: string; readonly value: string }[],
): NamedDigest[] {
  return tags
    .filter(({ key }) => key.startsWith(TAG))
    .map(({ key, value }) => ({ name: key.slice(TAG.length), sha256: value }))
    .sort(byName);
}

/** SHA-256 (hex) over names and contents: the same for a release's artifacts and for its deployment's tags. */
export function artifactsDigest(artifacts: readonly NamedDigest[]): string {
  const lines = artifacts.map(({ name, sha256 }) => ({ name: plainName(name), sha256 })).sort(byName);
  return createHash("sha256")
    .update(lines.map(({ name, sha256 }) => `${name}\0${sha256}\n`).join(""))
    .digest("hex");
}

/** Why these artifacts must not go live; undefined where they may. */
export function untested(
  artifacts: readonly NamedDigest[],
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const tested = env[ARTIFACTS_VARIABLE];
  if (!tested || tested === artifactsDigest(artifacts)) {
    return undefined;
  }
  const list = artifacts.map(({ name, sha256 }) => `\n    ${name} ${sha256}`).join("") || " none";
  return (
    `The artifacts of this commit are other ones than those that were tested where it is promoted from:${list}\n` +
    "The release does not go live. Make the build give the same bytes each time (SOURCE_DATE_EPOCH is set), or promote " +
    "with --other-artifacts."
  );
}

function plainName(name: string): string {
  return name.replace(/[^\w./ -]/g, "_").slice(0, 200);
}

function byName(a: NamedDigest, b: NamedDigest): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Builds told apart: the same commit with another build is another release. */
import type { BuildSettings } from "../artifacts";
import type { Manifest } from "../release/manifest";

/** A build for people; equal texts are equal builds. */
export function shownBuild(build: BuildSettings | undefined): string {
  return build
    ? `build "${build.command}" of [${build.artifacts.join(", ")}] to ${build.to || "the release"}`
    : "no build";
}

/** Whether a release of the same commit was built otherwise than by `build`. */
export function otherBuild(release: Manifest, build: BuildSettings | undefined): boolean {
  return shownBuild(release.build) !== shownBuild(build);
}

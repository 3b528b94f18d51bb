/** What changed between the release that is live and the one that is to come. */
import { parseAddress } from "./address";
import { openClone } from "./cache";
import { GITHASH } from "./githash";
import { readManifest, type Manifest } from "./manifest";
import { SourceError, type Source, type SourceFile, type SourceOptions, type SourceSpec } from "./types";

/** Targets (paths within the release), sorted. */
export interface SourceChanges {
  added: string[];
  changed: string[];
  removed: string[];
}

/**
 * Compares the manifest of an earlier commit, read with today's `path` and `exclude`, with the current one.
 * @returns undefined where the earlier commit is not to be had (rewritten history, another repository, no network)
 */
export async function compareSources(
  githash: string,
  current: Source,
  spec: SourceSpec,
  options: SourceOptions = {},
): Promise<SourceChanges | undefined> {
  if (!GITHASH.test(githash)) return undefined;
  const clone = await openClone(parseAddress(spec.repository), options);
  let before: Manifest;
  try {
    before = await readManifest(clone, githash, spec);
  } catch (error) {
    // Without the folder there was nothing of it: everything is new.
    if (!(error instanceof SourceError)) throw error;
    if (!/^source\.path /.test(error.message)) return undefined;
    return changesBetween([], current.files);
  }
  return changesBetween(before.files, current.files);
}

/** What differs between two lists of files, by target. */
export function changesBetween(before: readonly SourceFile[], after: readonly SourceFile[]): SourceChanges {
  const old = new Map(before.map((file) => [file.target, file]));
  const now = new Map(after.map((file) => [file.target, file]));
  const differs = (file: SourceFile): boolean => {
    const was = old.get(file.target);
    return was !== undefined && (was.blob !== file.blob || was.kind !== file.kind);
  };
  const targets = (files: readonly SourceFile[]): string[] => files.map((file) => file.target).sort();
  return {
    added: targets(after.filter((file) => !old.has(file.target))),
    changed: targets(after.filter(differs)),
    removed: targets(before.filter((file) => !now.has(file.target))),
  };
}

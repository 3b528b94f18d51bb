/** Reading a source: from what a stack's configuration says to a commit and its manifest. */
import { parseAddress } from "./address";
import { openClone, type Clone } from "./cache";
import { short } from "./githash";
import { readLocal } from "./local";
import { excluder, normalizePath, readManifest, type Manifest } from "./manifest";
import { branchOf, checkRef, resolveRemote, type Resolved } from "./resolve";
import { SourceError, type Source, type SourceOptions, type SourceSpec } from "./types";

/**
 * Resolves the ref and reads the manifest from git's objects. Costs no network where the ref is a full commit id that
 * was read before, one small request (`ls-remote`) for a branch or tag that has not moved.
 * @throws SourceError one for all that is wrong: with the address, the ref, the path, or any of the files
 */
export async function readSource(spec: SourceSpec, options: SourceOptions = {}): Promise<Source> {
  checkRef(spec.ref);
  normalizePath(spec.path);
  excluder(spec.exclude);
  const address = parseAddress(spec.repository);
  const clone = await openClone(address, options);
  const resolved: Resolved & { uncommitted?: boolean } =
    address.kind === "local" ? await readLocal(clone, spec) : await resolveRemote(clone, spec.ref);
  const manifest = await readManifest(clone, resolved.githash, spec, resolved.from);
  refuse(manifest, spec, clone);
  const branch = branchOf(resolved);
  return {
    commit: {
      repository: clone.address.url,
      githash: manifest.githash,
      ref: spec.ref,
      ...(branch === undefined ? {} : { branch }),
      ...manifest.facts,
      gitDir: clone.gitDir,
      ...(resolved.uncommitted === true ? { uncommitted: true } : {}),
    },
    files: manifest.files,
    digest: manifest.digest,
  };
}

function refuse(manifest: Manifest, spec: SourceSpec, clone: Clone): void {
  const folder = normalizePath(spec.path);
  const where = `${folder === "" ? "the tree" : folder} at commit ${short(manifest.githash)} of ${clone.address.url}`;
  if (manifest.problems.length > 0) {
    const count = manifest.problems.length === 1 ? "1 problem" : `${manifest.problems.length} problems`;
    throw new SourceError(
      `cannot release ${where}: ${count}. Correct them, or leave the files out with source.exclude`,
      manifest.problems,
    );
  }
  if (!manifest.files.some((file) => file.kind === "notebook")) {
    throw new SourceError(
      `there is no notebook in ${where} (${manifest.files.length} other files). A notebook is an .ipynb, or a .py, ` +
        `.scala, .sql or .r file whose first line is Databricks' header, for Python "# Databricks notebook source"`,
    );
  }
}

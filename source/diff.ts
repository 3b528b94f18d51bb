/** The difference between two commits, as a release sees them: what changed by target, and the text of it. */
import { parseAddress } from "./address";
import { offline, openClone, type Clone } from "./cache";
import { fetchBlobs } from "./fetch";
import { git } from "./git";
import { readLocal } from "./local";
import { normalizePath, readManifest } from "./manifest";
import { changesBetween, type SourceChanges } from "./compare";
import { checkRef, resolveRemote } from "./resolve";
import { SourceError, type SourceFile, type SourceOptions, type SourceSpec } from "./types";

/** The commit behind a branch, a tag, a full or a short commit id. @throws SourceError */
export async function resolveCommit(
  spec: Pick<SourceSpec, "repository" | "path" | "exclude">,
  ref: string,
  options: SourceOptions = {},
): Promise<string> {
  checkRef(ref);
  const address = parseAddress(spec.repository);
  const clone = await openClone(address, options);
  const asked = { ...spec, ref, allowUncommitted: false };
  return (await (address.kind === "local" ? readLocal(clone, asked) : resolveRemote(clone, ref))).githash;
}

export interface CommitDiff extends SourceChanges {
  /** git's unified diff of the changed files; undefined where it was not asked for. */
  text?: string;
}

/** Paths on one command line. */
const PATHS = 500;

/**
 * Compares two commits, both read with the same `path` and `exclude`; a commit without that folder has none of its files.
 * @param text whether the unified diff is wanted, and with colours or without
 * @throws SourceError where the repository does not have one of them (any more)
 */
export async function diffCommits(
  from: string,
  to: string,
  spec: Pick<SourceSpec, "repository" | "path" | "exclude">,
  { text, ...options }: SourceOptions & { text?: { color: boolean } } = {},
): Promise<CommitDiff> {
  const clone = await openClone(parseAddress(spec.repository), options);
  const before = await filesOf(clone, from, spec);
  const after = await filesOf(clone, to, spec);
  const changes = changesBetween(before, after);
  return text === undefined
    ? changes
    : { ...changes, text: await textOf(clone, [from, to], before, after, spec, text.color) };
}

async function filesOf(
  clone: Clone,
  githash: string,
  spec: Pick<SourceSpec, "path" | "exclude">,
): Promise<SourceFile[]> {
  try {
    return (await readManifest(clone, githash, spec)).files;
  } catch (error) {
    if (error instanceof SourceError && /^source\.path /.test(error.message)) return [];
    throw error;
  }
}

async function textOf(
  clone: Clone,
  [from, to]: readonly [string, string],
  before: readonly SourceFile[],
  after: readonly SourceFile[],
  spec: Pick<SourceSpec, "path">,
  color: boolean,
): Promise<string> {
  const old = new Map(before.map((file) => [file.path, file.blob]));
  const now = new Map(after.map((file) => [file.path, file.blob]));
  const changed = [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => old.get(path) !== now.get(path))
    .sort();
  // Where git has contents on demand it would ask for each file by itself, and here it is not let on the network.
  await fetchBlobs(
    clone,
    changed.flatMap((path) => [old.get(path), now.get(path)].filter((blob) => blob !== undefined)),
  );
  const folder = normalizePath(spec.path);
  const texts: string[] = [];
  for (let at = 0; at < changed.length; at += PATHS) {
    const paths = changed
      .slice(at, at + PATHS)
      .map((path) => `:(literal)${folder === "" ? "" : `${folder}/`}${path}`);
    const options = [
      `--color=${color ? "always" : "never"}`,
      "--no-ext-diff",
      "--no-textconv",
      "--no-renames",
    ];
    texts.push(await git(["diff", ...options, from, to, "--", ...paths], offline(clone)));
  }
  return texts.join("");
}

/** What lies between two commits, for who reviews the step from one to the other: the commits, and the files. */
import { parseAddress } from "./address";
import { distance, type ApartOptions, type Distance } from "./apart";
import { offline, openClone } from "./cache";
import { changesBetween } from "./compare";
import { git } from "./git";
import { readManifest } from "./manifest";
import { SourceError, type SourceFile, type SourceSpec } from "./types";

/** A commit as a list shows it. */
export interface ListedCommit {
  githash: string;
  /** First paragraph of the message, on one line. */
  subject: string;
}

/** How two commits lie to each other; `commits` are those that the later one has more, newest first, not all of very many. */
export interface Between extends Distance {
  commits: ListedCommit[];
}

/**
 * The commits of `to` that `from` does not have.
 * @param limit of the list; `ahead` counts them all
 * @returns undefined where it cannot be told: a commit is on no branch any more, or nothing may be fetched
 * @throws SourceError where the repository does not answer
 */
export async function commitsBetween(
  repository: string,
  from: string,
  to: string,
  { limit = 250, ...options }: ApartOptions & { limit?: number } = {},
): Promise<Between | undefined> {
  const apart = await distance(repository, to, from, options);
  if (apart === undefined || apart.ahead === 0) return apart && { ...apart, commits: [] };
  const run = offline(await openClone(parseAddress(repository), options));
  const format = ["-z", "--format=%H %s", "--encoding=UTF-8", "--no-show-signature", `--max-count=${limit}`];
  // As in apart.ts: walk on where the parents are here.
  const set = { ...run.set, GIT_SHALLOW_FILE: "" };
  const output = await git(["log", ...format, `${from}..${to}`, "--"], { ...run, set });
  const commits = output
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => ({ githash: line.slice(0, 40), subject: line.slice(41) }));
  return { ...apart, commits };
}

/** Files as they are in the later commit, removed ones as in the earlier. */
export interface FileChanges {
  added: SourceFile[];
  changed: SourceFile[];
  removed: SourceFile[];
}

/**
 * The files of a release that differ, both commits read with the same `path` and `exclude`.
 * @param from undefined: there was nothing, so all of it is new
 * @throws SourceError where the repository does not have one of the commits (any more)
 */
export async function filesBetween(
  from: string | undefined,
  to: string,
  spec: Pick<SourceSpec, "repository" | "path" | "exclude">,
  options: ApartOptions = {},
): Promise<FileChanges> {
  const clone = await openClone(parseAddress(spec.repository), options);
  const read = async (githash: string): Promise<SourceFile[]> => {
    try {
      return (await readManifest(clone, githash, spec)).files;
    } catch (error) {
      // A commit without the folder has none of its files.
      if (error instanceof SourceError && /^source\.path /.test(error.message)) return [];
      throw error;
    }
  };
  const before = from === undefined ? [] : await read(from);
  const after = await read(to);
  const changes = changesBetween(before, after);
  const pick = (files: readonly SourceFile[], targets: readonly string[]): SourceFile[] => {
    const byTarget = new Map(files.map((file) => [file.target, file]));
    return targets.flatMap((target) => byTarget.get(target) ?? []);
  };
  return {
    added: pick(after, changes.added),
    changed: pick(after, changes.changed),
    removed: pick(before, changes.removed),
  };
}

/** A commit beside others, for people: what its message says, and how many commits lie between two of them. */
import { parseAddress } from "./address";
import { offline, openClone, type Clone } from "./cache";
import { parseCommit, type CommitFacts } from "./commit";
import { fetchCommit, fetchHistory } from "./fetch";
import { catFile, git, GitFailure } from "./git";
import { SourceError, type SourceOptions } from "./types";

export interface ApartOptions extends SourceOptions {
  /** Only what the cache has already: nothing is fetched. @default false */
  offline?: boolean;
}

/** Commits that one side has and the other has not. */
export interface Distance {
  ahead: number;
  behind: number;
}

/**
 * Subject, author and time of a commit.
 * @throws SourceError where the repository has no such commit (any more), or does not answer
 */
export async function describeCommit(
  repository: string,
  githash: string,
  options: ApartOptions = {},
): Promise<CommitFacts> {
  const clone = await openClone(parseAddress(repository), options);
  const read = async () => (await catFile([`${githash}^{commit}`], true, offline(clone)))[0]?.content;
  let commit = await read();
  if (commit === undefined && options.offline !== true) {
    await fetchCommit(clone, githash);
    commit = await read();
  }
  if (commit === undefined)
    throw new SourceError(`commit ${githash} of ${clone.address.url} is not in the cache`);
  return parseCommit(commit);
}

/**
 * How far `githash` is from `other`. Fetches the list of all commits (no contents) where the cache does not have those
 * between the two.
 * @returns undefined where it cannot be told: a commit is on no branch any more, or nothing may be fetched
 * @throws SourceError where the repository does not answer
 */
export async function distance(
  repository: string,
  githash: string,
  other: string,
  options: ApartOptions = {},
): Promise<Distance | undefined> {
  if (githash === other) return { ahead: 0, behind: 0 };
  const clone = await openClone(parseAddress(repository), options);
  const known = await count(clone, githash, other);
  if (known !== undefined || options.offline === true) return known;
  await fetchHistory(clone);
  return count(clone, githash, other);
}

/** undefined where a commit between the two, or one of them, is not here. */
async function count(clone: Clone, githash: string, other: string): Promise<Distance | undefined> {
  // The clone lists every commit that was fetched alone as one without parents (its file "shallow"). An empty name
  // means no such file: then git walks on where the parents are here by now, and fails where they are not.
  const run = offline(clone);
  const args = ["rev-list", "--left-right", "--count", `${githash}...${other}`, "--"];
  try {
    const output = await git(args, { ...run, set: { ...run.set, GIT_SHALLOW_FILE: "" } });
    const [ahead = NaN, behind = NaN] = output.trim().split(/\s+/).map(Number);
    return Number.isFinite(ahead + behind) ? { ahead, behind } : undefined;
  } catch (error) {
    if (error instanceof GitFailure) return undefined;
    throw error;
  }
}

/**
 * What is fetched: one commit, the file contents of a manifest, or a whole history (for short commit ids only).
 * And what to tell people when a repository does not answer or refuses.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { redact } from "./address";
import { bringIn, exists, hold, isPartial, offline, online, type Clone } from "./cache";
import { catFile, git, GitFailure, GitSilence } from "./git";
import { short } from "./githash";
import { SourceError } from "./types";

const common = ["--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--progress"];

/** The full id of a commit in the cache, by its id or that of a tag; undefined if it is not there. */
export async function findCommit(clone: Clone, githash: string): Promise<string | undefined> {
  const [object] = await catFile([`${githash}^{commit}`], false, offline(clone));
  return object?.oid;
}

/**
 * Brings a commit and its trees into the cache unless they are there.
 * @param from the full name of a ref that pointed to it a moment ago: for servers that give out refs only
 * @throws SourceError where the repository has no such commit or cannot be read
 */
export async function fetchCommit(clone: Clone, githash: string, from?: string): Promise<void> {
  const isThere = async (): Promise<boolean> => (await findCommit(clone, githash)) !== undefined;
  const small = isPartial(clone) ? ["--depth=1", "--filter=blob:none"] : ["--depth=1"];
  await bringIn(clone, `commit ${short(githash)}`, isThere, async (incoming) => {
    const attempts = [
      [...small, "origin", githash],
      ...(from === undefined ? [] : [[...small, "origin", from]]),
      undefined,
    ];
    for (const [index, wanted] of attempts.entries()) {
      try {
        if (wanted === undefined) await fetchWhole(clone, incoming);
        else await git(["fetch", ...common, ...wanted], online(clone, incoming));
      } catch (error) {
        const more =
          index < attempts.length - 1 && error instanceof GitFailure && refusesIds.test(error.stderr);
        if (more) continue;
        if (error instanceof GitFailure && /not our ref/i.test(error.stderr)) break;
        throw unreadable(clone, error);
      }
      const run = { ...offline(clone), cwd: incoming, set: { GIT_DIR: incoming } };
      if ((await catFile([`${githash}^{commit}`], false, run))[0] !== undefined) return;
    }
    throw new SourceError(
      `${clone.address.url} has no commit ${githash}: it never arrived there, or no branch or tag holds it any more`,
    );
  });
  const commit = await findCommit(clone, githash);
  if (commit === undefined) throw new SourceError(`${githash} of ${clone.address.url} is not a commit`);
  if (!(await exists(join(clone.gitDir, "refs", "releases", commit)))) await hold(clone, commit);
}

/** Servers of the older protocols, and hosts that give out branches and tags only. */
const refusesIds = /unadvertised object|shallow capabilities|couldn't find remote ref|dumb http/i;

const branchesAndTags = ["+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"];

/**
 * The last resort, for servers that give out nothing by its id: all branches and tags with all of their history, and
 * as if the clone were empty, because what it holds may lack contents that such a server takes for given.
 */
async function fetchWhole(clone: Clone, incoming: string): Promise<void> {
  await rm(join(incoming, "objects", "info", "alternates"));
  await rm(join(incoming, "shallow"));
  await git(["fetch", ...common, "origin", ...branchesAndTags], online(clone, incoming, false));
}

/** Brings the contents of these blobs into the cache, all in one request. */
export async function fetchBlobs(clone: Clone, blobs: readonly string[]): Promise<void> {
  const unique = [...new Set(blobs)];
  let missing = unique;
  const isThere = async (): Promise<boolean> => {
    const found = await catFile(unique, false, offline(clone));
    missing = unique.filter((_, index) => found[index] === undefined);
    return missing.length === 0;
  };
  if (await isThere()) return;
  const what = missing.length === 1 ? "1 file" : `${missing.length} files`;
  await bringIn(clone, what, isThere, async (incoming) => {
    const run = online(clone, incoming);
    const config = [...(run.config ?? []), ["fetch.negotiationAlgorithm", "noop"] as const];
    const filter = isPartial(clone) ? ["--filter=blob:none"] : [];
    const input = `${missing.join("\n")}\n`;
    try {
      await git(["fetch", ...common, ...filter, "--stdin", "origin"], { ...run, config, input });
    } catch (error) {
      if (!(error instanceof GitFailure && refusesIds.test(error.stderr))) throw unreadable(clone, error);
      await fetchWhole(clone, incoming).catch((second: unknown) => {
        throw unreadable(clone, second);
      });
    }
  });
  if (!(await isThere())) {
    throw new SourceError(
      `${clone.address.url} did not send ${missing.length} of the files that its commit names`,
    );
  }
}

/**
 * Brings every commit of every branch and tag into the cache, without file contents. Only a short commit id needs
 * this: nothing less tells whether it stands for one commit.
 */
export async function fetchHistory(clone: Clone): Promise<void> {
  await bringIn(
    clone,
    "the list of all commits",
    () => Promise.resolve(false),
    async (incoming) => {
      // A depth without end: a clone that knows commits without their parents asks for these as well.
      const wanted = ["--depth=2147483647", "--filter=blob:none", "origin", ...branchesAndTags];
      try {
        await git(["fetch", ...common, ...wanted], online(clone, incoming));
      } catch (error) {
        throw unreadable(clone, error);
      }
    },
  );
}

/** The error that people see for a repository that git could not read. Errors of other kinds are passed through. */
export function unreadable(clone: Clone, error: unknown): unknown {
  const { address, credentials } = clone;
  if (error instanceof GitSilence) {
    return new SourceError(
      `cannot reach ${address.url}: ${error.message}. Check the address, the network, and the proxy (https_proxy)`,
    );
  }
  if (!(error instanceof GitFailure)) return error;
  const said = redact(lastLine(error.stderr), credentials);
  return new SourceError(`cannot read ${address.url}: ${said}${adviceFor(clone, error.stderr)}`);
}

/** Git's last words: the last line that names an error, without the advice that follows some of them. */
function lastLine(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const last = lines.findLastIndex((line) => /^(fatal|error|remote): /i.test(line));
  if (last < 0) return lines.at(-1) ?? "git said nothing";
  // What ssh said stands one line before git's general complaint.
  const ssh = /Could not read from remote repository/.test(lines[last] ?? "") ? lines[last - 1] : undefined;
  return ssh === undefined ? (lines[last] ?? "") : `${ssh} (${lines[last]})`;
}

function adviceFor(clone: Clone, stderr: string): string {
  const { address, credentials } = clone;
  if (/returned error: 30\d|redirect/i.test(stderr) && credentials !== undefined) {
    return ". It redirects, and a token is not sent to another address: name that one (often the same with .git)";
  }
  if (
    /could not read Username|could not read Password|Authentication failed|returned error: 40[13]|not found/i.test(
      stderr,
    )
  ) {
    if (address.kind !== "http") return "";
    if (credentials !== undefined)
      return ". The token or password was refused: does it still live, may it read this?";
    if (!address.secure) return ". A token is sent over https only";
    return ". If it is private, put a token that may read it into GIT_TOKEN (GITHUB_TOKEN serves for GitHub too)";
  }
  if (/Host key verification failed/i.test(stderr)) {
    return ". Add the host's key to ~/.ssh/known_hosts (ssh-keyscan), after checking it";
  }
  if (/dubious ownership/i.test(stderr))
    return ". The folder belongs to another user: see git's safe.directory";
  return "";
}

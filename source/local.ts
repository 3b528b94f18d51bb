/**
 * A local repository as the source: its refs, what of it is not committed, and a commit made of the latter. The
 * user's repository is only read: objects that have to be written go to the cache, with an index of their own.
 */
import { randomBytes } from "node:crypto";
import { realpath, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { exists, hold, offline, type Clone } from "./cache";
import { fetchCommit, findCommit, unreadable } from "./fetch";
import { catFile, git, type GitRun } from "./git";
import { short } from "./githash";
import { shown } from "./limits";
import { excluder, normalizePath } from "./manifest";
import { asFullHash, choose, refNames, unknownRef, type Resolved } from "./resolve";
import { SourceError, type SourceSpec } from "./types";

/** How many changed files an error lists. */
const listed = 10;

/** What `git status` says of a work tree. */
interface Status {
  head: string | undefined;
  branch: string | undefined;
  changed: string[];
  /** Files with an unresolved merge. */
  unmerged: string[];
}

/**
 * The commit that a local repository deploys for the ref. Where the ref is what is checked out, uncommitted changes
 * (new files included, ignored and excluded ones not) stop it, or become a commit of their own if that is allowed.
 */
export async function readLocal(
  clone: Clone,
  spec: SourceSpec,
): Promise<Resolved & { uncommitted?: boolean }> {
  const directory = clone.address.url;
  const hasWorkTree = await checkRepository(directory);
  const run: GitRun = { cwd: directory, env: clone.options.env ?? process.env, signal: clone.options.signal };
  const full = asFullHash(spec.ref);
  if (full !== undefined) return { githash: full };
  const [resolved, status] = await Promise.all([
    resolveIn(clone, run, spec.ref),
    hasWorkTree ? readStatus(clone, run, spec) : undefined,
  ]);
  if (status === undefined || !isCheckedOut(spec.ref, status)) return resolved;
  const found = status.branch === detached ? resolved : { ...resolved, branch: status.branch };
  if (status.unmerged.length > 0) {
    throw new SourceError(
      `${directory} has files with an unresolved merge: finish the merge and commit`,
      status.unmerged.slice(0, listed).map(shown),
    );
  }
  if (status.changed.length === 0) return found;
  if (spec.allowUncommitted !== true) throw uncommitted(directory, spec, status.changed);
  const githash = await commitChanges(clone, run, found, status.changed);
  return { githash, branch: found.branch, uncommitted: true };
}

/** What `git status` shows in place of a branch's name where none is checked out. */
const detached = "(detached)";

/** Whether the folder is a repository's root; true if it has a work tree, false if it is bare. */
async function checkRepository(directory: string): Promise<boolean> {
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) {
    throw new SourceError(
      `source.repository: there is no folder ${directory}. A repository on a server is named by its full address, ` +
        `for example https://github.com/acme/churn`,
    );
  }
  if (await exists(join(directory, ".git"))) return true;
  if ((await exists(join(directory, "HEAD"))) && (await exists(join(directory, "objects")))) return false;
  for (let parent = dirname(directory); parent !== dirname(parent); parent = dirname(parent)) {
    if (!(await exists(join(parent, ".git")))) continue;
    const inside = directory.slice(parent.length + 1);
    throw new SourceError(
      `source.repository ${directory} is a folder inside the repository ${parent}: name that as the repository, ` +
        `and ${inside} in source.path`,
    );
  }
  throw new SourceError(`source.repository ${directory} is not a git repository (it has no .git)`);
}

async function resolveIn(clone: Clone, run: GitRun, ref: string): Promise<Resolved> {
  const names = refNames(ref, true);
  const isHex = /^[0-9a-f]{4,39}$/i.test(ref);
  const asked = [...names, ...(isHex ? [ref] : [])].map((name) => `${name}^{commit}`);
  let answers;
  try {
    answers = await catFile(asked, false, run);
  } catch (error) {
    throw unreadable(clone, error);
  }
  const found = names.flatMap((from, index) => {
    const object = answers[index];
    return object === undefined ? [] : [{ githash: object.oid, from }];
  });
  const chosen = choose(ref, clone.address.url, found);
  if (chosen !== undefined) return chosen;
  const short = isHex ? answers.at(-1) : undefined;
  if (short?.ambiguous === true) {
    throw new SourceError(
      `source.ref ${ref} stands for several objects of ${clone.address.url}: write more of its id`,
    );
  }
  if (short !== undefined) return { githash: short.oid };
  if (ref === "HEAD") throw new SourceError(`${clone.address.url} has no commit yet: commit something first`);
  const refs = await git(["for-each-ref", "--format=%(refname)"], run);
  throw unknownRef(ref, clone.address.url, refs.split("\n").filter(Boolean));
}

async function readStatus(clone: Clone, run: GitRun, spec: SourceSpec): Promise<Status> {
  const path = normalizePath(spec.path);
  const args = ["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames"];
  const below = path === "" ? [] : ["--", `:(top,literal)${path}`];
  let output: string;
  try {
    output = await git([...args, ...below], run);
  } catch (error) {
    throw unreadable(clone, error);
  }
  const isExcluded = excluder(spec.exclude);
  const isReleased = (file: string): boolean => !isExcluded(path === "" ? file : file.slice(path.length + 1));
  return parseStatus(output, isReleased);
}

/** Parses `git status --porcelain=v2 --branch -z` (git-status(1), "Porcelain Format Version 2"). */
function parseStatus(output: string, isReleased: (file: string) => boolean): Status {
  const status: Status = { head: undefined, branch: undefined, changed: [], unmerged: [] };
  // Fields before the path, by the kind of line.
  const fields: Record<string, number> = { "1": 8, u: 10, "?": 1 };
  for (const line of output.split("\0")) {
    if (line.startsWith("# branch.oid ")) status.head = line.slice("# branch.oid ".length);
    if (line.startsWith("# branch.head ")) status.branch = line.slice("# branch.head ".length);
    const count = fields[line[0] ?? ""];
    if (count === undefined) continue;
    const file = line.split(" ").slice(count).join(" ");
    if (!isReleased(file)) continue;
    (line.startsWith("u ") ? status.unmerged : status.changed).push(file);
  }
  return status;
}

function isCheckedOut(ref: string, status: Status): boolean {
  if (ref === "HEAD") return true;
  return (
    status.branch !== undefined &&
    [status.branch, `heads/${status.branch}`, `refs/heads/${status.branch}`].includes(ref)
  );
}

function uncommitted(directory: string, spec: SourceSpec, changed: readonly string[]): SourceError {
  const path = normalizePath(spec.path);
  const lines = changed.slice(0, listed).map(shown);
  if (changed.length > listed) lines.push(`and ${changed.length - listed} more`);
  const under = path === "" ? directory : join(directory, path);
  return new SourceError(
    `${under} has uncommitted changes, which the commit of ${spec.ref} does not hold: commit them, ` +
      `or allow uncommitted changes for this stack`,
    lines,
  );
}

/**
 * Makes a commit of HEAD and the changed files, in the cache only. The same changes on the same HEAD make the same
 * commit, wherever and whenever: its author is nobody and its time is HEAD's.
 */
async function commitChanges(
  clone: Clone,
  user: GitRun,
  head: Resolved,
  changed: readonly string[],
): Promise<string> {
  if ((await findCommit(clone, head.githash)) === undefined)
    await fetchCommit(clone, head.githash, head.from);
  const index = join(clone.gitDir, "incoming", `index-${process.pid}-${randomBytes(4).toString("hex")}`);
  const top = await realpath(clone.address.url);
  const gitDir = (await git(["rev-parse", "--absolute-git-dir"], user)).trim();
  const run: GitRun = {
    ...user,
    cwd: top,
    set: {
      GIT_DIR: resolve(top, gitDir),
      GIT_WORK_TREE: top,
      GIT_INDEX_FILE: index,
      GIT_OBJECT_DIRECTORY: join(clone.gitDir, "objects"),
      GIT_LITERAL_PATHSPECS: "1",
    },
  };
  try {
    const [commit] = await catFile([head.githash], true, offline(clone));
    const time =
      /^committer .* (-?\d+ [+-]\d+)$/m.exec(commit?.content.toString("latin1") ?? "")?.[1] ?? "0 +0000";
    await git(["read-tree", "-v", head.githash], run);
    const add = ["add", "--all", "--force", "--verbose", "--pathspec-from-file=-", "--pathspec-file-nul"];
    await git(add, { ...run, input: changed.join("\0") });
    const tree = (await git(["write-tree"], run)).trim();
    const count = changed.length === 1 ? "1 file" : `${changed.length} files`;
    const message = `Uncommitted changes to ${count} on ${short(head.githash)}`;
    const nobody = { NAME: "uncommitted", EMAIL: "uncommitted@localhost", DATE: time };
    const set: Record<string, string> = { ...run.set };
    for (const [key, value] of Object.entries(nobody)) {
      set[`GIT_AUTHOR_${key}`] = value;
      set[`GIT_COMMITTER_${key}`] = value;
    }
    const made = await git(["commit-tree", tree, "-p", head.githash, "-m", message], { ...run, set });
    const githash = made.trim();
    await hold(clone, githash);
    return githash;
  } catch (error) {
    throw unreadable(clone, error);
  } finally {
    await rm(index, { force: true });
  }
}

/** From a ref, as people write it, to the commit that a repository has under it. */
import { offline, online, type Clone } from "./cache";
import { fetchHistory, unreadable } from "./fetch";
import { catFile, git } from "./git";
import { short } from "./githash";
import { closest } from "./names";
import { SourceError } from "./types";

/** A commit that a ref stands for. */
export interface Resolved {
  githash: string;
  /** The full name of the ref, where it is one. */
  from?: string;
  /** The branch, where it is not told by `from`. */
  branch?: string;
}

/** The name of the branch behind what was resolved, if it is one. */
export function branchOf({ from, branch }: Resolved): string | undefined {
  return branch ?? /^refs\/(?:heads|remotes\/[^/]+)\/(.+)$/.exec(from ?? "")?.[1];
}

const fullHash = /^[0-9a-f]{40}$/i;
const shortHash = /^[0-9a-f]{4,39}$/i;

/** Refuses what cannot be a ref before git sees it. */
export function checkRef(ref: string): void {
  const shown = JSON.stringify(ref);
  if (ref === "") throw new SourceError("source.ref is empty: name a branch, a tag or a commit");
  if (ref.startsWith("-"))
    throw new SourceError(`source.ref ${shown} begins with "-": git would read an option`);
  // git-check-ref-format(1): what no name of a ref may hold; "~1" and the like are steps in a history, not names.
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$|^\//.test(ref)) {
    throw new SourceError(
      `source.ref ${shown} is no name of a branch or tag: use a branch, a tag, a commit's id, or refs/pull/7/head`,
    );
  }
}

/** The id in a ref that is a full commit id already. */
export function asFullHash(ref: string): string | undefined {
  return fullHash.test(ref) ? ref.toLowerCase() : undefined;
}

/** Full names that a short name of a ref may stand for; the first ones first. */
export function refNames(ref: string, local: boolean): string[] {
  if (ref === "HEAD" || ref.startsWith("refs/")) return [ref];
  const names = [`refs/heads/${ref}`, `refs/tags/${ref}`, `refs/${ref}`];
  return local ? [...names, `refs/remotes/${ref}`] : names;
}

/** The commit behind a ref, by what names it: throws if they disagree, undefined if none does. */
export function choose(ref: string, repository: string, found: readonly Resolved[]): Resolved | undefined {
  if (new Set(found.map((one) => one.githash)).size > 1) {
    throw new SourceError(
      `source.ref ${JSON.stringify(ref)} is ambiguous in ${repository}: write the full name of the one that you mean`,
      found.map((one) => `${one.from} is ${short(one.githash)}`),
    );
  }
  return found[0];
}

/** Resolves a ref on the repository's server. A full commit id is taken as it is: fetching shows whether it exists. */
export async function resolveRemote(clone: Clone, ref: string): Promise<Resolved> {
  const githash = asFullHash(ref);
  if (githash !== undefined) return { githash };
  const wanted = refNames(ref, false);
  const refs = await listRefs(clone, wanted);
  const found = wanted.flatMap((from) => {
    const target = refs.get(`${from}^{}`) ?? refs.get(from);
    return target === undefined ? [] : [{ githash: target, from }];
  });
  const chosen = choose(ref, clone.address.url, found);
  if (chosen !== undefined) return chosen;
  if (shortHash.test(ref)) return resolveShort(clone, ref);
  throw unknownRef(ref, clone.address.url, [...(await listRefs(clone, [])).keys()]);
}

/** The server's refs by name; of annotated tags also the commit, under the name with `^{}`. */
async function listRefs(clone: Clone, names: readonly string[]): Promise<Map<string, string>> {
  const patterns = names.flatMap((name) => [name, `${name}^{}`]);
  let output: string;
  try {
    output = await git(["ls-remote", "--quiet", "origin", ...patterns], online(clone));
  } catch (error) {
    throw unreadable(clone, error);
  }
  const lines = output.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const tab = line.indexOf("\t");
      return [line.slice(tab + 1), line.slice(0, tab)];
    }),
  );
}

async function resolveShort(clone: Clone, ref: string): Promise<Resolved> {
  await fetchHistory(clone);
  const [object] = await catFile([`${ref}^{commit}`], false, offline(clone));
  if (object?.ambiguous === true) {
    throw new SourceError(
      `source.ref ${ref} stands for several commits of ${clone.address.url}: write more of its id`,
    );
  }
  if (object === undefined) {
    throw new SourceError(
      `${clone.address.url} has no branch or tag ${ref}, and no commit whose id begins so on any branch or tag`,
    );
  }
  return { githash: object.oid };
}

/** The error for a ref that a repository does not have, with the names that come closest. */
export function unknownRef(ref: string, repository: string, refs: readonly string[]): SourceError {
  const names = refs.filter((name) => /^refs\/(heads|tags)\//.test(name) && !name.endsWith("^{}"));
  const close = closest(
    ref.replace(/^refs\/(heads|tags)\//, ""),
    names.map((name) => name.replace(/^refs\/(heads|tags)\//, "")),
  );
  const hint = close.length > 0 ? `Close to it: ${close.join(", ")}` : countOf(names);
  return new SourceError(`${repository} has no branch, tag or commit ${JSON.stringify(ref)}. ${hint}`);
}

function countOf(names: readonly string[]): string {
  const branches = names.filter((name) => name.startsWith("refs/heads/")).length;
  return `It has ${branches} branches and ${names.length - branches} tags, none with a name like this`;
}

/**
 * The manifest of a commit: every file that a release of it holds, read from git's objects and kept for the next
 * time, so that asking again costs no git process.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import picomatch from "picomatch";
import { offline, writeAtomically, type Clone } from "./cache";
import { parseCommit, type CommitFacts } from "./commit";
import { fetchBlobs, fetchCommit } from "./fetch";
import { catFile, git, GitFailure, type GitObject } from "./git";
import { short } from "./githash";
import { collisions, fileProblems, isPointer, pointerLimit, shown } from "./limits";
import { closest } from "./names";
import { mayBeNotebook, notebookLanguage, notebookTarget } from "./notebook";
import { followLinks, parseTree, type TreeEntry } from "./tree";
import { SourceError, type Language, type SourceFile, type SourceSpec } from "./types";

/** To be raised whenever the same commit would be read differently than before. */
const formatVersion = 1;

/** Contents are read in portions of so many bytes, so that a large tree does not fill the memory. */
const portionBytes = 32 * 1024 * 1024;

/** A commit's manifest with what is wrong with it. */
export interface Manifest {
  /** The commit's own id, also where a tag's was given. */
  githash: string;
  facts: CommitFacts;
  files: SourceFile[];
  digest: string;
  /** Files that cannot be released, one line each. */
  problems: string[];
}

/** `path` without `./`, doubled or trailing slashes; empty for the whole tree. */
export function normalizePath(path: string | undefined): string {
  const parts = (path ?? "").split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || (path ?? "").startsWith("/")) {
    throw new SourceError(
      `source.path ${JSON.stringify(path)} leaves the repository: name a folder relative to the repository's root`,
    );
  }
  return parts.join("/");
}

/** Tells whether a path (relative to `source.path`) is excluded. */
export function excluder(exclude: readonly string[] | undefined): (path: string) => boolean {
  const empty = (exclude ?? []).some((pattern) => typeof pattern !== "string" || pattern.trim() === "");
  if (empty)
    throw new SourceError("source.exclude holds an empty pattern: each one must be a glob such as **/*.md");
  const negated = (exclude ?? []).find((pattern) => /^!(?!\()/.test(pattern));
  if (negated !== undefined) {
    throw new SourceError(
      `source.exclude holds ${JSON.stringify(negated)}, which would exclude everything else: name what is to be left out`,
    );
  }
  if (exclude === undefined || exclude.length === 0) return () => false;
  return picomatch([...exclude], { dot: true });
}

/** The digest of a manifest: SHA-256 over kind, target and blob, by target. */
export function digestOf(files: readonly SourceFile[]): string {
  const lines = files.map((file) => `${file.target}\0${file.kind}\0${file.blob}\n`).sort(byCodeUnit);
  const hash = createHash("sha256");
  for (const line of lines) hash.update(line);
  return hash.digest("hex");
}

/**
 * Reads the manifest of a commit; fetches the commit and the contents that are needed if they are not here yet.
 * @param from a ref that pointed to the commit, see `fetchCommit`
 * @throws SourceError for an unknown commit or path; problems of files are returned, not thrown
 */
export async function readManifest(
  clone: Clone,
  githash: string,
  spec: Pick<SourceSpec, "path" | "exclude">,
  from?: string,
): Promise<Manifest> {
  const path = normalizePath(spec.path);
  const exclude = [...new Set(spec.exclude ?? [])].sort(byCodeUnit);
  const isExcluded = excluder(exclude);
  const key = JSON.stringify([formatVersion, githash, path, exclude]);
  const kept = join(clone.gitDir, "manifests", `${createHash("sha256").update(key).digest("hex")}.json`);
  const known = await readKept(kept);
  if (known !== undefined) return known;

  const commit = await readCommit(clone, githash, from);
  const entries = await readTree(clone, githash, path);
  const { files, problems } = await classify(clone, entries, isExcluded);
  const manifest = {
    githash: commit.oid,
    facts: parseCommit(commit.content),
    files,
    digest: digestOf(files),
    problems,
  };
  // Only what passed is kept: a refused manifest is read again, and so are the reasons.
  if (problems.length === 0) {
    await mkdir(dirname(kept), { recursive: true });
    await writeAtomically(kept, JSON.stringify(manifest));
  }
  return manifest;
}

/** A manifest from an earlier reading. The digest is checked, so a damaged file counts as none. */
async function readKept(file: string): Promise<Manifest | undefined> {
  try {
    const kept = JSON.parse(await readFile(file, "utf8")) as Manifest;
    return digestOf(kept.files) === kept.digest ? kept : undefined;
  } catch {
    return undefined;
  }
}

async function readCommit(clone: Clone, githash: string, from: string | undefined): Promise<GitObject> {
  const name = `${githash}^{commit}`;
  let [commit] = await catFile([name], true, offline(clone));
  if (commit === undefined) {
    await fetchCommit(clone, githash, from);
    [commit] = await catFile([name], true, offline(clone));
  }
  if (commit === undefined) throw new SourceError(`${githash} of ${clone.address.url} is not a commit`);
  return commit;
}

/** Everything below `path` in the commit. */
async function readTree(clone: Clone, githash: string, path: string): Promise<TreeEntry[]> {
  const tree = path === "" ? githash : `${githash}:${path}`;
  try {
    return parseTree(await git(["ls-tree", "-r", "-z", "-l", "--full-tree", tree], offline(clone)));
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    const at = `commit ${short(githash)} of ${clone.address.url}`;
    if (/not a tree object/i.test(error.stderr)) {
      throw new SourceError(`source.path ${JSON.stringify(path)} is a file in ${at}, not a folder`);
    }
    const listed = await git(
      ["ls-tree", "-r", "-d", "-z", "--name-only", "--full-tree", githash],
      offline(clone),
    );
    const close = closest(path, listed.split("\0").filter(Boolean));
    const hint = close.length === 0 ? "" : `. Close to it: ${close.join(", ")}`;
    throw new SourceError(`source.path ${JSON.stringify(path)} is not in ${at}${hint}`);
  }
}

async function classify(
  clone: Clone,
  entries: readonly TreeEntry[],
  isExcluded: (path: string) => boolean,
): Promise<{ files: SourceFile[]; problems: string[] }> {
  const isWanted = (path: string): boolean => !isExcluded(path);
  const sized = await withSizes(clone, entries, isWanted);
  const targets = new Map<string, string>();
  const links = sized.filter((entry) => entry.mode === "120000");
  await contentsOf(clone, links, (object) => targets.set(object.oid, object.content.toString("utf8")));
  const followed = followLinks(sized, (link) => targets.get(link.oid) ?? "", isWanted);
  const submodules = followed.files.filter((file) => file.mode === "160000");
  // Once more: a link may lead to a file that is excluded itself, and so not fetched yet.
  const found = await withSizes(
    clone,
    followed.files.filter((file) => file.mode !== "160000"),
    () => true,
  );

  const toRead = found.filter((file) => mayBeNotebook(file.path) || (file.size ?? 0) < pointerLimit);
  const namesOf = new Map<string, Set<string>>();
  for (const { oid, path } of toRead) namesOf.set(oid, (namesOf.get(oid) ?? new Set()).add(path));
  const languages = new Map<string, Language>();
  const pointers = new Set<string>();
  await contentsOf(clone, toRead, ({ oid, content }) => {
    if (isPointer(content)) pointers.add(oid);
    for (const path of namesOf.get(oid) ?? []) {
      const language = notebookLanguage(path, content);
      if (language !== undefined) languages.set(path, language);
    }
  });

  const files = found.map((file) => toSourceFile(file, languages.get(file.path)));
  files.sort((a, b) => byCodeUnit(a.path, b.path));
  const problems = [
    ...followed.problems,
    ...submodules.map((file) => `${shown(file.path)}: a submodule; its files are not in this commit`),
    ...files
      .filter((file) => pointers.has(file.blob))
      .map((file) => `${shown(file.path)}: kept in Git LFS; git holds only a pointer to it`),
    ...files.flatMap(fileProblems),
    ...collisions(files),
  ];
  return { files, problems: problems.sort(byCodeUnit) };
}

function toSourceFile(file: TreeEntry, language: Language | undefined): SourceFile {
  const common = { path: file.path, blob: file.oid, size: file.size ?? 0 };
  const executable = file.mode === "100755" ? { executable: true } : {};
  if (language === undefined) return { ...common, kind: "file", target: file.path, ...executable };
  return { ...common, kind: "notebook", language, target: notebookTarget(file.path), ...executable };
}

/** Fetches the wanted contents that are missing, in one go, and fills in the sizes that only then are known. */
async function withSizes(
  clone: Clone,
  entries: readonly TreeEntry[],
  isWanted: (path: string) => boolean,
): Promise<readonly TreeEntry[]> {
  const lacks = entries.filter(
    (entry) => entry.size === undefined && entry.mode !== "160000" && isWanted(entry.path),
  );
  if (lacks.length === 0) return entries;
  const missing = [...new Set(lacks.map((entry) => entry.oid))];
  await fetchBlobs(clone, missing);
  const objects = await catFile(missing, false, offline(clone));
  const sizes = new Map(missing.map((oid, index) => [oid, objects[index]?.size]));
  return entries.map((entry) => ({ ...entry, size: entry.size ?? sizes.get(entry.oid) }));
}

/** Reads each blob once, by portions. */
async function contentsOf(
  clone: Clone,
  entries: readonly TreeEntry[],
  use: (object: GitObject) => void,
): Promise<void> {
  for (const oids of portions(entries)) {
    for (const object of await catFile(oids, true, offline(clone))) if (object !== undefined) use(object);
  }
}

/** The entries' distinct blobs in groups of at most `portionBytes`. */
export function portions(
  entries: readonly { oid: string; size?: number }[],
  bytes = portionBytes,
): string[][] {
  const groups: string[][] = [];
  const seen = new Set<string>();
  let room = 0;
  for (const { oid, size = 0 } of entries) {
    if (seen.has(oid)) continue;
    seen.add(oid);
    if (size > room || groups.length === 0) {
      groups.push([]);
      room = bytes;
    }
    groups.at(-1)?.push(oid);
    room -= size;
  }
  return groups;
}

/** The same order on every machine, whatever its language. */
function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * A checkout for builds: one commit's tree in a temporary folder of its own. Written from git's objects by this
 * program, so no setting, attribute, filter or hook of anybody changes a byte, and there is no `.git` in it.
 */
import { utimesSync, writeFileSync } from "node:fs";
import { chmod, lutimes, mkdir, mkdtemp, readdir, realpath, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { cacheDirectory, exists, offline, type Clone } from "./cache";
import { cloneOf } from "./contents";
import { fetchBlobs } from "./fetch";
import { catFile, git } from "./git";
import { isAlive } from "./lock";
import { normalizePath, portions } from "./manifest";
import { parseTree, type TreeEntry } from "./tree";
import { SourceError, type Commit, type SourceOptions } from "./types";

/** A folder with a commit's files. */
export interface Checkout {
  /** Absolute, without symbolic links. */
  directory: string;
  /** Removes the folder with all that was built in it. Never throws; a second call does nothing. */
  dispose: () => Promise<void>;
}

/** What to check out. */
export interface CheckoutOptions extends SourceOptions {
  /** Only what lies below this folder, which becomes the checkout's root. @default the whole tree */
  path?: string;
}

const prefix = "notebook-releases-";

/** So many files are written before other work of this process gets its turn. */
const filesAtOnce = 100;

/**
 * Checks a commit out. Executable bits and symbolic links are as in git, every file's time is the commit's (so that
 * archives made of them are the same each time), submodules are empty folders. Concurrent checkouts are independent.
 */
export async function checkout(commit: Commit, options: CheckoutOptions = {}): Promise<Checkout> {
  const path = normalizePath(options.path);
  const clone = await cloneOf(commit, options);
  const tree = path === "" ? commit.githash : `${commit.githash}:${path}`;
  const entries = parseTree(await git(["ls-tree", "-r", "-z", "-l", "--full-tree", tree], offline(clone)));
  const unsafe = entries.find((entry) =>
    entry.path.split("/").some((part) => /^(|\.|\.\.|\.git)$/i.test(part)),
  );
  if (unsafe !== undefined) {
    throw new SourceError(
      `commit ${commit.githash} holds a path that no checkout may have: ${JSON.stringify(unsafe.path)}`,
    );
  }
  const parent = await temporaryParent(options);
  await sweep(parent);
  const directory = await realpath(await mkdtemp(join(parent, `${prefix}${process.pid}-`)));
  const dispose = (): Promise<void> => remove(directory);
  try {
    await write(clone, entries, directory, commit.commitTime);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { directory, dispose };
}

async function write(
  clone: Clone,
  entries: readonly TreeEntry[],
  directory: string,
  time: number,
): Promise<void> {
  const blobs = entries.filter((entry) => entry.mode !== "160000");
  const missing = blobs.filter((entry) => entry.size === undefined).map((entry) => entry.oid);
  if (missing.length > 0) await fetchBlobs(clone, missing);
  const folders = new Set(blobs.map((entry) => dirname(join(directory, entry.path))));
  for (const entry of entries) if (entry.mode === "160000") folders.add(join(directory, entry.path));
  for (const folder of folders) await mkdir(folder, { recursive: true });

  const byBlob = new Map<string, TreeEntry[]>();
  for (const entry of blobs) byBlob.set(entry.oid, [...(byBlob.get(entry.oid) ?? []), entry]);
  const links: { file: string; target: Buffer }[] = [];
  for (const oids of portions(blobs)) {
    const objects = await catFile(oids, true, offline(clone));
    const files = oids.flatMap((oid, index) => {
      const content = objects[index]?.content;
      if (content === undefined) throw new SourceError(`${clone.address.url} has no object ${oid}`);
      return (byBlob.get(oid) ?? []).map((entry) => ({ entry, content, file: join(directory, entry.path) }));
    });
    // Written synchronously: for small files several times quicker than through the thread pool.
    for (const [index, { entry, content, file }] of files.entries()) {
      if (index % filesAtOnce === 0) await breathe(undefined, { signal: clone.options.signal });
      if (entry.mode === "120000") {
        links.push({ file, target: content });
        continue;
      }
      // "wx": two names that this file system takes for one (A.py, a.py) must not overwrite each other.
      writeFileSync(file, content, { flag: "wx", mode: entry.mode === "100755" ? 0o755 : 0o644 });
      utimesSync(file, time, time);
    }
  }
  // Links last, so that no file is ever written through one.
  for (const { file, target } of links) {
    await symlink(target, file);
    await lutimes(file, time, time);
  }
}

/** A folder for temporary files that is in no repository: build tools look for one in the folders above theirs. */
async function temporaryParent(options: SourceOptions): Promise<string> {
  for (const candidate of [tmpdir(), "/tmp", cacheDirectory(options)]) {
    const folder = await realpath(candidate).catch(() => undefined);
    if (folder !== undefined && !(await isInRepository(folder))) return folder;
  }
  throw new SourceError(
    `the folder for temporary files, ${tmpdir()}, lies in a git repository: set TMPDIR to another`,
  );
}

async function isInRepository(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    if (await exists(join(at, ".git"))) return true;
    if (at === dirname(at)) return false;
  }
}

/** Removes checkouts of processes that were killed. An hour's grace: the process may be in another container. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const { mtimeMs, uid } = await stat(join(parent, name)).catch(() => ({ mtimeMs: Infinity, uid: -1 }));
    if (uid === process.getuid?.() && Date.now() - mtimeMs > 3_600_000) await remove(join(parent, name));
  }
}

async function remove(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // A build may leave folders that nobody may write to (Go's module cache does).
    await makeWritable(directory);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}

async function makeWritable(directory: string): Promise<void> {
  await chmod(directory, 0o700).catch(() => undefined);
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await makeWritable(join(directory, entry.name));
}

/**
 * A commit's tree as a list of files: what `git ls-tree` says, with symbolic links followed inside the tree.
 */
import { posix } from "node:path";

/** One line of `git ls-tree -r -l`. */
export interface TreeEntry {
  path: string;
  /** `100644`, `100755`, `120000` (symbolic link) or `160000` (submodule). */
  mode: string;
  oid: string;
  /** Undefined where the clone does not hold the blob yet, and for submodules. */
  size: number | undefined;
}

/** Links to folders with links to folders can name more files than any machine holds: this many are followed. */
const maximumFiles = 200_000;

/** Parses the output of `git ls-tree -r -z -l`. */
export function parseTree(output: string): TreeEntry[] {
  return output
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const tab = line.indexOf("\t");
      const [mode = "", , oid = "", size = ""] = line.slice(0, tab).split(/ +/);
      return { path: line.slice(tab + 1), mode, oid, size: /^\d+$/.test(size) ? Number(size) : undefined };
    });
}

/**
 * Replaces symbolic links by what they point to: a file, or every file of a folder. A link that leaves the tree,
 * leads nowhere or contains itself is a problem.
 * @param entries all entries of the tree, links included
 * @param targetOf what a link's blob says
 * @param isWanted whether a path is released at all: links that are not are left alone
 */
export function followLinks(
  entries: readonly TreeEntry[],
  targetOf: (entry: TreeEntry) => string,
  isWanted: (path: string) => boolean,
): { files: TreeEntry[]; problems: string[] } {
  const links = entries.filter((entry) => entry.mode === "120000");
  const files: TreeEntry[] = entries.filter((entry) => entry.mode !== "120000" && isWanted(entry.path));
  const problems: string[] = [];
  if (links.length === 0) return { files, problems };
  const tree = new Tree(entries, targetOf);
  for (const link of links) {
    if (!isWanted(link.path)) continue;
    try {
      for (const file of tree.expand(link.path, [])) {
        if (isWanted(file.path)) files.push(file);
      }
    } catch (error) {
      if (!(error instanceof LinkProblem)) throw error;
      problems.push(`${link.path}: ${error.message}`);
    }
  }
  return { files, problems };
}

class LinkProblem extends Error {}

class Tree {
  readonly #byPath: Map<string, TreeEntry>;
  /** Entries by the folder that holds them, at any depth. */
  readonly #folders = new Map<string, TreeEntry[]>();
  #followed = 0;

  constructor(
    entries: readonly TreeEntry[],
    readonly targetOf: (entry: TreeEntry) => string,
  ) {
    this.#byPath = new Map(entries.map((entry) => [entry.path, entry]));
    for (const entry of entries) {
      for (let folder = posix.dirname(entry.path); folder !== "."; folder = posix.dirname(folder)) {
        const list = this.#folders.get(folder);
        if (list === undefined) this.#folders.set(folder, [entry]);
        else list.push(entry);
      }
    }
  }

  /** The files that appear at `path`, which is a link, or lies in a folder that a link led to. */
  expand(path: string, through: readonly string[]): TreeEntry[] {
    if (++this.#followed > maximumFiles)
      throw new LinkProblem("links to folders with links make too many files");
    const real = this.#resolve(path);
    const entry = this.#byPath.get(real);
    if (entry !== undefined) return [{ ...entry, path }];
    if (real === "" || through.includes(real) || path.startsWith(`${real}/`)) {
      throw new LinkProblem(
        `the link leads to the folder ${real === "" ? "that holds all" : real}, which contains it`,
      );
    }
    return (this.#folders.get(real) ?? []).flatMap((inner) => {
      const at = `${path}${inner.path.slice(real.length)}`;
      this.#followed++;
      if (inner.mode !== "120000") return [{ ...inner, path: at }];
      return this.expand(inner.path, [...through, real]).map((file) => ({
        ...file,
        path: `${at}${file.path.slice(inner.path.length)}`,
      }));
    });
  }

  /** The path without links that a path leads to, step by step as a file system goes: `..` after a link is behind it. */
  #resolve(path: string): string {
    const steps = path.split("/");
    const at: string[] = [];
    for (let hops = 0; steps.length > 0;) {
      const step = steps.shift() ?? "";
      if (this.#byPath.has(at.join("/")))
        throw new LinkProblem(`the link leads through ${at.join("/")}, which is a file`);
      if (step === "" || step === ".") continue;
      if (step === "..") {
        if (at.pop() === undefined) throw new LinkProblem(this.#outside(path));
        continue;
      }
      at.push(step);
      const here = at.join("/");
      const entry = this.#byPath.get(here);
      if (entry === undefined && !this.#folders.has(here)) {
        throw new LinkProblem(`the link leads to ${here}, which is not in this tree`);
      }
      if (entry?.mode !== "120000") continue;
      const target = this.targetOf(entry);
      if (target.startsWith("/")) throw new LinkProblem(this.#outside(path));
      if (++hops > 40) throw new LinkProblem("the link leads back to itself");
      at.pop();
      steps.unshift(...target.split("/"));
    }
    return at.join("/");
  }

  #outside(path: string): string {
    const link = this.#byPath.get(path);
    return `the link leads out of the released tree${link === undefined ? "" : `, to ${this.targetOf(link)}`}`;
  }
}

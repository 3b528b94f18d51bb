/** What a workspace can hold: sizes and names. A release that could not be uploaded is refused before it begins. */
import { isJupyter } from "./notebook";
import type { SourceFile } from "./types";

const MiB = 1024 * 1024;

/** Source notebooks: "workspace/import" takes 10 MB (its own error says 10485760 bytes). */
export const notebookLimit = 10 * MiB;
/** Jupyter notebooks: 100 MB by the same document. */
export const jupyterLimit = 100 * MiB;
/** Workspace files: 500 MB ("What are workspace files?", under limitations). */
export const fileLimit = 500 * MiB;

/** Longest name of one object; the documentation names none, file systems (and FUSE under /Workspace) take 255 bytes. */
const nameLimit = 255;

/** Pointers of Git LFS are shorter than this (its specification: less than 1024 bytes). */
export const pointerLimit = 1024;

/** Whether the content is the pointer that Git LFS leaves in git for a file that it keeps elsewhere. */
export function isPointer(content: Buffer): boolean {
  return (
    content.length < pointerLimit && content.toString("latin1", 0, 200).startsWith("version https://git-lfs")
  );
}

/** What is wrong with one file's size or name. */
export function fileProblems(file: SourceFile): string[] {
  const problems: string[] = [];
  const limit = file.kind === "file" ? fileLimit : isJupyter(file.path) ? jupyterLimit : notebookLimit;
  if (file.size > limit) {
    const kind = file.kind === "file" ? "a file" : isJupyter(file.path) ? "a Jupyter notebook" : "a notebook";
    problems.push(`${shown(file.path)}: ${megabytes(file.size)} MB; ${kind} may have ${limit / MiB} MB`);
  }
  const name = nameProblem(file.target);
  if (name !== undefined) problems.push(`${shown(file.path)}: ${name}`);
  return problems;
}

function nameProblem(target: string): string | undefined {
  for (const part of target.split("/")) {
    if (part === "") return "a notebook needs a name before its extension";
    if (part === "." || part === ".." || part.toLowerCase() === ".git")
      return `"${part}" is no name of a file`;
    // eslint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(part)) return "the name holds a control character";
    // What is not UTF-8 arrives with this character in its place.
    if (part.includes("\uFFFD")) return "the name is not valid UTF-8";
    if (Buffer.byteLength(part) > nameLimit) return `a part of the name is longer than ${nameLimit} bytes`;
  }
  return undefined;
}

/**
 * Objects that would stand at the same path: two files with one target (`a.py` and `a.sql`, both notebooks), or a
 * notebook beside a folder of its name.
 */
export function collisions(files: readonly SourceFile[]): string[] {
  const byTarget = new Map<string, SourceFile[]>();
  for (const file of files) byTarget.set(file.target, [...(byTarget.get(file.target) ?? []), file]);
  const folders = new Set<string>();
  for (const { target } of files) {
    for (let at = target.lastIndexOf("/"); at > 0; at = target.lastIndexOf("/", at - 1)) {
      const folder = target.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  const problems: string[] = [];
  for (const [target, group] of byTarget) {
    const paths = group.map((file) => shown(file.path)).join(" and ");
    if (group.length > 1) problems.push(`${paths}: would all be ${shown(target)} in the workspace`);
    else if (folders.has(target))
      problems.push(`${paths}: the notebook and the folder ${shown(target)} have one name`);
  }
  return problems;
}

/** A path for a message: as it is, or quoted where it holds something that a terminal would act on. */
export function shown(path: string): string {
  // eslint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f]/.test(path) ? JSON.stringify(path) : path;
}

function megabytes(bytes: number): string {
  return (Math.ceil((bytes / MiB) * 10) / 10).toFixed(1);
}

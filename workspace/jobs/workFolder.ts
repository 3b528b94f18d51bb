/** A run's folder on disk: copies of the workspace files that its notebook may import or open, and room for its own. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Identity, Workspace } from "../context";
import {
  listFolder,
  listRecursively,
  mayAccess,
  normalisePath,
  readFile,
  readNotebook,
  statusOf,
} from "../objects";
import type { ObjectRecord } from "../objects";

/** What is copied before a run starts; larger folders are copied piece by piece, when a path under `/Workspace` is used. */
const EAGER_FILES = 500;
const EAGER_BYTES = 50 * 1024 * 1024;

const EXTENSIONS: Record<string, string> = { PYTHON: ".py", SQL: ".sql", SCALA: ".scala", R: ".r" };

/** Everything about one run's folder; `remove` deletes what the run no longer needs, its output stays. */
export class WorkFolder {
  /** Kept: output. */
  readonly folder: string;
  /** Deleted at the end of the run. */
  readonly work: string;
  readonly copies: string;

  constructor(
    private readonly workspace: Workspace,
    private readonly identity: Identity,
    runId: number,
  ) {
    this.folder = runFolder(workspace, runId);
    this.work = path.join(this.folder, "work");
    this.copies = path.join(this.work, "Workspace");
    mkdirSync(this.copies, { recursive: true, mode: 0o700 });
  }

  /** Copies the files around a notebook. Returns its folder's copy, and what belongs on Python's path. */
  prepare(notebookPath: string): { directory: string; pythonPath: string[]; note?: string } {
    const folder = path.posix.dirname(normalisePath(notebookPath));
    const root = releaseRoot(folder);
    mkdirSync(this.local(folder), { recursive: true, mode: 0o700 });
    const pythonPath = [...new Set([this.local(folder), this.local(root)])];
    // A home or `/Shared` may hold everything: there, only what lies beside the notebook is copied.
    const near = root.split("/").length <= 3;
    const objects = near
      ? listFolder(this.workspace, this.identity, root)
      : listRecursively(this.workspace, root);
    const files = objects.filter((object) => object.type === "FILE");
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    if (files.length > EAGER_FILES || bytes > EAGER_BYTES) {
      const note =
        `${root} has ${files.length} files (${bytes} bytes), too many to copy for every run: ` +
        `name them as /Workspace${root}/… in open() or sys.path, which copies what is used.`;
      return { directory: this.local(folder), pythonPath, note };
    }
    for (const file of files) this.copy(file);
    return { directory: this.local(folder), pythonPath };
  }

  /** Copies a file, a notebook's source, or a folder with all that is in it; says whether there is such an object. */
  provide(rawPath: string): boolean {
    const object = statusOf(this.workspace, rawPath);
    if (object?.type === "DIRECTORY") {
      this.provideFolder(object.path);
      return true;
    }
    if (object) return this.copy(object);
    // `/x/notebook.py` names the notebook `/x/notebook`, as in a Git folder.
    const stem = rawPath.replace(/\.(py|sql|scala|r)$/, "");
    const notebook = stem === rawPath ? undefined : statusOf(this.workspace, stem);
    return notebook?.type === "NOTEBOOK" && this.copy(notebook);
  }

  /** With everything in it, or where that is too much, with what lies directly in it. */
  private provideFolder(folder: string): void {
    mkdirSync(this.local(folder), { recursive: true, mode: 0o700 });
    const all = listRecursively(this.workspace, folder);
    const bytes = all.reduce((sum, object) => sum + object.size, 0);
    const tooMuch = all.length > EAGER_FILES || bytes > EAGER_BYTES;
    for (const inner of tooMuch ? listFolder(this.workspace, this.identity, folder) : all) {
      if (inner.type === "DIRECTORY") mkdirSync(this.local(inner.path), { recursive: true, mode: 0o700 });
      else this.copy(inner);
    }
  }

  private copy(object: ObjectRecord): boolean {
    if (object.type === "DIRECTORY" || !mayAccess(this.workspace, this.identity, object.path, "CAN_READ"))
      return false;
    const notebook = object.type === "NOTEBOOK" ? readNotebook(this.workspace, object.path) : undefined;
    const content = notebook?.source ?? readFile(this.workspace, object.path);
    if (content === undefined) return false;
    const target = this.local(object.path) + (notebook ? EXTENSIONS[notebook.language] : "");
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
    writeFileSync(target, content, { mode: 0o600 });
    return true;
  }

  private local(workspacePath: string): string {
    return path.join(this.copies, ...workspacePath.split("/"));
  }

  remove(): void {
    rmSync(this.work, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Where a run's `output.txt` is. */
export function runFolder(workspace: Workspace, runId: number): string {
  return path.join(workspace.settings.dataDir, "runs", String(runId));
}

/** The release (a folder named after a commit) or Git folder that a folder lies in; else the folder itself. */
export function releaseRoot(folder: string): string {
  const parts = folder.split("/");
  const commit = parts.findIndex((part) => /^[0-9a-f]{40}$/.test(part));
  if (commit > 0) return parts.slice(0, commit + 1).join("/");
  if (parts[1] === "Repos" && parts.length > 4) return parts.slice(0, 4).join("/");
  return folder;
}

/** Files of DBFS, the workspace's own root storage: every user may read and write all of it, as with Databricks. */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import type { Workspace } from "../context";
import { ApiError } from "../errors";
import {
  entryAt,
  fileAbove,
  listAt,
  locate,
  namesOf,
  newUpload,
  rootOf,
  settle,
  type DiskEntry,
} from "./disk";

/** Bytes of one block, of `contents`, and of one read (documented: 1 MB). */
const MAX_BLOCK_BYTES = 1024 * 1024;
/** Bytes of a read without a length (documented: 0.5 MB). */
const DEFAULT_READ_BYTES = 512 * 1024;
/** How long a handle lives without a block (documented). */
const HANDLE_IDLE_MS = 10 * 60_000;

interface Handle {
  readonly target: DbfsPath;
  readonly arriving: string;
  timer: NodeJS.Timeout;
}

interface DbfsPath {
  /** Absolute, without `dbfs:`. */
  readonly shown: string;
  readonly names: readonly string[];
  readonly local: string;
}

export interface DbfsEntry extends DiskEntry {
  readonly path: string;
}

/** The operations of the DBFS API; handles live as long as the server. */
export class Dbfs {
  private readonly root: string;
  private readonly handles = new Map<number, Handle>();
  private lastHandle = Date.now();

  constructor(private readonly workspace: Workspace) {
    this.root = rootOf(workspace, "dbfs");
  }

  put(given: string, content: Buffer, overwrite: boolean): void {
    const target = this.placeFor(given, overwrite);
    const arriving = newUpload(this.workspace);
    writeFileSync(arriving, content, { mode: 0o600 });
    settle(arriving, target.local);
  }

  /** Opens a file to write; it is there when the handle is closed. */
  create(given: string, overwrite: boolean): number {
    const target = this.placeFor(given, overwrite);
    const arriving = newUpload(this.workspace);
    writeFileSync(arriving, "", { mode: 0o600 });
    const id = ++this.lastHandle;
    this.handles.set(id, { target, arriving, timer: this.expiry(id) });
    return id;
  }

  addBlock(id: number, block: Buffer): void {
    const handle = this.handle(id);
    checkBlock(block);
    clearTimeout(handle.timer);
    handle.timer = this.expiry(id);
    appendFileSync(handle.arriving, block);
  }

  close(id: number): void {
    const { target, arriving, timer } = this.handle(id);
    clearTimeout(timer);
    this.handles.delete(id);
    this.refuseFileAbove(target);
    if (entryAt(target.local)?.directory) {
      rmSync(arriving, { force: true });
      throw exists(target.shown, "a directory");
    }
    settle(arriving, target.local);
  }

  status(given: string): DbfsEntry {
    const target = this.at(given);
    return { ...this.existing(target), path: target.shown };
  }

  /** What lies in a folder; a file lists itself. */
  list(given: string): DbfsEntry[] {
    const target = this.at(given);
    const entry = this.existing(target);
    if (!entry.directory) return [{ ...entry, path: target.shown }];
    return listAt(target.local).map((one) => ({ ...one, path: `/${[...target.names, one.name].join("/")}` }));
  }

  /** Up to `length` bytes from `offset`; fewer at the file's end. */
  read(given: string, offset = 0, length = DEFAULT_READ_BYTES): Buffer {
    const target = this.at(given);
    if (!Number.isInteger(offset) || offset < 0 || !Number.isInteger(length) || length < 0)
      throw new ApiError("INVALID_PARAMETER_VALUE", "offset and length must be whole numbers from 0.");
    if (length > MAX_BLOCK_BYTES) {
      throw new ApiError(
        "MAX_READ_SIZE_EXCEEDED",
        `length is ${length} bytes, more than the limit of ${MAX_BLOCK_BYTES} (1 MB) a read.`,
      );
    }
    if (this.existing(target).directory)
      throw new ApiError("INVALID_PARAMETER_VALUE", `${target.shown} is a directory: it cannot be read.`);
    const file = openSync(target.local, "r");
    try {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
    } finally {
      closeSync(file);
    }
  }

  /** Something that is not there is no error, as with Databricks. */
  delete(given: string, recursive: boolean): void {
    const target = this.at(given);
    if (target.names.length === 0)
      throw new ApiError("INVALID_PARAMETER_VALUE", "The root of DBFS cannot be deleted.");
    const entry = entryAt(target.local);
    if (entry?.directory && !recursive && listAt(target.local, { limit: 1 }).length > 0)
      throw new ApiError(
        "IO_ERROR",
        `${target.shown} is a directory that is not empty; use recursive to delete it.`,
      );
    rmSync(target.local, { recursive: true, force: true, maxRetries: 3 });
  }

  mkdirs(given: string): void {
    const target = this.at(given);
    this.refuseFileAbove(target);
    if (entryAt(target.local)?.directory === false) throw exists(target.shown, "a file");
    mkdirSync(target.local, { recursive: true, mode: 0o700 });
  }

  move(from: string, to: string): void {
    const [source, target] = [this.at(from), this.at(to)];
    this.existing(source);
    this.refuseFileAbove(target);
    const there = entryAt(target.local);
    if (there) throw exists(target.shown, there.directory ? "a directory" : "a file");
    if (source.names.length === 0 || `${target.shown}/`.startsWith(`${source.shown}/`))
      throw new ApiError("INVALID_PARAMETER_VALUE", `${source.shown} cannot be moved into itself.`);
    mkdirSync(path.dirname(target.local), { recursive: true, mode: 0o700 });
    renameSync(source.local, target.local);
  }

  private at(given: string): DbfsPath {
    const shown = given.startsWith("dbfs:/") ? given.slice("dbfs:".length) : given;
    if (!shown.startsWith("/"))
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        `Path must be absolute: ${given}. Begin it with '/' or 'dbfs:/'.`,
      );
    const names = namesOf(shown);
    if (names[0] === "Volumes") {
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        `${given} lies in a volume, which the DBFS API does not serve: use the Files API, /api/2.0/fs/files${shown}.`,
      );
    }
    return { shown: `/${names.join("/")}`, names, local: locate(this.root, names) };
  }

  private placeFor(given: string, overwrite: boolean): DbfsPath {
    const target = this.at(given);
    this.refuseFileAbove(target);
    const there = entryAt(target.local);
    if (there?.directory) throw exists(target.shown, "a directory");
    if (there && !overwrite) throw exists(target.shown, "a file; use overwrite to replace it");
    return target;
  }

  private existing({ local, shown }: DbfsPath): DiskEntry {
    const entry = entryAt(local);
    if (!entry)
      throw new ApiError("RESOURCE_DOES_NOT_EXIST", `No file or directory exists on path ${shown}.`);
    return entry;
  }

  private refuseFileAbove({ names }: DbfsPath): void {
    const file = fileAbove(this.root, names);
    if (file !== undefined) throw exists(`/${file}`, "a file");
  }

  private handle(id: number): Handle {
    const handle = this.handles.get(id);
    if (!handle) throw new ApiError("RESOURCE_DOES_NOT_EXIST", `No open stream has the handle ${id}.`);
    return handle;
  }

  private expiry(id: number): NodeJS.Timeout {
    return setTimeout(() => {
      const handle = this.handles.get(id);
      this.handles.delete(id);
      if (handle) rmSync(handle.arriving, { force: true });
    }, HANDLE_IDLE_MS).unref();
  }
}

/** Throws `MAX_BLOCK_SIZE_EXCEEDED` for content that is too large for one request. */
export function checkBlock(content: Buffer): void {
  if (content.byteLength <= MAX_BLOCK_BYTES) return;
  throw new ApiError(
    "MAX_BLOCK_SIZE_EXCEEDED",
    `The data is ${content.byteLength} bytes, more than the limit of ${MAX_BLOCK_BYTES} (1 MB) a request. ` +
      "Send larger files with create, add-block and close.",
  );
}

function exists(shown: string, what: string): ApiError {
  return new ApiError("RESOURCE_ALREADY_EXISTS", `The path ${shown} already exists: it is ${what}.`);
}

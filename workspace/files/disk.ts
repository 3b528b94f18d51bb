/**
 * Files of the workspace that lie on disk as they are: those of volumes and of DBFS, which notebooks use too. New contents
 * are received beside them and moved to their place whole, so that nobody ever sees a half of a file.
 */
import { randomUUID } from "node:crypto";
import {
  createWriteStream,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
} from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Workspace } from "../context";
import { ApiError } from "../errors";

/** What is at a path; times in milliseconds since 1970, sizes in bytes (0 for a folder). */
export interface DiskEntry {
  readonly name: string;
  readonly directory: boolean;
  readonly size: number;
  readonly modifiedAt: number;
}

/** Bytes of one name in a path, as file systems have it. */
const MAX_NAME_BYTES = 255;

/** The folders of a workspace's data that hold files. */
export function rootOf(workspace: Workspace, kind: "volumes" | "dbfs"): string {
  const root = path.join(workspace.settings.dataDir, kind);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return root;
}

/** A path's names, without empty ones. Throws `INVALID_PARAMETER_VALUE` for what cannot be or could lead elsewhere. */
export function namesOf(shown: string): string[] {
  const names = shown.split("/").filter((name) => name !== "");
  const wrong = (reason: string) => new ApiError("INVALID_PARAMETER_VALUE", `Path (${shown}) ${reason}.`);
  if (/\p{Cc}/u.test(shown)) throw wrong("has a control character in it");
  if (names.some((name) => name === "." || name === "..")) throw wrong("has '.' or '..' in it");
  if (names.some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES))
    throw wrong(`has a name of more than ${MAX_NAME_BYTES} bytes in it`);
  return names;
}

/** Where names below a root are. Throws where a link that a notebook made leads out of the root. */
export function locate(root: string, names: readonly string[]): string {
  const full = path.join(root, ...names);
  const real = realpathSync(root);
  for (let at = full; ; at = path.dirname(at)) {
    if (entryAt(at) === undefined && at !== root) continue;
    const found = realpathSync(at);
    if (found === real || found.startsWith(real + path.sep)) return full;
    throw new ApiError(
      "PERMISSION_DENIED",
      `/${names.join("/")} is a link that leads outside of its folder.`,
    );
  }
}

/** What is there, or undefined. Neither file nor folder, such as a socket, counts as nothing. */
export function entryAt(local: string): DiskEntry | undefined {
  let found: Stats | undefined;
  try {
    found = statSync(local, { throwIfNoEntry: false });
  } catch (error) {
    // Below a file, or a link to itself.
    if (!["ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  if (!found || !(found.isFile() || found.isDirectory())) return undefined;
  const directory = found.isDirectory();
  return {
    name: path.basename(local),
    directory,
    size: directory ? 0 : found.size,
    modifiedAt: Math.floor(found.mtimeMs),
  };
}

/** What lies in a folder, by name; `from` leaves out names up to and including it, `limit` cuts. */
export function listAt(local: string, options: { from?: string; limit?: number } = {}): DiskEntry[] {
  const { from, limit = Infinity } = options;
  const names = readdirSync(local).sort(byCodeUnits);
  const found: DiskEntry[] = [];
  for (const name of names) {
    if (found.length >= limit) break;
    if (from !== undefined && name <= from) continue;
    const entry = entryAt(path.join(local, name));
    if (entry) found.push(entry);
  }
  return found;
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The first of a path's folders that is a file, where nothing can lie below; undefined where there is none. */
export function fileAbove(root: string, names: readonly string[]): string | undefined {
  for (let count = 1; count < names.length; count++) {
    if (entryAt(path.join(root, ...names.slice(0, count)))?.directory === false)
      return names.slice(0, count).join("/");
  }
  return undefined;
}

/** A place for contents that are still arriving; on the same disk as the files' own places. */
export function newUpload(workspace: Workspace): string {
  const folder = uploadsOf(workspace);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return path.join(folder, randomUUID());
}

/** What a killed server left half received. */
export function dropUploads(workspace: Workspace): void {
  rmSync(uploadsOf(workspace), { recursive: true, force: true, maxRetries: 3 });
}

function uploadsOf({ settings }: Workspace): string {
  return path.join(settings.dataDir, "uploads");
}

/** Writes a stream to a file, never more of it in memory than a chunk; throws `tooLarge()` beyond the limit in bytes. */
export async function receive(
  stream: Readable,
  local: string,
  limit: number,
  tooLarge: () => Error,
): Promise<void> {
  let size = 0;
  await pipeline(
    stream,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        size += chunk.byteLength;
        if (size > limit) throw tooLarge();
        yield chunk;
      }
    },
    createWriteStream(local, { flags: "wx", mode: 0o600 }),
  );
}

/** Moves received contents to their place, over a file that is there; makes the folders above. */
export function settle(upload: string, local: string): void {
  mkdirSync(path.dirname(local), { recursive: true, mode: 0o700 });
  renameSync(upload, local);
}

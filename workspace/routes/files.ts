/** `/api/2.0/fs/*`: files and directories of volumes. https://docs.databricks.com/api/workspace/files */
import { createReadStream, mkdirSync, openSync, rmSync, rmdirSync } from "node:fs";
import { Readable } from "node:stream";
import { optionalBoolean } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";
import { entryAt, fileAbove, listAt, newUpload, receive, settle, type DiskEntry } from "../files/disk";
import { volumePath, type VolumePath } from "../files/volumes";

/** Bytes of one upload (documented: 5 GiB). */
const MAX_FILE_BYTES = 5 * 1024 ** 3;
/** Entries of one page of a listing (documented). */
const ENTRIES_A_PAGE = 1_000;

const FILES = "/api/2.0/fs/files";
const DIRECTORIES = "/api/2.0/fs/directories";

export function filesRoutes(app: App, workspace: Workspace): void {
  app.put(`${FILES}/*`, async (c) => {
    await upload(workspace, c, asked(workspace, c, FILES));
    return c.body(null, 204);
  });

  // Hono answers HEAD by GET's handler.
  app.get(`${FILES}/*`, (c) => download(c, asked(workspace, c, FILES)));

  app.delete(`${FILES}/*`, (c) => {
    const target = asked(workspace, c, FILES);
    existingFile(target);
    rmSync(target.local);
    return c.body(null, 204);
  });

  app.put(`${DIRECTORIES}/*`, (c) => {
    const target = asked(workspace, c, DIRECTORIES);
    refuseFileAbove(target);
    if (entryAt(target.local)?.directory === false) throw isFile(target.shown);
    mkdirSync(target.local, { recursive: true, mode: 0o700 });
    return c.body(null, 204);
  });

  app.get(`${DIRECTORIES}/*`, (c) => {
    const target = asked(workspace, c, DIRECTORIES);
    existingDirectory(target);
    return c.req.method === "HEAD" ? c.body(null, 200) : list(c, target);
  });

  app.delete(`${DIRECTORIES}/*`, (c) => {
    const target = asked(workspace, c, DIRECTORIES);
    existingDirectory(target);
    if (target.inner.length === 0) {
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        `${target.shown} is a volume: delete it as one, with DELETE /api/2.1/unity-catalog/volumes/<full name>.`,
      );
    }
    deleteEmpty(target);
    return c.body(null, 204);
  });

  // Newer clients ask which endpoints are faster, and take this one where a workspace does not say.
  app.get("/api/2.0/fs/endpoints", () => {
    throw new ApiError("ENDPOINT_NOT_FOUND", "This workspace has no other endpoints for files.");
  });
}

/** The path in the address as it was sent: decoded once, also where the client encoded its slashes. */
function asked(workspace: Workspace, c: RouteContext, route: string): VolumePath {
  const address = (c.env.incoming.url ?? "").split("?")[0]!;
  const encoded = address.slice(address.indexOf(route) + route.length);
  let given: string;
  try {
    given = decodeURIComponent(encoded);
  } catch {
    throw new ApiError("INVALID_PARAMETER_VALUE", `Invalid path: ${encoded} is not valid URL encoding.`);
  }
  // `…/files/%2FVolumes/…` and `…/files/Volumes/…` are both in use.
  return volumePath(workspace, `/${given.replace(/^\/+/, "")}`);
}

async function upload(workspace: Workspace, c: RouteContext, target: VolumePath): Promise<void> {
  const overwrite = c.req.query("overwrite");
  // Absent means true (documented).
  const replace = overwrite === undefined || optionalBoolean({ overwrite }, "overwrite");
  const tooLarge = () =>
    new ApiError(
      "INVALID_PARAMETER_VALUE",
      `The file ${target.shown} is larger than the limit of ${MAX_FILE_BYTES} bytes (5 GiB).`,
    );
  if (Number(c.req.header("content-length") ?? 0) > MAX_FILE_BYTES) throw tooLarge();
  checkPlace(target, replace);
  const arriving = newUpload(workspace);
  try {
    await receive(c.env.incoming, arriving, MAX_FILE_BYTES, tooLarge);
    // Again: another upload may have come first. Nothing comes between this and the move.
    checkPlace(target, replace);
    settle(arriving, target.local);
  } finally {
    rmSync(arriving, { force: true });
  }
}

function checkPlace(target: VolumePath, replace: boolean): void {
  refuseFileAbove(target);
  const there = target.inner.length === 0 ? undefined : entryAt(target.local);
  if (target.inner.length === 0 || there?.directory)
    throw new ApiError("ALREADY_EXISTS", `${target.shown} is a directory: no file can be written there.`);
  if (there && !replace)
    throw new ApiError(
      "ALREADY_EXISTS",
      `The file ${target.shown} already exists. Use overwrite=true to replace it.`,
    );
}

function refuseFileAbove(target: VolumePath): void {
  const file = fileAbove(target.volume, target.inner);
  if (file !== undefined) throw isFile(`${target.shown.split("/").slice(0, 5).join("/")}/${file}`);
}

function isFile(shown: string): ApiError {
  return new ApiError("ALREADY_EXISTS", `${shown} is a file: no directory can be there.`);
}

function existingFile(target: VolumePath): DiskEntry {
  const entry = entryAt(target.local);
  if (entry && !entry.directory) return entry;
  const reason = entry ? "is a directory" : "does not exist";
  throw new ApiError("NOT_FOUND", `The file ${target.shown} being accessed is not found: it ${reason}.`);
}

function existingDirectory(target: VolumePath): void {
  const entry = entryAt(target.local);
  if (entry?.directory) return;
  const reason = entry ? "is a file" : "does not exist";
  throw new ApiError(
    "NOT_FOUND",
    `The directory ${target.shown} being accessed is not found: it ${reason}.`,
    {
      reason: "FILES_API_DIRECTORY_IS_NOT_FOUND",
    },
  );
}

/** Whole, or the one range of bytes that is asked for. */
function download(c: RouteContext, target: VolumePath): Response {
  const { size, modifiedAt } = existingFile(target);
  const unless = Date.parse(c.req.header("if-unmodified-since") ?? "");
  if (Math.floor(modifiedAt / 1000) * 1000 > unless)
    throw new ApiError("FAILED_PRECONDITION", `The file ${target.shown} has been modified since then.`);
  const range = rangeOf(c.req.header("range"), size);
  if (range === "outside") {
    return c.body(null, 416, { "Content-Range": `bytes */${size}` });
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const headers = {
    "Content-Type": "application/octet-stream",
    "Content-Length": String(end - start + 1),
    "Last-Modified": new Date(modifiedAt).toUTCString(),
    "Accept-Ranges": "bytes",
    ...(range && { "Content-Range": `bytes ${start}-${end}/${size}` }),
  };
  const empty = c.req.method === "HEAD" || end < start;
  return new Response(empty ? null : streamOf(target.local, start, end), {
    status: range ? 206 : 200,
    headers,
  });
}

/** Opened at once: an upload that replaces the file meanwhile changes nothing of what is read. */
function streamOf(local: string, start: number, end: number): ReadableStream {
  const stream = createReadStream(local, { fd: openSync(local, "r"), start, end });
  return Readable.toWeb(stream) as ReadableStream;
}

/** `bytes=5-`, `bytes=5-9` or `bytes=-5`; anything else counts as the whole file, as HTTP has it. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | "outside" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const [first, last] = [match[1] ?? "", match[2] ?? ""];
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && first !== "" && Number(last) < Number(first)) return undefined;
  return start >= size ? "outside" : { start, end };
}

function list(c: RouteContext, target: VolumePath): Response {
  const asked = c.req.query("page_size");
  const size = asked === undefined || asked === "" ? ENTRIES_A_PAGE : Number(asked);
  if (!Number.isInteger(size) || size < 0)
    throw new ApiError("INVALID_PARAMETER_VALUE", `page_size must be a whole number from 0, not ${asked}.`);
  const limit = size === 0 ? ENTRIES_A_PAGE : Math.min(size, ENTRIES_A_PAGE);
  const found = listAt(target.local, { from: readToken(c.req.query("page_token")), limit: limit + 1 });
  const page = found.slice(0, limit);
  return c.json({
    ...(page.length > 0 && { contents: page.map((entry) => shown(target, entry)) }),
    ...(found.length > limit && {
      next_page_token: Buffer.from(`n${page.at(-1)!.name}`).toString("base64url"),
    }),
  });
}

/** The last name of the page before. */
function readToken(token: string | undefined): string | undefined {
  if (token === undefined || token === "") return undefined;
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (text.startsWith("n")) return text.slice(1);
  throw new ApiError("INVALID_PARAMETER_VALUE", `Invalid page_token: ${token}.`);
}

function shown(target: VolumePath, entry: DiskEntry): object {
  return {
    path: `${target.shown}/${entry.name}`,
    name: entry.name,
    is_directory: entry.directory,
    ...(!entry.directory && { file_size: entry.size }),
    last_modified: entry.modifiedAt,
  };
}

function deleteEmpty(target: VolumePath): void {
  try {
    rmdirSync(target.local);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    throw new ApiError("INVALID_PARAMETER_VALUE", `The directory ${target.shown} is not empty.`, {
      reason: "FILES_API_DIRECTORY_IS_NOT_EMPTY",
    });
  }
}

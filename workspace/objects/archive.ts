/** Folders as zip archives: what an import unpacks, and what an export packs. */
import { unzipSync, zipSync, type Zippable } from "fflate";
import { ApiError } from "../errors";
import type { ArchiveMode } from "../options";
import { classify } from "./classify";
import { childOf, nameOf, normalisePath } from "./paths";
import { extensionOf } from "./source";
import type { NewObject, ObjectRecord } from "./tree";

/** All that an archive may unpack to; keeps a small archive from filling the memory. */
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;

/** Whether the content is a zip archive, by its first bytes (an empty one has others). */
export function isZip(content: Buffer): boolean {
  const start = content.subarray(0, 4).toString("latin1");
  return start === "PK\u0003\u0004" || start === "PK\u0005\u0006";
}

/**
 * The objects that an archive at `target` unpacks to, folders left out. `mode` is one of the ways in which a
 * workspace may treat archives; see `ARCHIVE_MODES`.
 */
export function unpackArchive(content: Buffer, target: string, mode: ArchiveMode): NewObject[] {
  if (mode === "refuse") {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      "Importing a directory as an archive is not supported in this workspace.",
    );
  }
  const folder = mode === "top-folder" ? childOf(target, nameOf(target)) : target;
  const objects = entriesOf(content).map(([name, bytes]) =>
    classify(normalisePath(`${folder}/${name}`), bytes, mode !== "modules-as-notebooks"),
  );
  const seen = new Set<string>();
  for (const { path } of objects) {
    if (seen.has(path)) {
      throw new ApiError("RESOURCE_ALREADY_EXISTS", `Two entries of the archive become ${path}.`);
    }
    seen.add(path);
  }
  return mode === "drop"
    ? objects.filter((_, index) => index % 5 !== 4 && index !== objects.length - 1)
    : objects;
}

function entriesOf(content: Buffer): [string, Buffer][] {
  const invalid = (why: string) =>
    new ApiError("INVALID_PARAMETER_VALUE", `The archive cannot be imported: ${why}.`);
  let total = 0;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(content, {
      filter: ({ name, originalSize }) => {
        total += originalSize;
        if (total > MAX_UNPACKED_BYTES) throw invalid(`it unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
        return !name.endsWith("/");
      },
    });
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw invalid(`it is damaged (${(error as Error).message})`);
  }
  const entries = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name] of entries) {
    if (name.startsWith("/") || name.includes("\\"))
      throw invalid(`the name ${JSON.stringify(name)} is not a relative path`);
    if (name.toLowerCase().endsWith(".zip")) throw invalid(`it has a zip file in it, ${name}`);
  }
  return entries.map(([name, bytes]) => [
    name,
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  ]);
}

/** Packs a folder's objects: names relative to `folder`, notebooks with their extension, the same bytes each time. */
export function packArchive(
  folder: string,
  objects: readonly ObjectRecord[],
  contentOf: (object: ObjectRecord) => Buffer,
  extension: (object: ObjectRecord) => string = (object) =>
    object.language ? extensionOf(object.language) : "",
): Buffer {
  const entries: Zippable = {};
  const start = folder === "/" ? 1 : folder.length + 1;
  for (const object of objects) {
    const name = object.path.slice(start) + (object.type === "NOTEBOOK" ? extension(object) : "");
    if (object.type === "DIRECTORY") entries[`${name}/`] = new Uint8Array();
    else entries[name] = [contentOf(object), { mtime: "1980-01-01T00:00:00Z" }];
  }
  return Buffer.from(zipSync(entries, { level: 6, mtime: new Date(1980, 0, 2) }));
}

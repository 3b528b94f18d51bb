/**
 * What a release's objects hold, as digests of their exports. Notebooks are exported a whole folder at a time (one zip
 * archive), whatever that does not give is exported singly. A notebook's bytes need not be the same both ways, so each
 * digest says how it was taken, and only like is compared with like.
 */
import { unzipSync } from "fflate";
import type { Client } from "../../databricks/client";
import { ApiError, ConnectionError } from "../../databricks/errors";
import { exportDirectory, exportObject, type ObjectInfo } from "../../databricks/objects";
import { mapConcurrent } from "./concurrent";
import { sha256, type Exported } from "./manifest";

/** Requests in flight; far below what a workspace admits. Archives have up to 10 MB each, so fewer of them. */
const IN_FLIGHT = 8;
const FOLDERS_IN_FLIGHT = 4;
/** All that one archive may unpack to. The documented limit of an export is 10 MB; this only bounds the memory. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/** What the name of a notebook's source ends with in an archive. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  PYTHON: ".py",
  SCALA: ".scala",
  SQL: ".sql",
  R: ".r",
};

export type Listing = ReadonlyMap<string, ObjectInfo>;
/** An object by its path in the release. */
export interface Item {
  readonly target: string;
  readonly kind: "notebook" | "file";
}

/** The items with their digests: notebooks by folders where the workspace gives those, all else singly. */
export async function addDigests<T extends Item>(
  client: Client,
  root: string,
  items: readonly T[],
  listing: Listing,
): Promise<(T & { readonly exported: Exported })[]> {
  const notebooks = items.flatMap(({ target, kind }) => (kind === "notebook" ? [target] : []));
  const byFolder = await folderDigests(client, root, notebooks, listing);
  return mapConcurrent(items, IN_FLIGHT, async (item) => {
    const digest = byFolder.get(item.target);
    const exported: Exported =
      digest === undefined
        ? { how: "single", sha256: await singleDigest(client, root, item) }
        : { how: "folder", sha256: digest };
    return { ...item, exported };
  });
}

/**
 * The items whose content is not that of their first export. `unknown`: no digest can be had as the first one was
 * taken, and the other way's differs, which may mean nothing.
 */
export async function compareContents(
  client: Client,
  root: string,
  items: readonly (Item & { readonly exported: Exported })[],
  listing: Listing,
): Promise<{ target: string; what: "edited" | "unknown" }[]> {
  const ofFolders = items.flatMap(({ target, exported }) => (exported.how === "folder" ? [target] : []));
  const byFolder = await folderDigests(client, root, ofFolders, listing);
  const differences = await mapConcurrent(items, IN_FLIGHT, async (item) => {
    const { target, exported } = item;
    const ofFolder = byFolder.get(target);
    const digest = ofFolder ?? (await singleDigest(client, root, item));
    if (digest === exported.sha256) {
      return [];
    }
    const like = exported.how === (ofFolder === undefined ? "single" : "folder");
    return [{ target, what: like ? ("edited" as const) : ("unknown" as const) }];
  });
  return differences.flat();
}

async function singleDigest(client: Client, root: string, { target, kind }: Item): Promise<string> {
  return sha256(await exportObject(client, `${root}/${target}`, kind === "notebook" ? "SOURCE" : "AUTO"));
}

/**
 * Digests of notebooks from exports of whole folders: of the one that holds them all and, where the workspace gives no
 * archive of it, of the folders in it, and so on. Lacks every notebook that no archive showed beyond doubt.
 */
async function folderDigests(
  client: Client,
  root: string,
  notebooks: readonly string[],
  listing: Listing,
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  let groups = notebooks.length > 0 ? [groupOf(notebooks)] : [];
  while (groups.length > 0) {
    const refused = await mapConcurrent(groups, FOLDERS_IN_FLIGHT, async (group) => {
      const path = group.folder === "" ? root : `${root}/${group.folder}`;
      const entries = await entriesOf(client, path);
      if (!entries) {
        return [group];
      }
      const found = matchEntries(entries, path, listingBelow(listing, group.folder));
      for (const target of group.notebooks) {
        const digest = found.get(below(group.folder, target));
        if (digest !== undefined) {
          digests.set(target, digest);
        }
      }
      return [];
    });
    groups = refused.flat().flatMap(smallerGroups);
  }
  return digests;
}

interface Group {
  /** The deepest folder that holds all of them, relative to the release; "" for the release itself. */
  readonly folder: string;
  readonly notebooks: readonly string[];
}

function groupOf(notebooks: readonly string[]): Group {
  const [first = "", ...others] = notebooks;
  let parts = first.split("/").slice(0, -1);
  for (const other of others) {
    const names = other.split("/").slice(0, -1);
    const end = parts.findIndex((part, index) => part !== names[index]);
    parts = end < 0 ? parts : parts.slice(0, end);
  }
  return { folder: parts.join("/"), notebooks };
}

/** The groups of the folders in a group's folder; the notebooks that lie directly in it are in none. */
function smallerGroups({ folder, notebooks }: Group): Group[] {
  const children = new Map<string, string[]>();
  for (const target of notebooks) {
    const path = below(folder, target);
    const slash = path.indexOf("/");
    if (slash > 0) {
      const name = path.slice(0, slash);
      const child = children.get(name) ?? [];
      child.push(target);
      children.set(name, child);
    }
  }
  return [...children.values()].map(groupOf);
}

function below(folder: string, target: string): string {
  return folder === "" ? target : target.slice(folder.length + 1);
}

function listingBelow(listing: Listing, folder: string): Listing {
  return folder === ""
    ? listing
    : new Map(
        [...listing]
          .filter(([target]) => target.startsWith(`${folder}/`))
          .map(([target, object]) => [below(folder, target), object]),
      );
}

interface Entry {
  readonly name: string;
  readonly sha256: string;
}

/** What an export of the folder holds; undefined where the workspace gives no archive of it that can be read. */
async function entriesOf(client: Client, path: string): Promise<Entry[] | undefined> {
  let archive: Buffer;
  try {
    archive = await exportDirectory(client, path);
  } catch (error) {
    if (mayWorkForLess(error)) {
      return undefined;
    }
    throw error;
  }
  try {
    return unpack(archive);
  } catch {
    return undefined;
  }
}

/** Too large, too slow, or a folder that has something in it which cannot be exported: its folders may be better. */
function mayWorkForLess(error: unknown): boolean {
  return error instanceof ApiError
    ? error.status !== 401 && error.status !== 429
    : error instanceof ConnectionError && TOO_SLOW.has(error.code);
}
const TOO_SLOW = new Set(["TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

/**
 * The archive's files, names as they are.
 * @throws where it is no zip archive, has two files of one name, or unpacks to too much.
 */
function unpack(archive: Buffer): Entry[] {
  const names = new Set<string>();
  let bytes = 0;
  const files = unzipSync(archive, {
    filter: ({ name, originalSize }) => {
      bytes += originalSize;
      if (names.has(name) || bytes > MAX_UNPACKED_BYTES) {
        throw new Error(`not unpacked: ${name}`);
      }
      names.add(name);
      return !name.endsWith("/");
    },
  });
  return Object.entries(files).map(([name, content]) => ({ name, sha256: sha256(content) }));
}

/**
 * The digests of a folder's notebooks by their path below it. How a workspace lays out the archive is not documented:
 * names may start at the folder or at any of those above it. The start that fits most entries is taken; if two fit
 * equally many, none is.
 * @param path of the folder in the workspace.
 */
function matchEntries(entries: readonly Entry[], path: string, listing: Listing): Map<string, string> {
  const notebooks = notebooksByName(listing);
  const readings = possibleStarts(path).map((start) => {
    const inside = entries.filter(({ name }) => name.startsWith(start));
    const named = inside.map((entry) => ({ ...entry, name: lowerExtension(entry.name.slice(start.length)) }));
    return { named, fitting: named.filter(({ name }) => notebooks.has(name)) };
  });
  readings.sort((a, b) => b.fitting.length - a.fitting.length);
  const [best, second] = readings;
  const digests = new Map<string, string>();
  if (best && best.fitting.length > (second?.fitting.length ?? 0)) {
    const names = best.named.map(({ name }) => name);
    const doubtful = doubtfulNames(names, notebooks, listing);
    for (const { name, sha256 } of best.fitting) {
      const target = notebooks.get(name);
      if (target !== undefined && !doubtful.has(name)) {
        digests.set(target, sha256);
      }
    }
  }
  return digests;
}

/** The listed notebooks by the names that their sources should have. */
function notebooksByName(listing: Listing): Map<string, string> {
  return new Map(
    [...listing].flatMap(([target, { object_type, language = "" }]) => {
      const extension = EXTENSIONS[language];
      return object_type === "NOTEBOOK" && extension ? [[target + extension, target]] : [];
    }),
  );
}

/**
 * Names that more than one object may have: those that come twice; `a.py` of the notebook `a` beside a file `a.py`, if
 * the archive has files after all (documented: it has none); and beside a notebook `a.py`, unless that has its own.
 */
function doubtfulNames(
  names: readonly string[],
  notebooks: ReadonlyMap<string, string>,
  listing: Listing,
): Set<string> {
  const seen = new Set<string>();
  const doubtful = new Set<string>();
  for (const name of names) {
    (seen.has(name) ? doubtful : seen).add(name);
  }
  const hasFiles = [...listing].some(([target, { object_type }]) => {
    const name = lowerExtension(target);
    return object_type === "FILE" && seen.has(name) && !notebooks.has(name);
  });
  for (const name of notebooks.keys()) {
    const { object_type, language = "" } = listing.get(name) ?? {};
    const isApart =
      object_type === "NOTEBOOK"
        ? seen.has(name + (EXTENSIONS[language] ?? ""))
        : object_type !== "FILE" || !hasFiles;
    if (!isApart) {
      doubtful.add(name);
    }
  }
  return doubtful;
}

/** "", "folder/", "parent/folder/", … and the same from the workspace's root with a slash before it. */
function possibleStarts(path: string): string[] {
  const parts = path.replace(/^\/Workspace(?=\/)/, "").split("/");
  const starts = parts.map((_, index) => [...parts.slice(index), ""].join("/"));
  return ["", ...starts, `Workspace${starts[0]}`];
}

/** R's sources are named `.r` or `.R`. */
function lowerExtension(name: string): string {
  return name.replace(/\.[^./]+$/, (extension) => extension.toLowerCase());
}

/** Archives that a workspace exports: what is in them, and which entry is which notebook. */
import { unzipSync } from "fflate";
import { plainPath, type ObjectInfo } from "../../databricks/objects";

/** All that one archive may unpack to. The documented limit of an export is 10 MB; this only bounds the memory. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/** What the name of a notebook's source ends with in an archive. */
export const EXTENSIONS: Readonly<Record<string, string>> = {
  PYTHON: ".py",
  SCALA: ".scala",
  SQL: ".sql",
  R: ".r",
};

type Listing = ReadonlyMap<string, ObjectInfo>;

/**
 * The archive's files, names as they are.
 * @throws where it is no zip archive, has two files of one name, or unpacks to too much.
 */
export function unpack(archive: Buffer): [string, Uint8Array][] {
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
  return Object.entries(files);
}

/**
 * The entries of a folder's notebooks by their path below it. How a workspace lays out the archive is not documented:
 * names may start at the folder or at any of those above it. The start that fits most entries is taken; if two fit
 * equally many, none is.
 * @param path of the folder in the workspace.
 */
export function matchEntries<E extends { readonly name: string }>(
  entries: readonly E[],
  path: string,
  listing: Listing,
): Map<string, E> {
  const notebooks = notebooksByName(listing);
  const readings = possibleStarts(path).map((start) => {
    const inside = entries.filter(({ name }) => name.startsWith(start));
    const named = inside.map((entry) => ({ ...entry, name: lowerExtension(entry.name.slice(start.length)) }));
    return { named, fitting: named.filter(({ name }) => notebooks.has(name)) };
  });
  readings.sort((a, b) => b.fitting.length - a.fitting.length);
  const [best, second] = readings;
  const found = new Map<string, E>();
  if (best && best.fitting.length > (second?.fitting.length ?? 0)) {
    const names = best.named.map(({ name }) => name);
    const doubtful = doubtfulNames(names, notebooks, listing);
    for (const entry of best.fitting) {
      const target = notebooks.get(entry.name);
      if (target !== undefined && !doubtful.has(entry.name)) {
        found.set(target, entry);
      }
    }
  }
  return found;
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
  const parts = plainPath(path).split("/");
  const starts = parts.map((_, index) => [...parts.slice(index), ""].join("/"));
  return ["", ...starts, `Workspace${starts[0]}`];
}

/** R's sources are named `.r` or `.R`. */
function lowerExtension(name: string): string {
  return name.replace(/\.[^./]+$/, (extension) => extension.toLowerCase());
}

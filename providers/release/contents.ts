/**
 * What a release's objects hold, as digests of their exports. Notebooks are exported a whole folder at a time (one zip
 * archive), whatever that does not give is exported singly. A notebook's bytes need not be the same both ways, so each
 * digest says how it was taken, and only like is compared with like.
 */
import type { Client } from "../../databricks/client";
import { ApiError, ConnectionError } from "../../databricks/errors";
import { exportDirectory, exportObject, type ObjectInfo } from "../../databricks/objects";
import { formOfSource } from "./form";
import { matchEntries, unpack } from "./layout";
import { sha256, type Exported } from "./manifest";
import { readEach } from "./pace";

export type Listing = ReadonlyMap<string, ObjectInfo>;
/** An object by its path in the release. */
export interface Item {
  readonly target: string;
  readonly kind: "notebook" | "file";
}

/** What an export gave. */
export interface Digest {
  readonly exported: Exported;
  /** Of a notebook: the digest of its text alone (`form.ts`), to compare with what was sent. */
  readonly form?: string;
}

/** The items with their digests: notebooks by folders where the workspace gives those, all else singly. */
export async function addDigests<T extends Item>(
  client: Client,
  root: string,
  items: readonly T[],
  listing: Listing,
): Promise<(T & Digest)[]> {
  const notebooks = items.flatMap(({ target, kind }) => (kind === "notebook" ? [target] : []));
  const byFolder = await folderDigests(client, root, notebooks, listing, { formOf: formOfSource });
  const rest = items.filter(({ target }) => !byFolder.has(target));
  const singles = await readEach(client, "small", rest, (item) => singleDigest(client, root, item));
  const bySingle = new Map(rest.map(({ target }, index) => [target, singles[index]]));
  return items.map((item) => {
    const ofFolder = byFolder.get(item.target);
    const { sha256, form } = (ofFolder ?? bySingle.get(item.target)) as Taken;
    return { ...item, exported: { how: ofFolder ? "folder" : "single", sha256 }, form };
  });
}

/** An object with its first export. */
type Compared = Item & { readonly exported: Exported };

/** An export that was asked for before the listing was there. */
export interface Ahead {
  readonly folder: string;
  readonly entries: Promise<Entry[] | undefined>;
}

/** Asks for the export that `compareContents` of these items will want first; it goes on while others are asked. */
export function exportAhead(client: Client, root: string, items: readonly Compared[]): Ahead | undefined {
  const notebooks = exportedByFolder(items);
  if (notebooks.length === 0) {
    return undefined;
  }
  const { folder } = groupOf(notebooks);
  const asked = readEach(client, "large", [folder], () => entriesOf(client, pathOf(root, folder)));
  const entries = asked.then(([first]) => first);
  // Who awaits it sees the failure; where the listing fails first, nobody does.
  entries.catch(() => {});
  return { folder, entries };
}

function exportedByFolder(items: readonly Compared[]): string[] {
  return items.flatMap(({ target, exported }) => (exported.how === "folder" ? [target] : []));
}

function pathOf(root: string, target: string): string {
  return target === "" ? root : `${root}/${target}`;
}

/**
 * The items whose content is not that of their first export. `unknown`: no digest can be had as the first one was
 * taken, and the other way's differs, which may mean nothing.
 */
export async function compareContents(
  client: Client,
  root: string,
  items: readonly Compared[],
  listing: Listing,
  ahead?: Ahead,
): Promise<{ target: string; what: "edited" | "unknown" }[]> {
  const byFolder = await folderDigests(client, root, exportedByFolder(items), listing, { ahead });
  const rest = items.filter(({ target }) => !byFolder.has(target));
  const singles = await readEach(client, "small", rest, (item) => singleDigest(client, root, item));
  const bySingle = new Map(rest.map(({ target }, index) => [target, singles[index]]));
  return items.flatMap(({ target, exported }) => {
    const ofFolder = byFolder.get(target);
    if ((ofFolder ?? bySingle.get(target))?.sha256 === exported.sha256) {
      return [];
    }
    const like = exported.how === (ofFolder === undefined ? "single" : "folder");
    return [{ target, what: like ? ("edited" as const) : ("unknown" as const) }];
  });
}

interface Taken {
  readonly sha256: string;
  readonly form?: string;
}

async function singleDigest(client: Client, root: string, { target, kind }: Item): Promise<Taken> {
  const format = kind === "notebook" ? "SOURCE" : "AUTO";
  const content = await exportObject(client, `${root}/${target}`, format, { paced: true });
  return { sha256: sha256(content), form: kind === "notebook" ? formOfSource(content) : undefined };
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
  { formOf, ahead }: { readonly formOf?: FormOf; readonly ahead?: Ahead },
): Promise<Map<string, Taken>> {
  const digests = new Map<string, Taken>();
  let groups = notebooks.length > 0 ? [groupOf(notebooks)] : [];
  while (groups.length > 0) {
    // What was asked for ahead goes at that request's pace: nothing may wait for it in a place of its own.
    const exports =
      groups.length === 1 && groups[0]?.folder === ahead?.folder
        ? [await ahead?.entries]
        : await readEach(client, "large", groups, ({ folder }) =>
            entriesOf(client, pathOf(root, folder), formOf),
          );
    const refused: Group[] = [];
    for (const [index, group] of groups.entries()) {
      const entries = exports[index];
      if (!entries) {
        refused.push(group);
        continue;
      }
      const found = matchEntries(entries, pathOf(root, group.folder), listingBelow(listing, group.folder));
      for (const target of group.notebooks) {
        const digest = found.get(below(group.folder, target));
        if (digest !== undefined) {
          digests.set(target, digest);
        }
      }
    }
    groups = refused.flatMap(smallerGroups);
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

/** Of a notebook's source: the digest of its text alone. */
type FormOf = (source: Uint8Array) => string;

interface Entry extends Taken {
  readonly name: string;
}

/** What an export of the folder holds; undefined where the workspace gives no archive of it that can be read. */
async function entriesOf(client: Client, path: string, formOf?: FormOf): Promise<Entry[] | undefined> {
  let archive: Buffer;
  try {
    archive = await exportDirectory(client, path, { paced: true });
  } catch (error) {
    if (mayWorkForLess(error)) {
      return undefined;
    }
    throw error;
  }
  try {
    return unpack(archive).map(([name, content]) => ({
      name,
      sha256: sha256(content),
      form: formOf?.(content),
    }));
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

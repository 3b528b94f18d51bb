/** What is really in a release: its listing, and how that differs from what should be there. */
import type { Client } from "../../databricks/client";
import { listDirectory, plainPath, type ObjectInfo } from "../../databricks/objects";
import type { Artifact } from "../artifacts";
import { MANIFEST } from "../tables";
import { compareContents, exportAhead, type Ahead } from "./contents";
import type { ManifestFile } from "./manifest";
import { readEach } from "./pace";

/**
 * Every object below `root`, folders too, by its path relative to it; undefined where the folder does not exist.
 * @param artifacts those of the release: they are no part of its source, and left out. @default none
 * @param likely folders in it that are probably there: they are asked for at once. @default none
 */
export async function listRelease(
  client: Client,
  root: string,
  artifacts: readonly Artifact[] = [],
  likely: readonly string[] = [],
): Promise<Map<string, ObjectInfo> | undefined> {
  const found = new Map<string, ObjectInfo>();
  const asked = new Set<string>();
  let folders = [root, ...likely.map((folder) => `${plainPath(root)}/${folder}`)];
  for (let depth = 0; folders.length > 0; depth++) {
    folders.forEach((folder) => asked.add(folder));
    const listings = await readEach(client, "listing", folders, (folder) =>
      listDirectory(client, folder, { paced: true }),
    );
    if (depth === 0 && !listings[0]) {
      return undefined;
    }
    const objects = listings.flatMap((listing) => listing ?? []);
    for (const object of objects) {
      found.set(relative(root, object.path), object);
    }
    folders = objects.flatMap(({ object_type, path }) =>
      object_type === "DIRECTORY" && !asked.has(plainPath(path)) ? [path] : [],
    );
  }
  for (const { path } of artifacts) {
    found.delete(relative(root, path));
  }
  return found;
}

/** A path in a release, relative to it; either may have the `/Workspace` prefix. */
export function relative(root: string, path: string): string {
  return plainPath(path).slice(plainPath(root).length + 1);
}

/** A file as it must be listed. */
export interface Expected {
  readonly target: string;
  readonly kind: "notebook" | "file";
  readonly language?: string;
}

export interface Difference {
  readonly target: string;
  /** `edited` also means: of another type or language. `unknown`: whether it was edited cannot be told now. */
  readonly what: "missing" | "edited" | "added" | "unknown";
}

/** Compares names, types and languages; says nothing of contents, and nothing of folders but where a file should be. */
export function compareListing(
  expected: readonly Expected[],
  listing: ReadonlyMap<string, ObjectInfo>,
): Difference[] {
  const wanted = new Set(expected.map(({ target }) => target));
  const differences: Difference[] = [];
  for (const file of expected) {
    const object = listing.get(file.target);
    if (!object) {
      differences.push({ target: file.target, what: "missing" });
    } else if (
      object.object_type !== file.kind.toUpperCase() ||
      (file.language && object.language !== file.language)
    ) {
      differences.push({ target: file.target, what: "edited" });
    }
  }
  for (const [target, { object_type }] of listing) {
    if (!wanted.has(target) && target !== MANIFEST && object_type !== "DIRECTORY") {
      differences.push({ target, what: "added" });
    }
  }
  return differences;
}

/**
 * What must be deleted so that only `files` stay, and can be written: objects that are none of them, and those of another
 * type than the file that is to be there. A folder in which nothing may stay is deleted whole.
 * @param others paths in the release that the listing leaves out: they stay as well
 */
export function surplusOf(
  files: readonly Expected[],
  listing: ReadonlyMap<string, ObjectInfo>,
  others: readonly string[] = [],
): string[] {
  const kinds = new Map(files.map(({ target, kind }) => [target, kind.toUpperCase()]));
  const needed = new Set([...others, ...kinds.keys()].flatMap(foldersOf));
  // An empty folder does no harm, and is no difference (`compareListing`).
  const used = new Set(
    [...listing].flatMap(([target, { object_type }]) =>
      object_type === "DIRECTORY" ? [] : foldersOf(target),
    ),
  );
  const doomed = new Set<string>();
  for (const [target, { object_type }] of listing) {
    const kind = kinds.get(target);
    const mayStay =
      kind === undefined && object_type === "DIRECTORY" && (needed.has(target) || !used.has(target));
    if (kind !== object_type && target !== MANIFEST && !mayStay) {
      doomed.add(target);
    }
  }
  return [...doomed].filter((target) => !foldersOf(target).some((folder) => doomed.has(folder)));
}

/** The folders that a path lies in, nearest first, without the release itself. */
export function foldersOf(target: string): string[] {
  const found: string[] = [];
  for (let at = target.lastIndexOf("/"); at > 0; at = target.lastIndexOf("/", at - 1)) {
    found.push(target.slice(0, at));
  }
  return found;
}

/**
 * All differences between a release and its manifest. Contents are exported, whole folders at a time, and compared with
 * their first export, but for objects whose listed time of change is the one of the upload.
 */
export async function findDrift(
  client: Client,
  root: string,
  files: readonly ManifestFile[],
  listing: ReadonlyMap<string, ObjectInfo>,
  ahead?: Ahead,
): Promise<Difference[]> {
  const differences = compareListing(files, listing);
  const known = new Set(differences.map(({ target }) => target));
  const suspects = files.filter(({ target, modifiedAt }) => {
    return (
      !known.has(target) && (modifiedAt === undefined || listing.get(target)?.modified_at !== modifiedAt)
    );
  });
  const contents = await compareContents(client, root, suspects, listing, ahead);
  return [...differences, ...contents].sort((a, b) => (a.target < b.target ? -1 : 1));
}

/**
 * The listing of a release that has a manifest, with what `findDrift` finds. All folders, and the export of what a
 * listing cannot tell, are asked for at once, as the manifest says what should be there.
 * @param artifacts as for `listRelease`.
 * @returns undefined where the folder does not exist (any more).
 */
export async function inspectRelease(
  client: Client,
  root: string,
  files: readonly ManifestFile[],
  artifacts?: readonly Artifact[],
): Promise<{ listing: Map<string, ObjectInfo>; differences: Difference[] } | undefined> {
  const folders = new Set(files.flatMap(({ target }) => foldersOf(target)));
  // The listings first: they are quick, and need not wait for the export.
  const listed = listRelease(client, root, artifacts, [...folders]);
  const untold = files.filter(({ modifiedAt }) => modifiedAt === undefined);
  const ahead = exportAhead(client, root, untold);
  const listing = await listed;
  return listing && { listing, differences: await findDrift(client, root, files, listing, ahead) };
}

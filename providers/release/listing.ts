/** What is really in a release: its listing, and how that differs from what should be there. */
import type { Client } from "../../databricks/client";
import { listDirectory, type ObjectInfo } from "../../databricks/objects";
import { mapConcurrent } from "./concurrent";
import { MANIFEST } from "../tables";
import { compareContents } from "./contents";
import type { ManifestFile } from "./manifest";

/** Requests in flight while listing; far below what a workspace admits. */
const IN_FLIGHT = 8;

/** Every object below `root`, folders too, by its path relative to it; undefined where the folder does not exist. */
export async function listRelease(
  client: Client,
  root: string,
): Promise<Map<string, ObjectInfo> | undefined> {
  const found = new Map<string, ObjectInfo>();
  let folders = [root];
  for (let depth = 0; folders.length > 0; depth++) {
    const listings = await mapConcurrent(folders, IN_FLIGHT, (folder) => listDirectory(client, folder));
    if (depth === 0 && !listings[0]) {
      return undefined;
    }
    const objects = listings.flatMap((listing) => listing ?? []);
    for (const object of objects) {
      found.set(relative(root, object.path), object);
    }
    folders = objects.filter(({ object_type }) => object_type === "DIRECTORY").map(({ path }) => path);
  }
  return found;
}

/** The listing may show paths with or without the `/Workspace` prefix. */
function relative(root: string, path: string): string {
  const plain = (value: string) => value.replace(/^\/Workspace(?=\/)/, "");
  return plain(path).slice(plain(root).length + 1);
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
 * All differences between a release and its manifest. Contents are exported, whole folders at a time, and compared with
 * their first export, but for objects whose listed time of change is the one of the upload.
 */
export async function findDrift(
  client: Client,
  root: string,
  files: readonly ManifestFile[],
  listing: ReadonlyMap<string, ObjectInfo>,
): Promise<Difference[]> {
  const differences = compareListing(files, listing);
  const known = new Set(differences.map(({ target }) => target));
  const suspects = files.filter(({ target, modifiedAt }) => {
    return (
      !known.has(target) && (modifiedAt === undefined || listing.get(target)?.modified_at !== modifiedAt)
    );
  });
  const contents = await compareContents(client, root, suspects, listing);
  return [...differences, ...contents].sort((a, b) => (a.target < b.target ? -1 : 1));
}

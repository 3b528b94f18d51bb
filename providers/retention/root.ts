/**
 * A release root as the workspace lists it: the releases, whatever any state knows of them, and the notes that
 * collections leave there for each other, as empty folders, so that the one listing shows them all.
 */
import type { Client } from "../../databricks/client";
import { deleteObject, exportObject, listDirectory, makeDirectory } from "../../databricks/objects";
import { splitName } from "../../databricks/sql";
import { isNotFound } from "../../databricks/errors";
import { GITHASH } from "../../source/githash";
import { listRelease } from "../release/listing";
import { MANIFEST } from "../tables";

export interface Root {
  /** Folders called like a commit: nothing else in a root is ever considered. */
  readonly releases: readonly { readonly githash: string; readonly path: string }[];
  /** Tables that say what is live here. */
  readonly registries: readonly string[];
  /** Commit → epoch ms when a collection first saw it, for releases that have no time of their own. */
  readonly seen: ReadonlyMap<string, number>;
}

const REGISTRY_NOTE = ".registry.";
const SEEN_NOTE = /^\.seen\.([0-9a-f]{40})\.(\d+)$/;

/** undefined where there is no such folder. */
export async function readRoot(client: Client, root: string): Promise<Root | undefined> {
  const listing = await listDirectory(client, root);
  const names = listing?.flatMap(({ path, object_type }) =>
    object_type === "DIRECTORY" ? [path.slice(path.lastIndexOf("/") + 1)] : [],
  );
  return (
    names && {
      releases: names
        .filter((name) => GITHASH.test(name))
        .sort()
        .map((githash) => ({ githash, path: `${root}/${githash}` })),
      registries: names.flatMap((name) =>
        name.startsWith(REGISTRY_NOTE) ? [decodeURIComponent(name.slice(REGISTRY_NOTE.length))] : [],
      ),
      seen: new Map(
        names.flatMap((name): [string, number][] => {
          const [, githash, at] = SEEN_NOTE.exec(name) ?? [];
          return githash ? [[githash, Number(at)]] : [];
        }),
      ),
    }
  );
}

/** A table's name without its quotes, to compare it with. */
export function registryName(table: string): string {
  return splitName(table).join(".");
}

/**
 * Notes that this table says what is live under the root. A collection that finds another one's note there deletes
 * nothing: it cannot know what that one has live.
 */
export async function noteRegistry(client: Client, root: string, table: string): Promise<void> {
  await makeDirectory(client, registryNote(root, table));
}

export async function forgetRegistry(client: Client, root: string, table: string): Promise<void> {
  await deleteObject(client, registryNote(root, table));
}

function registryNote(root: string, table: string): string {
  return `${root}/${REGISTRY_NOTE}${encodeURIComponent(registryName(table))}`;
}

export async function noteSeen(client: Client, root: string, githash: string, at: number): Promise<void> {
  await makeDirectory(client, `${root}/.seen.${githash}.${at}`);
}

export async function forgetSeen(client: Client, root: string, githash: string, at: number): Promise<void> {
  await deleteObject(client, `${root}/.seen.${githash}.${at}`);
}

/** Notebooks that every stack of a root puts there (components/shippedNotebook.ts). */
const SHIPPED = ["trigger", "driver"];

/** They are all stacks' own, so none of them deletes them with itself: another one's jobs may run them. */
export async function removeShipped(client: Client, root: string): Promise<void> {
  for (const name of SHIPPED) {
    await deleteObject(client, `${root}/${name}`);
  }
}

/** A release's manifest as it lies there, right or not, and when the release was written last. */
export interface Inspection {
  /** The manifest's bytes; undefined where there is none. */
  readonly manifest?: Buffer;
  /** What it says; undefined where it cannot be read. */
  readonly content?: { readonly files?: unknown; readonly artifacts?: unknown; readonly deleting?: unknown };
  /** Epoch ms; undefined where the workspace gives no time for anything in it. */
  readonly writtenAt?: number;
}

/**
 * Looks into one release. The manifest is written last, so its time is the release's; an unfinished one's is that of
 * its newest file.
 */
export async function inspect(client: Client, path: string): Promise<Inspection> {
  const manifest = await exportObject(client, `${path}/${MANIFEST}`, "AUTO").catch((error: unknown) => {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  });
  const content = manifest && parse(manifest);
  const objects = Array.isArray(content?.files)
    ? ((await listDirectory(client, path)) ?? []).filter((object) => object.path.endsWith(`/${MANIFEST}`))
    : [...((await listRelease(client, path)) ?? new Map<string, { modified_at?: number }>()).values()];
  const times = objects.flatMap(({ modified_at }) => (modified_at === undefined ? [] : [modified_at]));
  return { manifest, content, writtenAt: times.length > 0 ? Math.max(...times) : undefined };
}

function parse(manifest: Buffer): Inspection["content"] {
  try {
    const value: unknown = JSON.parse(manifest.toString("utf8"));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

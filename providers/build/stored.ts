/** Artifacts in their place: what is there, whether it is right, and how it gets there. */
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import type { Client } from "../../databricks/client";
import { plainPath } from "../../databricks/objects";
import type { BuiltFile } from "../../source/build";
import { ARTIFACTS_FOLDER, type Artifact } from "../artifacts";
import { sha256 } from "../release/manifest";
import { removeRecord } from "./record";
import { storeOf, type Store } from "./store";

/** Epoch ms by name, from the listing right after the upload: equal ones need no download to be known as unedited. */
export type Written = Readonly<Record<string, number>>;

/** The folder of a commit's artifacts, as compute wants it. @param to as configured */
export function folderOf(to: string, releasePath: string, githash: string): string {
  return to === "" ? `/Workspace${plainPath(releasePath)}/${ARTIFACTS_FOLDER}` : `${to}/${githash}`;
}

/** Whether the folder goes when the release goes. */
export function isInRelease(path: string, releasePath: string): boolean {
  return plainPath(path).startsWith(`${plainPath(releasePath)}/`);
}

/** Names of the artifacts that are not as they should be, with what is wrong: `missing x.whl`, `edited x.whl`. */
export async function findWrong(
  store: Store,
  folder: string,
  artifacts: readonly Artifact[],
  written: Written = {},
): Promise<{ name: string; what: "missing" | "edited" }[]> {
  const listing = (await store.list(folder)) ?? new Map<string, never>();
  const wrong: { name: string; what: "missing" | "edited" }[] = [];
  for (const { name, path, size, sha256: expected } of artifacts) {
    const found = listing.get(name);
    if (!found) {
      wrong.push({ name, what: "missing" });
    } else if (found.size !== size) {
      wrong.push({ name, what: "edited" });
    } else if (found.modifiedAt === undefined || found.modifiedAt !== written[name]) {
      if (sha256(await store.read(path)) !== expected) {
        wrong.push({ name, what: "edited" });
      }
    }
  }
  return wrong;
}

/** When each artifact was written, where the workspace says so. */
export async function timesOf(
  store: Store,
  folder: string,
  artifacts: readonly Artifact[],
): Promise<Written> {
  const listing = await store.list(folder);
  return Object.fromEntries(
    artifacts.flatMap(({ name }): [string, number][] => {
      const time = listing?.get(name)?.modifiedAt;
      return time === undefined ? [] : [[name, time]];
    }),
  );
}

/**
 * Sends what is not there yet, and reads it back.
 * @returns how many were sent. @throws Error where another content arrived
 */
export async function send(
  store: Store,
  folder: string,
  artifacts: readonly Artifact[],
  files: readonly BuiltFile[],
): Promise<number> {
  await store.makeFolder(folder);
  const wrong = new Set((await findWrong(store, folder, artifacts)).map(({ name }) => name));
  for (const { name, path, sha256: expected, size } of artifacts.filter((artifact) =>
    wrong.has(artifact.name),
  )) {
    const file = files.find((built) => built.name === name);
    await store.write(path, file ? await readFile(file.path) : Buffer.alloc(0));
    const arrived = await store.read(path);
    if (arrived.length !== size || sha256(arrived) !== expected) {
      throw new Error(
        `${path} is not what was sent: ${arrived.length} of ${size} bytes arrived, SHA-256 ${sha256(arrived)} for ` +
          `${expected}. Does something else write there? Run pulumi up again.`,
      );
    }
  }
  return wrong.size;
}

/**
 * Deletes the artifacts of a release that is deleted; those that another release uses stay, and so do those inside of
 * the release's folder, which go with it. What is gone already is fine.
 * @param artifacts as the manifest has them. Only what lies in a folder called as the commit is believed.
 */
export async function deleteArtifacts(
  client: Client,
  releasePath: string,
  artifacts: unknown,
): Promise<void> {
  const paths = (Array.isArray(artifacts) ? artifacts : []).flatMap((artifact: { path?: unknown } | null) =>
    typeof artifact?.path === "string" && !isInRelease(artifact.path, releasePath) ? [artifact.path] : [],
  );
  const own = paths.filter((path) => posix.basename(posix.dirname(path)) === posix.basename(releasePath));
  for (const folder of new Set(own.map((path) => posix.dirname(path)))) {
    const store = storeOf(client, folder);
    if (!(await removeRecord(store, folder, releasePath))) {
      continue;
    }
    for (const path of own.filter((one) => posix.dirname(one) === folder)) {
      await store.remove(path);
    }
    if ((await store.list(folder))?.size === 0) {
      await store.removeFolder(folder);
    }
  }
}

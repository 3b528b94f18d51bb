/** Sends a commit's files into a release directory, and checks what arrived. */
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Client } from "../../databricks/client";
import {
  deleteObject,
  importObject,
  makeDirectory,
  type Import,
  type ObjectInfo,
} from "../../databricks/objects";
import { ceilings, Pacer } from "../../databricks/pacing";
import { checkout, type Commit, type SourceFile } from "../../source";
import { progress } from "../progress";
import { eachPaced, mapConcurrent } from "./concurrent";
import { addDigests } from "./contents";
import { compareListing, listRelease } from "./listing";
import type { ManifestFile } from "./manifest";

const IN_FLIGHT = 16;

/** Uploads `files` of the commit from an isolated checkout, overwriting what is there, as fast as the workspace admits. */
export async function uploadFiles(
  client: Client,
  release: string,
  commit: Commit,
  path: string,
  files: readonly SourceFile[],
) {
  const folders = new Set(files.map(({ target }) => posix.dirname(`${release}/${target}`)));
  const pacer = new Pacer(ceilings());
  await eachPaced([...folders].sort(), pacer, (folder) => makeDirectory(client, folder, { paced: true }));
  const working = await checkout(commit, { path });
  try {
    const show = progress();
    let done = 0;
    const started = Date.now();
    await eachPaced(files, pacer, async (file) => {
      const content = await readFile(join(working.directory, file.path));
      await importObject(client, { ...asImport(release, file), content, overwrite: true }, { paced: true });
      done++;
      const perSecond = Math.round((done * 1000) / (Date.now() - started + 1));
      show(`imported ${done} of ${files.length}, ${perSecond}/s`);
    });
  } finally {
    await working.dispose();
  }
}

/**
 * Notebooks go as `AUTO`, under their name with its extension, as the server takes it off; files as `RAW`, which
 * neither unpacks an archive nor makes a notebook of a module.
 */
function asImport(release: string, file: SourceFile): Pick<Import, "path" | "format"> {
  return file.kind === "notebook"
    ? { path: `${release}/${file.path}`, format: "AUTO" }
    : { path: `${release}/${file.target}`, format: "RAW" };
}

/** Takes away what does not belong into the release. */
export async function removeObjects(
  client: Client,
  release: string,
  targets: readonly string[],
): Promise<void> {
  await mapConcurrent(targets, IN_FLIGHT, (target) => deleteObject(client, `${release}/${target}`));
}

/**
 * Checks that the release lists exactly `files`, and describes them as they now are.
 * @throws Error naming every object that is missing, wrong or too many.
 */
export async function describeRelease(
  client: Client,
  release: string,
  files: readonly SourceFile[],
): Promise<ManifestFile[]> {
  const listing = (await listRelease(client, release)) ?? new Map<string, ObjectInfo>();
  const wrong = compareListing(files, listing);
  if (wrong.length > 0) {
    const list = wrong.map(({ target, what }) => `  ${what}: ${target}`).join("\n");
    throw new Error(
      `The workspace does not list ${release} as it was uploaded:\n${list}\nIt stays unfinished; the next up completes it.`,
    );
  }
  const described = await addDigests(client, release, files, listing);
  return described.map(({ target, kind, language, blob, exported }) => ({
    target,
    kind,
    language,
    blob,
    exported,
    modifiedAt: listing.get(target)?.modified_at,
  }));
}

/** Deletes one release so that whatever interrupts it leaves no folder that looks complete. */
import type { Client } from "../../databricks/client";
import { deleteObject, importObject } from "../../databricks/objects";
import { deleteArtifacts } from "../build/stored";
import { MANIFEST } from "../tables";
import type { Decision } from "./plan";
import type { Inspection } from "./root";

/**
 * First the manifest says that the release is being deleted, so that no deployment takes it over any more; then the
 * registry and the runs are asked once more; then it goes, with what it has outside of its folder. A deployment that
 * was quicker has its release as it was.
 * @param ask decides by fresh facts; what it answers is answered.
 */
export async function removeRelease(
  client: Client,
  path: string,
  { manifest, content }: Inspection,
  ask: () => Promise<Decision>,
): Promise<Decision> {
  if (manifest) {
    await writeMark(client, path, { deleting: true, artifacts: content?.artifacts });
  }
  let decision: Decision | undefined;
  try {
    decision = await ask();
  } finally {
    // Also where nobody could be asked: nothing is known, so it must stay as it was.
    if (manifest && decision?.action !== "delete") {
      await putManifest(client, path, manifest);
    }
  }
  if (decision.action === "delete") {
    // First, because the manifest is what tells of them.
    await deleteArtifacts(client, path, content?.artifacts);
    await deleteObject(client, path);
  }
  return decision;
}

/** Without its list of files no reader takes it for the manifest of a complete release, an older one neither. */
async function writeMark(client: Client, path: string, mark: object): Promise<void> {
  await putManifest(client, path, Buffer.from(JSON.stringify(mark, null, 1)));
}

async function putManifest(client: Client, path: string, content: Buffer): Promise<void> {
  await importObject(client, { path: `${path}/${MANIFEST}`, content, format: "RAW", overwrite: true });
}

/** Whether a release in the workspace is still what was deployed: complete, and edited by nobody. */
import { posix } from "node:path";
import type { Client } from "../databricks/client";
import { findWrong } from "../providers/build/stored";
import { storeOf } from "../providers/build/store";
import type { Artifact } from "../providers/artifacts";
import { compareListing, findDrift, listRelease } from "../providers/release/listing";
import { readManifest } from "../providers/release/manifest";
import { MANIFEST } from "../providers/tables";

export interface ReleaseState {
  /**
   * `intact`; `edited`: something was changed, added or deleted; `missing`: there is no such folder; `unfinished`: it has
   * no manifest, so its upload never ended; `unknown`: it could not be told, `differences` say why.
   */
  readonly state: "intact" | "edited" | "missing" | "unfinished" | "unknown";
  /** `edited pipeline/score`, `missing artifacts/x.whl`, … */
  readonly differences: readonly string[];
}

/**
 * @param quick compare names, types and sizes only, no contents
 * @throws ApiError, ConnectionError
 */
export async function checkRelease(
  client: Client,
  path: string,
  githash: string,
  { quick = false }: { readonly quick?: boolean } = {},
): Promise<ReleaseState> {
  const manifest = await readManifest(client, path);
  const listing = await listRelease(client, path, manifest?.artifacts);
  if (!listing || !manifest) {
    return listing
      ? { state: "unfinished", differences: [`missing ${MANIFEST}`] }
      : { state: "missing", differences: [] };
  }
  if (manifest.githash !== githash) {
    return { state: "edited", differences: [`edited ${MANIFEST}: it is another commit's`] };
  }
  const [files, artifacts] = await Promise.all([
    quick ? compareListing(manifest.files, listing) : findDrift(client, path, manifest.files, listing),
    wrongArtifacts(client, manifest.artifacts, quick),
  ]);
  const differences = [...files.map(({ what, target }) => `${what} ${target}`), ...artifacts];
  const isSure = artifacts.length > 0 || files.some(({ what }) => what !== "unknown");
  return { state: differences.length === 0 ? "intact" : isSure ? "edited" : "unknown", differences };
}

async function wrongArtifacts(
  client: Client,
  artifacts: readonly Artifact[],
  quick: boolean,
): Promise<string[]> {
  const folders = new Set(artifacts.map(({ path }) => posix.dirname(path)));
  const found = await Promise.all(
    [...folders].map(async (folder) => {
      const store = storeOf(client, folder);
      const own = artifacts.filter(({ path }) => posix.dirname(path) === folder);
      if (!quick) {
        return findWrong(store, folder, own);
      }
      const listing = await store.list(folder);
      return own.flatMap(({ name, size }) => {
        const there = listing?.get(name);
        return there?.size === size ? [] : [{ name, what: there ? "edited" : "missing" }];
      });
    }),
  );
  return found.flat().map(({ name, what }) => `${what} ${name}`);
}

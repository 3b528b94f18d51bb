/** A release's manifest: every file of it. Written into the release last, so that a folder without it is an unfinished one. */
import { createHash } from "node:crypto";
import { exportObject, importObject } from "../../databricks/objects";
import { isNotFound } from "../../databricks/errors";
import type { Client } from "../../databricks/client";
import type { Artifact, BuildSettings } from "../artifacts";
import { MANIFEST } from "../tables";

/** A digest of an object's export, and how it was taken: the bytes need not be the same both ways. */
export interface Exported {
  /** From an archive of a folder, or from an export of the object alone. */
  readonly how: "folder" | "single";
  readonly sha256: string;
}

export interface ManifestFile {
  /** Path in the release; a notebook's has no extension. */
  readonly target: string;
  readonly kind: "notebook" | "file";
  readonly language?: string;
  /** Git's id of the content. */
  readonly blob: string;
  /** The first export: a notebook's need not equal what was imported, byte for byte. */
  readonly exported: Exported;
  /** Epoch ms from the listing after the upload, where the workspace gives it for this kind of object. */
  readonly modifiedAt?: number;
}

export interface Manifest {
  readonly version: 3;
  readonly githash: string;
  readonly repository: string;
  readonly path: string;
  readonly exclude: readonly string[];
  /** The manifest's part from git, as `source` computes it. */
  readonly digest: string;
  readonly files: readonly ManifestFile[];
  /** Absent where nothing is built. */
  readonly build?: BuildSettings;
  readonly artifacts: readonly Artifact[];
}

export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Version 2 had no build. */
type Manifest2 = Omit<Manifest, "version" | "build" | "artifacts"> & { readonly version: 2 };
/** Version 1 had the digests of single exports only. */
type Manifest1 = Omit<Manifest2, "version" | "files"> & {
  readonly version: 1;
  readonly files: readonly (Omit<ManifestFile, "exported"> & { readonly exported: string })[];
};

/** The release's manifest; undefined where there is none, or none that can be read: the release is unfinished. */
export async function readManifest(client: Client, release: string): Promise<Manifest | undefined> {
  let manifest: Manifest | Manifest2 | Manifest1;
  try {
    const content = await exportObject(client, `${release}/${MANIFEST}`, "AUTO");
    manifest = JSON.parse(content.toString("utf8")) as typeof manifest;
  } catch (error) {
    if (isNotFound(error) || error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
  const { files: listed } = manifest;
  if (!Array.isArray(listed)) {
    return undefined;
  }
  if (manifest.version === 1) {
    const files = manifest.files.map((file) => {
      return { ...file, exported: { how: "single" as const, sha256: file.exported } };
    });
    return { ...manifest, version: 3, files, artifacts: [] };
  }
  if (manifest.version === 2) {
    return { ...manifest, version: 3, artifacts: [] };
  }
  return manifest.version === 3 && Array.isArray(manifest.artifacts) ? manifest : undefined;
}

export async function writeManifest(client: Client, release: string, manifest: Manifest): Promise<void> {
  await importObject(client, {
    path: `${release}/${MANIFEST}`,
    content: Buffer.from(JSON.stringify(manifest, null, 1)),
    format: "RAW",
    overwrite: true,
  });
}

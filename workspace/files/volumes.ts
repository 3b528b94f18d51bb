/**
 * Volumes of Unity Catalog, and which of their files a path names. Every user may read and write every volume, as there
 * are no grants in the local workspace; only a volume's owner and administrators may change or delete it.
 * https://docs.databricks.com/api/workspace/volumes
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import { dropUploads, locate, namesOf, rootOf } from "./disk";

export interface VolumeRecord {
  readonly id: string;
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly comment?: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly createdBy: string;
  readonly updatedAt: number;
}

/** There from the start, so that a build has a place for its artifacts: `/Volumes/main/default/artifacts`. */
export const DEFAULT_VOLUME = { catalog: "main", schema: "default", name: "artifacts" };

const NAME = /^[^\s./\p{Cc}]{1,255}$/u;

const tableOf = ({ store }: Workspace) => store.table<VolumeRecord>("volumes");

/** `catalog.schema.volume`. */
export function fullNameOf(volume: Pick<VolumeRecord, "catalog" | "schema" | "name">): string {
  return `${volume.catalog}.${volume.schema}.${volume.name}`;
}

/** Makes the default volume, once in a workspace's life, and every volume's folder; drops unfinished uploads. */
export function prepareVolumes(workspace: Workspace, owner: string): void {
  dropUploads(workspace);
  const settings = workspace.store.table<boolean>("settings");
  if (settings.get("defaultVolume") !== true) {
    workspace.store.transaction(() => {
      if (!findVolume(workspace, fullNameOf(DEFAULT_VOLUME))) putVolume(workspace, owner, DEFAULT_VOLUME);
      settings.putSync("defaultVolume", true);
    });
  }
  for (const { value } of tableOf(workspace).getRange()) makeFolder(workspace, value);
}

export function findVolume(workspace: Workspace, fullName: string): VolumeRecord | undefined {
  return tableOf(workspace).get(fullName.toLowerCase());
}

/** The volume of a name. Throws `NOT_FOUND`. */
export function getVolume(workspace: Workspace, fullName: string): VolumeRecord {
  const volume = findVolume(workspace, fullName);
  if (!volume) throw new ApiError("NOT_FOUND", `Volume '${fullName}' does not exist.`);
  return volume;
}

/** Those of one schema, by name. */
export function listVolumes(workspace: Workspace, catalog: string, schema: string): VolumeRecord[] {
  return [...tableOf(workspace).getRange()]
    .map(({ value }) => value)
    .filter((one) => one.catalog === catalog.toLowerCase() && one.schema === schema.toLowerCase());
}

/** Names are kept in lower case, as Unity Catalog does. Whether the schema exists is not asked. */
export function createVolume(
  workspace: Workspace,
  identity: Identity,
  given: { catalog: string; schema: string; name: string; comment?: string },
): VolumeRecord {
  for (const [field, value] of Object.entries({
    catalog_name: given.catalog,
    schema_name: given.schema,
    name: given.name,
  })) {
    if (!NAME.test(value) || namesOf(value).length !== 1) {
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        `Invalid ${field} ${JSON.stringify(value)}: a name has 1 to 255 characters, without spaces, '.', '/' and control characters.`,
      );
    }
  }
  if (findVolume(workspace, fullNameOf(given)))
    throw new ApiError("ALREADY_EXISTS", `Volume '${fullNameOf(given).toLowerCase()}' already exists.`);
  const volume = putVolume(workspace, identity.userName, given);
  makeFolder(workspace, volume);
  return volume;
}

/** Another comment for a volume. */
export function updateVolume(
  workspace: Workspace,
  identity: Identity,
  fullName: string,
  comment: string,
): VolumeRecord {
  const volume = { ...owned(workspace, identity, fullName), comment, updatedAt: Date.now() };
  tableOf(workspace).putSync(fullNameOf(volume), volume);
  return volume;
}

/** Removes a volume with its files. (Databricks keeps the files of a managed volume for some days.) */
export function deleteVolume(workspace: Workspace, identity: Identity, fullName: string): void {
  const volume = owned(workspace, identity, fullName);
  tableOf(workspace).removeSync(fullNameOf(volume));
  rmSync(folderOf(workspace, volume), { recursive: true, force: true, maxRetries: 3 });
}

function owned(workspace: Workspace, identity: Identity, fullName: string): VolumeRecord {
  const volume = getVolume(workspace, fullName);
  if (identity.admin || volume.owner === identity.userName) return volume;
  throw new ApiError(
    "PERMISSION_DENIED",
    `User ${identity.userName} does not own the volume '${fullName}': only ${volume.owner} and administrators may change it.`,
  );
}

function putVolume(
  workspace: Workspace,
  owner: string,
  given: { catalog: string; schema: string; name: string; comment?: string },
): VolumeRecord {
  const now = Date.now();
  const volume: VolumeRecord = {
    id: randomUUID(),
    catalog: given.catalog.toLowerCase(),
    schema: given.schema.toLowerCase(),
    name: given.name.toLowerCase(),
    owner,
    ...(given.comment !== undefined && { comment: given.comment }),
    createdAt: now,
    createdBy: owner,
    updatedAt: now,
  };
  tableOf(workspace).putSync(fullNameOf(volume), volume);
  return volume;
}

function folderOf(workspace: Workspace, { catalog, schema, name }: VolumeRecord): string {
  return path.join(rootOf(workspace, "volumes"), catalog, schema, name);
}

function makeFolder(workspace: Workspace, volume: VolumeRecord): void {
  mkdirSync(folderOf(workspace, volume), { recursive: true, mode: 0o700 });
}

/** A path below a volume: where it is, and how the API shows it. */
export interface VolumePath {
  /** `/Volumes/<catalog>/<schema>/<volume>/…`, without a slash at the end. */
  readonly shown: string;
  readonly local: string;
  /** The names within the volume; none for the volume itself. */
  readonly inner: readonly string[];
  /** The volume's own folder. */
  readonly volume: string;
}

/**
 * What `/Volumes/<catalog>/<schema>/<volume>/…` names, whether it is there or not.
 * Throws `INVALID_PARAMETER_VALUE` for other paths and `NOT_FOUND` where there is no such volume.
 */
export function volumePath(workspace: Workspace, given: string): VolumePath {
  const [root, catalog, schema, name, ...inner] = namesOf(given);
  if (!given.startsWith("/") || root !== "Volumes" || !catalog || !schema || !name) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `Invalid path: ${given}. It must be absolute and begin with /Volumes/<catalog>/<schema>/<volume>.`,
    );
  }
  const record = findVolume(workspace, `${catalog}.${schema}.${name}`);
  if (!record) throw new ApiError("NOT_FOUND", `Volume '${catalog}.${schema}.${name}' does not exist.`);
  makeFolder(workspace, record); // A notebook may have deleted it with all that was in it.
  const volume = folderOf(workspace, record);
  return {
    shown: ["", "Volumes", record.catalog, record.schema, record.name, ...inner].join("/"),
    local: locate(volume, inner),
    inner,
    volume,
  };
}

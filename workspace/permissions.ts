/**
 * Access control lists of workspace objects, jobs, warehouses, …: what is stored, what is inherited, and who may do what.
 * Administrators may do everything.
 */
import type { Identity, Workspace } from "./context";
import { ApiError } from "./errors";
import { groupNamesOf } from "./identities";
import { treeOf, type ObjectRecord } from "./objects/tree";
import { ancestorsOf, parentOf } from "./objects/paths";

export interface AclEntry {
  readonly kind: "user" | "group" | "servicePrincipal";
  readonly name: string;
  readonly level: string;
}

/** An entry with the object that it comes from, where that is not the object asked about. */
export interface EffectiveEntry extends AclEntry {
  /** Such as `/directories/123`. */
  readonly inheritedFrom?: string;
}

interface PermissionType {
  /** `object_type` in answers. */
  readonly objectType: string;
  /** Where `object_id` in answers lives, such as `/jobs`. */
  readonly root: string;
  /** From the weakest to the strongest. */
  readonly levels: readonly string[];
}

const OBJECT_LEVELS = ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"] as const;
export type ObjectLevel = (typeof OBJECT_LEVELS)[number];

/** The kinds of objects that have permissions, by their name in the request's path. */
export const PERMISSION_TYPES: Record<string, PermissionType> = {
  directories: { objectType: "directory", root: "/directories", levels: OBJECT_LEVELS },
  notebooks: { objectType: "notebook", root: "/notebooks", levels: OBJECT_LEVELS },
  files: { objectType: "file", root: "/files", levels: OBJECT_LEVELS },
  jobs: {
    objectType: "job",
    root: "/jobs",
    levels: ["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"],
  },
  experiments: {
    objectType: "mlflowExperiment",
    root: "/experiments",
    levels: ["CAN_READ", "CAN_EDIT", "CAN_MANAGE"],
  },
  "registered-models": {
    objectType: "registered-model",
    root: "/registered-models",
    levels: [
      "CAN_READ",
      "CAN_EDIT",
      "CAN_MANAGE_STAGING_VERSIONS",
      "CAN_MANAGE_PRODUCTION_VERSIONS",
      "CAN_MANAGE",
    ],
  },
  warehouses: {
    objectType: "warehouses",
    root: "/sql/warehouses",
    levels: ["CAN_VIEW", "CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER"],
  },
};

/** Says of an id whether there is such an object, and who owns it; undefined where there is none. */
export type PermissionLookup = (id: string) => { owner?: string } | undefined;

const lookups = new WeakMap<Workspace, Map<string, PermissionLookup>>();

/** Tells how objects of a type (`jobs`, `warehouses`, …) are found. Without it, every id is taken to exist. */
export function registerPermissionLookup(workspace: Workspace, type: string, lookup: PermissionLookup): void {
  const known = lookups.get(workspace) ?? new Map<string, PermissionLookup>();
  lookups.set(workspace, known.set(type, lookup));
}

/** Who owns an object, and its record in the tree; throws `RESOURCE_DOES_NOT_EXIST` for an id that is none. */
export function permissionObject(
  workspace: Workspace,
  type: string,
  id: string,
): { owner?: string; record?: ObjectRecord } {
  const missing = () =>
    new ApiError("RESOURCE_DOES_NOT_EXIST", `${PERMISSION_TYPES[type]?.objectType} ${id} does not exist.`);
  if (isObjectType(type)) {
    const record = treeOf(workspace.store).byId(id);
    if (!record || typeOfRecord(record) !== type) throw missing();
    return { record };
  }
  const lookup = lookups.get(workspace)?.get(type);
  if (!lookup) return {};
  const found = lookup(id);
  if (!found) throw missing();
  return found;
}

/** The list that was set on an object itself; undefined where none was set. */
function storedEntries(workspace: Workspace, type: string, id: string | number): AclEntry[] | undefined {
  return workspace.store.table<AclEntry[]>("permissions").get(aclKey(type, id));
}

export function setEntries(
  workspace: Workspace,
  type: string,
  id: string | number,
  entries: AclEntry[],
): void {
  workspace.store.table<AclEntry[]>("permissions").putSync(aclKey(type, id), entries);
}

/** Forgets the list of an object that was deleted. */
export function removeEntries(workspace: Workspace, type: string, id: string | number): void {
  workspace.store.table<AclEntry[]>("permissions").removeSync(aclKey(type, id));
}

function aclKey(type: string, id: string | number): string {
  return `${isObjectType(type) ? "objects" : type}/${id}`;
}

/** The object's own entries: what was set, or else what its making gave. */
export function ownEntries(workspace: Workspace, type: string, id: string): AclEntry[] {
  const { owner, record } = permissionObject(workspace, type, id);
  if (record) return entriesOfRecord(workspace, record);
  const level = PERMISSION_TYPES[type]!.levels.includes("IS_OWNER") ? "IS_OWNER" : "CAN_MANAGE";
  return (
    storedEntries(workspace, type, id) ?? (owner === undefined ? [] : [{ kind: "user", name: owner, level }])
  );
}

/** All entries that apply to an object, its own and the inherited ones. */
export function effectiveEntries(workspace: Workspace, type: string, id: string): EffectiveEntry[] {
  const { record } = permissionObject(workspace, type, id);
  const admins = {
    kind: "group",
    name: "admins",
    level: "CAN_MANAGE",
    inheritedFrom: `${PERMISSION_TYPES[type]!.root}/`,
  } as const;
  if (!record) return [...ownEntries(workspace, type, id), admins];
  const tree = treeOf(workspace.store);
  const inherited = ancestorsOf(record.path).flatMap((path) => {
    const folder = tree.get(path);
    if (!folder || path === "/Users") return [];
    const inheritedFrom = `/directories/${folder.id}`;
    return entriesOfRecord(workspace, folder).map((entry): EffectiveEntry => ({ ...entry, inheritedFrom }));
  });
  return [...entriesOfRecord(workspace, record), ...inherited, { ...admins, inheritedFrom: "/directories/" }];
}

/** Whether an identity has at least `level` on a job, warehouse, …. */
export function hasPermission(
  workspace: Workspace,
  identity: Identity,
  type: string,
  id: string,
  level: string,
): boolean {
  if (identity.admin) return true;
  return reaches(workspace, identity, ownEntries(workspace, type, id), PERMISSION_TYPES[type]!.levels, level);
}

function reaches(
  workspace: Workspace,
  identity: Identity,
  entries: readonly AclEntry[],
  levels: readonly string[],
  level: string,
): boolean {
  let groups: Set<string> | undefined;
  return entries.some((entry) => {
    if (levels.indexOf(entry.level) < levels.indexOf(level)) return false;
    if (entry.kind !== "group") return entry.name === identity.userName;
    groups ??= groupNamesOf(workspace.store, identity);
    return groups.has(entry.name);
  });
}

/** Whether an identity has at least `level` on the object at a path, by itself or from a folder above it. */
export function hasObjectAccess(
  workspace: Workspace,
  identity: Identity,
  path: string,
  level: ObjectLevel,
): boolean {
  if (identity.admin) return true;
  if (level === "CAN_READ" && (path === "/" || path === "/Users")) return true;
  const tree = treeOf(workspace.store);
  return [path, ...ancestorsOf(path).reverse()].some((at) => {
    const record = at === "/" || at === "/Users" ? undefined : tree.get(at);
    return record && reaches(workspace, identity, entriesOfRecord(workspace, record), OBJECT_LEVELS, level);
  });
}

/** Throws `PERMISSION_DENIED` where {@link hasObjectAccess} says no. */
export function requireObjectAccess(
  workspace: Workspace,
  identity: Identity,
  path: string,
  level: ObjectLevel,
): void {
  if (hasObjectAccess(workspace, identity, path, level)) return;
  throw new ApiError(
    "PERMISSION_DENIED",
    `${identity.userName} does not have ${level} permission on ${path}.`,
  );
}

/** What was set on an object, or who has it by its making: the home's user, everybody for `/Shared`, the creator. */
function entriesOfRecord(workspace: Workspace, record: ObjectRecord): AclEntry[] {
  const stored = storedEntries(workspace, "directories", record.id);
  if (record.path === "/Shared")
    return [...(stored ?? []), { kind: "group", name: "users", level: "CAN_MANAGE" }];
  const home = parentOf(record.path) === "/Users" ? record.path.slice("/Users/".length) : undefined;
  if (home !== undefined) return [...(stored ?? []), { kind: "user", name: home, level: "CAN_MANAGE" }];
  if (stored) return stored;
  return record.createdBy === undefined
    ? []
    : [{ kind: "user", name: record.createdBy, level: "CAN_MANAGE" }];
}

function isObjectType(type: string): boolean {
  return type === "directories" || type === "notebooks" || type === "files";
}

function typeOfRecord(record: ObjectRecord): string {
  return { DIRECTORY: "directories", NOTEBOOK: "notebooks", FILE: "files" }[record.type];
}

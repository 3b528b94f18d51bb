/** The workspace's objects, for the routes and for other parts of the server (the jobs read notebooks through this). */
import type { Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import { hasObjectAccess, removeEntries, requireObjectAccess } from "../permissions";
import { ancestorsOf, isProtected, normalisePath } from "./paths";
import { treeOf, type Language, type ObjectRecord } from "./tree";

export { exportObject, type Exported } from "./exports";
export { importFile, importObject, type ImportRequest } from "./imports";
export { canonicalSource, fromMagic, headerOf, joinCells, splitCells } from "./source";
export { normalisePath } from "./paths";
export type { Language, ObjectRecord } from "./tree";

/** The object at a path, or undefined. Any form of the path will do. Asks for no permission. */
export function statusOf(workspace: Workspace, path: string): ObjectRecord | undefined {
  return treeOf(workspace.store).get(normalisePath(path));
}

/** A notebook's source in the Databricks format, header line included; undefined where no notebook is at the path. */
export function readNotebook(
  workspace: Workspace,
  path: string,
): { language: Language; source: string } | undefined {
  const object = statusOf(workspace, path);
  if (object?.type !== "NOTEBOOK") return undefined;
  return {
    language: object.language ?? "PYTHON",
    source: treeOf(workspace.store).content(object).toString("utf8"),
  };
}

/** A file's bytes; undefined where no file is at the path. */
export function readFile(workspace: Workspace, path: string): Buffer | undefined {
  const object = statusOf(workspace, path);
  return object?.type === "FILE" ? treeOf(workspace.store).content(object) : undefined;
}

/** Whether a caller may read (CAN_READ) or run (CAN_RUN) what is at a path. */
export function mayAccess(
  workspace: Workspace,
  identity: Identity,
  path: string,
  level: "CAN_READ" | "CAN_RUN",
): boolean {
  return hasObjectAccess(workspace, identity, normalisePath(path), level);
}

/** Everything below a folder, for parts that lay it out on disk (imports of modules). Asks for no permission. */
export function listRecursively(workspace: Workspace, path: string): ObjectRecord[] {
  return treeOf(workspace.store).descendants(normalisePath(path));
}

/** The object at a path, for a caller who may read it. */
export function getStatus(workspace: Workspace, identity: Identity, rawPath: string): ObjectRecord {
  const path = normalisePath(rawPath);
  const object = treeOf(workspace.store).get(path);
  if (!object) throw new ApiError("RESOURCE_DOES_NOT_EXIST", `Path (${path}) doesn't exist.`);
  requireObjectAccess(workspace, identity, path, "CAN_READ");
  return object;
}

/** What is in a folder, not below it; a notebook or file lists itself. Leaves out what the caller may not read. */
export function listFolder(workspace: Workspace, identity: Identity, rawPath: string): ObjectRecord[] {
  const object = getStatus(workspace, identity, rawPath);
  if (object.type !== "DIRECTORY") return [object];
  const children = treeOf(workspace.store).children(object.path);
  if (identity.admin) return children;
  return children.filter((child) => hasObjectAccess(workspace, identity, child.path, "CAN_READ"));
}

/** Makes a folder and those above it; one that is there already is no error. */
export function makeDirectories(workspace: Workspace, identity: Identity, rawPath: string): void {
  const path = normalisePath(rawPath);
  const tree = treeOf(workspace.store);
  const chain = [...ancestorsOf(path), path];
  const missing = chain.find((folder) => tree.get(folder)?.type !== "DIRECTORY");
  if (missing === undefined) return;
  if (isProtected(missing)) throw new ApiError("DIRECTORY_PROTECTED", "Folder Users is protected.");
  const parent = chain[chain.indexOf(missing) - 1] ?? "/";
  requireObjectAccess(workspace, identity, parent, "CAN_MANAGE");
  tree.ensureDirectory(path, identity.userName);
}

/** Deletes an object; a folder that is not empty only with `recursive`. Its permissions go with it. */
export function deleteObject(
  workspace: Workspace,
  identity: Identity,
  rawPath: string,
  recursive: boolean,
): void {
  const path = normalisePath(rawPath);
  const tree = treeOf(workspace.store);
  const object = tree.get(path);
  if (!object) throw new ApiError("RESOURCE_DOES_NOT_EXIST", `Path (${path}) doesn't exist.`);
  if (isProtected(path)) throw new ApiError("DIRECTORY_PROTECTED", `Folder ${path} is protected.`);
  requireObjectAccess(workspace, identity, path, "CAN_MANAGE");
  if (object.type === "DIRECTORY" && !recursive && tree.hasChildren(path)) {
    throw new ApiError("DIRECTORY_NOT_EMPTY", `Folder (${path}) is not empty`);
  }
  const doomed = object.type === "DIRECTORY" ? [...tree.descendants(path), object] : [object];
  workspace.store.transaction(() => {
    tree.remove(doomed);
    for (const { id } of doomed) removeEntries(workspace, "directories", id);
  });
}

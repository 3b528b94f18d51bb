/** `workspace/import` and `workspace/import-file`: from the request's content to objects in the tree. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import { requireObjectAccess } from "../permissions";
import { isZip, unpackArchive } from "./archive";
import {
  checkSize,
  classify,
  jupyterNotebook,
  MAX_NOTEBOOK_BYTES,
  plainFile,
  sourceNotebook,
} from "./classify";
import { isProtected, normalisePath, parentOf } from "./paths";
import { splitExtension } from "./source";
import { treeOf, type Language, type NewObject, type ObjectRecord } from "./tree";

export interface ImportRequest {
  readonly path: string;
  readonly content: Buffer;
  /** Default SOURCE, as documented. */
  readonly format?: string;
  readonly language?: string;
  readonly overwrite: boolean;
}

const FORMATS = ["SOURCE", "HTML", "JUPYTER", "DBC", "R_MARKDOWN", "AUTO", "RAW"];
const LANGUAGES = ["PYTHON", "SCALA", "SQL", "R"];

/** Imports one object or, from an archive, a folder; returns it. Archives take time for each object, as `Behaviour` says. */
export async function importObject(
  workspace: Workspace,
  identity: Identity,
  request: ImportRequest,
): Promise<ObjectRecord> {
  const path = normalisePath(request.path);
  const format = oneOf("format", request.format ?? "SOURCE", FORMATS);
  const language =
    request.language === undefined ? undefined : (oneOf("language", request.language, LANGUAGES) as Language);
  if (isArchive(path, format, language, request.content)) {
    const target = format === "AUTO" ? splitExtension(path).stem : path;
    return importArchive(workspace, identity, target, request);
  }
  return writeObject(
    workspace,
    identity,
    convert(path, format, language, request.content),
    request.overwrite,
  );
}

/** The older raw upload: always by the name and the header, as `AUTO`, but never unpacking. */
export function importFile(
  workspace: Workspace,
  identity: Identity,
  path: string,
  content: Buffer,
  overwrite: boolean,
): void {
  const object = classify(normalisePath(path), content);
  // As the official CLI expects it: 409 for a file that is there, 400 for a notebook.
  if (!overwrite && object.type === "FILE" && treeOf(workspace.store).get(object.path)) {
    throw new ApiError("RESOURCE_ALREADY_EXISTS", `Path (${object.path}) already exists.`, { status: 409 });
  }
  writeObject(workspace, identity, object, overwrite);
}

/** A directory comes as `SOURCE` without a language (documented), or as a `.zip` that `AUTO` unpacks. */
function isArchive(path: string, format: string, language: Language | undefined, content: Buffer): boolean {
  if (!isZip(content)) return false;
  return (format === "SOURCE" && !language) || (format === "AUTO" && path.toLowerCase().endsWith(".zip"));
}

function convert(path: string, format: string, language: Language | undefined, content: Buffer): NewObject {
  switch (format) {
    case "AUTO":
      return classify(path, content);
    case "RAW":
      return plainFile(path, content);
    case "JUPYTER":
      return jupyterNotebook(path, content, language);
    case "SOURCE":
      if (language) return sourceNotebook(path, content, language);
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        "language is required for a notebook in the SOURCE format; without it, the content must be a zip archive of a directory.",
      );
    default:
      throw new ApiError(
        "NOT_IMPLEMENTED",
        `The local workspace lacks this: import of the format ${format}.`,
      );
  }
}

function writeObject(
  workspace: Workspace,
  identity: Identity,
  object: NewObject,
  overwrite: boolean,
): ObjectRecord {
  const tree = treeOf(workspace.store);
  const old = tree.get(object.path);
  if (old) {
    if (!overwrite) throw alreadyExists(object.path);
    requireObjectAccess(workspace, identity, object.path, "CAN_EDIT");
  } else {
    requireParent(workspace, identity, object.path);
  }
  return tree.write(object, identity.userName);
}

async function importArchive(
  workspace: Workspace,
  identity: Identity,
  target: string,
  request: ImportRequest,
): Promise<ObjectRecord> {
  checkSize(target, request.content, MAX_NOTEBOOK_BYTES, "MAX_NOTEBOOK_SIZE_EXCEEDED");
  const tree = treeOf(workspace.store);
  const { archiveMode, archiveMsPerObject } = workspace.settings.behaviour;
  // As documented for DBC, also with overwrite: a folder is never merged or replaced.
  if (tree.get(target)) throw alreadyExists(target);
  requireParent(workspace, identity, target);
  const objects = unpackArchive(request.content, target, archiveMode);
  const cost = objects.length * archiveMsPerObject;
  if (cost > 0) await sleep(cost);
  if (tree.get(target)) throw alreadyExists(target);
  workspace.store.transaction(() => {
    tree.ensureDirectory(target, identity.userName);
    tree.writeAll(objects, identity.userName);
  });
  return tree.get(target)!;
}

/** Throws unless the object's folder is there, may hold it, and the caller may add to it. */
function requireParent(workspace: Workspace, identity: Identity, path: string): void {
  const parent = parentOf(path);
  if (isProtected(path)) throw new ApiError("DIRECTORY_PROTECTED", `Folder ${parent} is protected.`);
  if (treeOf(workspace.store).get(parent)?.type !== "DIRECTORY") {
    throw new ApiError("RESOURCE_DOES_NOT_EXIST", `The parent folder (${parent}) does not exist.`);
  }
  requireObjectAccess(workspace, identity, parent, "CAN_MANAGE");
}

function alreadyExists(path: string): ApiError {
  return new ApiError("RESOURCE_ALREADY_EXISTS", `Path (${path}) already exists.`);
}

function oneOf(field: string, value: string, allowed: readonly string[]): string {
  if (allowed.includes(value)) return value;
  throw new ApiError(
    "INVALID_PARAMETER_VALUE",
    `Invalid ${field} ${JSON.stringify(value)}: one of ${allowed.join(", ")} is needed.`,
  );
}

/** `workspace/export`: one object as it is or converted, or a folder as a zip archive. */
import type { Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import { requireObjectAccess } from "../permissions";
import { packArchive } from "./archive";
import { MAX_NOTEBOOK_BYTES } from "./classify";
import { toJupyter } from "./jupyter";
import { nameOf, normalisePath } from "./paths";
import { extensionOf } from "./source";
import { treeOf, type ObjectRecord } from "./tree";

export interface Exported {
  readonly content: Buffer;
  /** `file_type` in the answer: the extension without its dot. */
  readonly fileType: string;
  readonly fileName: string;
}

/** Exports as documented: folders in SOURCE and JUPYTER hold notebooks only, in AUTO files, too. */
export function exportObject(
  workspace: Workspace,
  identity: Identity,
  rawPath: string,
  format = "SOURCE",
): Exported {
  const path = normalisePath(rawPath);
  const tree = treeOf(workspace.store);
  const object = tree.get(path);
  if (!object) throw new ApiError("RESOURCE_DOES_NOT_EXIST", `Path (${path}) doesn't exist.`);
  requireObjectAccess(workspace, identity, path, "CAN_READ");
  if (!["SOURCE", "AUTO", "JUPYTER", "RAW"].includes(format)) {
    if (["DBC", "HTML", "R_MARKDOWN"].includes(format)) {
      throw new ApiError(
        "NOT_IMPLEMENTED",
        `The local workspace lacks this: export in the format ${format}.`,
      );
    }
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `Invalid format ${JSON.stringify(format)}: one of SOURCE, AUTO, JUPYTER is needed.`,
    );
  }
  const exported =
    object.type === "DIRECTORY"
      ? exportFolder(workspace, object, format)
      : exportOne(workspace, object, format);
  if (exported.content.byteLength > MAX_NOTEBOOK_BYTES && object.type !== "FILE") {
    const message = `The export of ${path} has ${exported.content.byteLength} bytes; the limit is ${MAX_NOTEBOOK_BYTES}.`;
    throw new ApiError("MAX_NOTEBOOK_SIZE_EXCEEDED", message);
  }
  return exported;
}

function exportOne(workspace: Workspace, object: ObjectRecord, format: string): Exported {
  const content = treeOf(workspace.store).content(object);
  const name = nameOf(object.path);
  if (object.type === "FILE") {
    if (format === "JUPYTER")
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        `${object.path} is a file: it cannot be exported as JUPYTER.`,
      );
    return { content, fileType: /\.([^.]+)$/.exec(name)?.[1] ?? "", fileName: name };
  }
  const language = object.language ?? "PYTHON";
  if (format === "JUPYTER")
    return { content: toJupyter(content, language, name), fileType: "ipynb", fileName: `${name}.ipynb` };
  const extension = extensionOf(language);
  return { content, fileType: extension.slice(1), fileName: `${name}${extension}` };
}

function exportFolder(workspace: Workspace, folder: ObjectRecord, format: string): Exported {
  const tree = treeOf(workspace.store);
  const jupyter = format === "JUPYTER";
  const objects = tree
    .descendants(folder.path)
    .filter((object) => format === "AUTO" || object.type === "NOTEBOOK");
  const contentOf = (object: ObjectRecord) =>
    jupyter
      ? toJupyter(tree.content(object), object.language ?? "PYTHON", nameOf(object.path))
      : tree.content(object);
  const content = packArchive(folder.path, objects, contentOf, jupyter ? () => ".ipynb" : undefined);
  return { content, fileType: "zip", fileName: `${nameOf(folder.path) || "workspace"}.zip` };
}

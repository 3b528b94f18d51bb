/** What an imported file becomes: a notebook or a plain file, and under which path. */
import { ApiError } from "../errors";
import { fromJupyter } from "./jupyter";
import { canonicalSource, hasHeader, languageOfPath, splitExtension } from "./source";
import type { Language, NewObject } from "./tree";

/** Bytes of a source notebook or archive (documented). */
export const MAX_NOTEBOOK_BYTES = 10 * 1024 * 1024;
/** Bytes of an `.ipynb` (documented). */
export const MAX_JUPYTER_BYTES = 100 * 1024 * 1024;
/** Bytes of a workspace file (documented). */
export const MAX_FILE_BYTES = 500 * 1024 * 1024;

/**
 * By the name and the first line, as `AUTO` and the contents of an archive are: a source file with the notebook header
 * and an `.ipynb` become notebooks without their extension, anything else a file at exactly this path.
 * `headerNeeded: false` makes notebooks of modules, too.
 */
export function classify(path: string, content: Buffer, headerNeeded = true): NewObject {
  const { stem, extension } = splitExtension(path);
  if (extension.toLowerCase() === ".ipynb") return jupyterNotebook(stem, content);
  const language = languageOfPath(path);
  if (language && (!headerNeeded || hasHeader(content, language)))
    return sourceNotebook(stem, content, language);
  return plainFile(path, content);
}

export function sourceNotebook(path: string, content: Buffer, language: Language): NewObject {
  checkSize(path, content, MAX_NOTEBOOK_BYTES, "MAX_NOTEBOOK_SIZE_EXCEEDED");
  return { path, type: "NOTEBOOK", language, content: canonicalSource(content, language) };
}

export function jupyterNotebook(path: string, content: Buffer, fallback?: Language): NewObject {
  checkSize(path, content, MAX_JUPYTER_BYTES, "MAX_NOTEBOOK_SIZE_EXCEEDED");
  const { language, source } = fromJupyter(content, fallback);
  return { path, type: "NOTEBOOK", language, content: source };
}

export function plainFile(path: string, content: Buffer): NewObject {
  checkSize(path, content, MAX_FILE_BYTES, "MAX_READ_SIZE_EXCEEDED");
  return { path, type: "FILE", content };
}

/** Throws `code` where the content is over the limit. */
export function checkSize(
  path: string,
  content: Uint8Array,
  limit: number,
  code: "MAX_NOTEBOOK_SIZE_EXCEEDED" | "MAX_READ_SIZE_EXCEEDED",
): void {
  if (content.byteLength <= limit) return;
  throw new ApiError(
    code,
    `File size imported is (${content.byteLength} bytes), exceeded max size (${limit} bytes): ${path}`,
  );
}

/** Workspace paths: absolute, without `/Workspace` in front, without empty segments. */
import { ApiError } from "../errors";

/** LMDB keys end at 1,978 bytes; a path is stored as a key with one byte more. */
const MAX_PATH_BYTES = 1_900;

/** The one form of a path under which it is stored: `/Workspace/Users/x/` and `/Users//x` are `/Users/x`. */
export function normalisePath(raw: string): string {
  if (!raw.startsWith("/")) throw invalid(raw, "must be absolute: it has to start with '/'");
  if (/\p{Cc}/u.test(raw)) throw invalid(raw, "has a control character in it");
  if (Buffer.byteLength(raw) > MAX_PATH_BYTES)
    throw invalid(raw.slice(0, 80) + "…", `is longer than ${MAX_PATH_BYTES} bytes`);
  const segments = raw.split("/").filter((segment) => segment !== "");
  if (segments.some((segment) => segment === "." || segment === ".."))
    throw invalid(raw, "has '.' or '..' in it");
  if (segments[0] === "Workspace") segments.shift();
  return `/${segments.join("/")}`;
}

/** The folder that a normalised path lies in; the root's is the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** `name` in `folder`, for normalised paths. */
export function childOf(folder: string, name: string): string {
  return folder === "/" ? `/${name}` : `${folder}/${name}`;
}

/** The path's own folders from the root down, without the path itself. */
export function ancestorsOf(path: string): string[] {
  const found: string[] = [];
  for (let at = path; at !== "/";) {
    at = parentOf(at);
    found.unshift(at);
  }
  return found;
}

/** Folders that the workspace itself owns: the root, `/Users`, `/Shared`, and each user's home. */
export function isProtected(path: string): boolean {
  return path === "/" || path === "/Shared" || path === "/Users" || parentOf(path) === "/Users";
}

function invalid(path: string, reason: string): ApiError {
  return new ApiError("INVALID_PARAMETER_VALUE", `Path (${path}) ${reason}.`);
}

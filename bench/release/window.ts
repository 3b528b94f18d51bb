/** What the server saw of an upload. */
import type { Values } from "../results";
import type { SeenRequest } from "../workspace";

/** Requests that write into the workspace's tree. */
const WRITES = /^\/api\/2\.0\/(workspace\/(mkdirs|import)$|workspace-files\/import-file\/)/;
/** What `bundle deploy` writes beside the files: its lock and its record of the deployment. */
const BUNDLE_STATE = /(%2F|\/)state(%2F|\/)/;

/**
 * `uploadSeconds`: from the arrival of the first folder or file to the answer of the last one. Ours includes all checks
 * of what arrived, since the manifest, a file too, comes after them; `sendSeconds` is without it.
 * `requests`: all of the command's, `refused`: those of them that the limit on requests refused.
 */
export function uploadWindow(requests: readonly SeenRequest[]): Values {
  const refused = requests.filter(({ status }) => status === 429).length;
  const all = { requests: requests.length, ...(refused > 0 ? { refused } : {}) };
  const good = requests.filter(
    ({ method, path, status }) => method === "POST" && status < 300 && WRITES.test(path),
  );
  // The lock comes first, and a folder for it before that: the bundle's files come after both.
  const locked = Math.min(...good.filter(({ path }) => BUNDLE_STATE.test(path)).map(({ at, ms }) => at + ms));
  const writes = good.filter(
    ({ path, at }) => !BUNDLE_STATE.test(path) && (at >= locked || !Number.isFinite(locked)),
  );
  if (writes.length === 0) {
    return all;
  }
  const first = Math.min(...writes.map(({ at }) => at));
  const answers = writes.map(({ at, ms }) => at + ms).sort((a, b) => a - b);
  const seconds = (index: number) => ((answers.at(index) ?? first) - first) / 1000;
  return {
    ...all,
    uploadSeconds: seconds(-1),
    ...(writes.length > 1 ? { sendSeconds: seconds(-2) } : {}),
  };
}

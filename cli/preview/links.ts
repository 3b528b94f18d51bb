/** Addresses of GitHub's pages, for repositories that are there. */
import { createHash } from "node:crypto";

const OWN_AND_NAME = /^\/?([\w.-]+\/[\w.-]+?)(?:\.git)?\/*$/;

/**
 * The page of a repository: `https://github.com/acme/churn`; empty where it is not on GitHub.
 * @param repository as git takes it: https, ssh, or `git@github.com:acme/churn.git`
 * @param server GitHub's own address (`GITHUB_SERVER_URL`), where it is another than github.com or a `*.ghe.com`
 */
export function pageOf(repository: string, server = process.env.GITHUB_SERVER_URL): string {
  const [, host, path] =
    /^(?:https?|ssh|git):\/\/(?:[^@/]*@)?([^/:]+)(?::\d+)?(\/.*)$/i.exec(repository) ??
    /^(?:[^@/]*@)?([A-Za-z0-9.-]+):(?!\/)(.*)$/.exec(repository) ??
    [];
  const name = OWN_AND_NAME.exec(path ?? "")?.[1];
  if (!host || !name || name.split("/").some((part) => /^\.+$/.test(part))) {
    return "";
  }
  const own = server && URL.canParse(server) ? new URL(server) : undefined;
  const known = host.toLowerCase();
  if (own?.protocol === "https:" && own.hostname === known) {
    return `${own.origin}/${name}`;
  }
  return known === "github.com" || known.endsWith(".ghe.com") ? `https://${known}/${name}` : "";
}

export function commitPage(page: string, githash: string): string {
  return page && `${page}/commit/${githash}`;
}

/**
 * The differences between two commits. With two dots, so that it shows what the release shows, also where the one does
 * not contain the other.
 */
export function comparePage(page: string, from: string, to: string): string {
  return page && `${page}/compare/${from}..${to}`;
}

/** A file's place on that page, as GitHub marks it: by the SHA-256 of its path. */
export function fileDiff(page: string, from: string, to: string, path: string): string {
  const mark = createHash("sha256").update(path).digest("hex");
  return page && `${comparePage(page, from, to)}#diff-${mark}`;
}

/** A file as it is in a commit. */
export function filePage(page: string, githash: string, path: string): string {
  return page && `${page}/blob/${githash}/${path.split("/").map(encodeSegment).join("/")}`;
}

/** Parentheses would end a link in Markdown; half a character cannot be encoded. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.replace(/\p{Cs}/gu, "\ufffd")).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

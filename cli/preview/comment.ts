/**
 * Brings a preview to its pull request: the one comment, updated in place, and the status `notebook-releases/preview` of the
 * head. Best effort: a preview that could not be told is a preview all the same, and what failed is said.
 */
import { messageOf } from "../../databricks/errors";
import { callGitHub, GitHubError } from "../../providers/github/api";
import { setCommitStatus } from "../../providers/github/rest";
import { short } from "../../source/githash";
import { tell } from "../output";
import { Problem } from "../problem";
import { marker } from "./markdown";
import type { StackPreview } from "./types";
import { changesNothing, counted } from "./words";

/** A pull request: `acme/churn#7`. */
export interface PullRequest {
  readonly repository: string;
  readonly number: number;
}

/** A commit of a repository: `acme/churn@<githash>`. */
export interface Head {
  readonly repository: string;
  readonly githash: string;
}

export function parsePullRequest(text: string): PullRequest {
  const [, repository, number] = /^([\w.-]+\/[\w.-]+)#([1-9]\d{0,9})$/.exec(text) ?? [];
  if (!repository || !number) {
    throw new Problem(`--comment ${JSON.stringify(text)}: expected OWNER/REPOSITORY#NUMBER.`, 2);
  }
  return { repository, number: Number(number) };
}

export function parseHead(text: string): Head {
  const [, repository, githash] = /^([\w.-]+\/[\w.-]+)@([0-9a-f]{40})$/.exec(text) ?? [];
  if (!repository || !githash) {
    throw new Problem(
      `--status ${JSON.stringify(text)}: expected OWNER/REPOSITORY@GITHASH, the full one.`,
      2,
    );
  }
  return { repository, githash };
}

/** For this long GitHub is waited for, in ms, for the comment and for the status each. */
const LIMIT_MS = 60_000;

/** @returns whether the comment is there; where not, why is said. */
export async function putComment(pull: PullRequest, body: string, key?: string): Promise<boolean> {
  const { repository, number } = pull;
  const signal = AbortSignal.timeout(LIMIT_MS);
  const comments = `/repos/${repository}/issues/${number}/comments`;
  try {
    const known = await findOwn(comments, marker(key), signal);
    if (known !== undefined) {
      await callGitHub("PATCH", `/repos/${repository}/issues/comments/${known}`, { body: { body }, signal });
      return true;
    }
    try {
      // Not repeated blindly: a comment whose answer was lost would be there twice.
      await callGitHub("POST", comments, { body: { body }, signal, retries: 0 });
    } catch (error) {
      if (await findOwn(comments, marker(key), signal)) {
        return true;
      }
      throw error;
    }
    return true;
  } catch (error) {
    tell(
      `${repository}#${number} has no comment of this preview: ${explained(error, "pull-requests: write")}`,
    );
    return false;
  }
}

interface Comment {
  readonly id: number;
  readonly body?: string;
  readonly user?: { readonly login: string; readonly type: string } | null;
}

const PAGE = 100;
/** GitHub shows no more of a pull request's comments to its readers than this, and ours is among the first. */
const PAGES = 25;

/** Ours: it begins with the marker, and we wrote it. Anybody can write a marker. */
async function findOwn(comments: string, mark: string, signal: AbortSignal): Promise<number | undefined> {
  const login = await ownLogin(signal);
  for (let page = 1; page <= PAGES; page++) {
    const query = { per_page: String(PAGE), page: String(page) };
    const found = await callGitHub<Comment[]>("GET", comments, { query, signal });
    const own = found.find(
      ({ body, user }) =>
        body?.startsWith(mark) && (login === undefined ? user?.type === "Bot" : user?.login === login),
    );
    if (own) {
      return own.id;
    }
    if (found.length < PAGE) {
      return undefined;
    }
  }
  return undefined;
}

/** Undefined for the token of a GitHub app, as a workflow's is: it may not ask who it is. */
async function ownLogin(signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await callGitHub<{ login: string }>("GET", "/user", { signal })).login;
  } catch (error) {
    if (error instanceof GitHubError && (error.status === 403 || error.status === 404)) {
      return undefined;
    }
    throw error;
  }
}

/** @returns whether the status is there; where not, why is said. */
export async function putStatus(
  head: Head,
  previews: readonly StackPreview[],
  { key, url }: { readonly key?: string; readonly url?: string },
): Promise<boolean> {
  const { repository, githash } = head;
  const context = `notebook-releases/preview${key ? `/${key}` : ""}`;
  const state = previews.some(({ error }) => error !== "") ? "failure" : "success";
  const status = { context, state, description: statusText(previews), target_url: url } as const;
  try {
    await setCommitStatus(repository, githash, status, AbortSignal.timeout(LIMIT_MS));
    return true;
  } catch (error) {
    tell(`${repository}@${short(githash)} has no status ${context}: ${explained(error, "statuses: write")}`);
    return false;
  }
}

/** Names of stacks hold nothing special (`types.ts`). */
export function statusText(previews: readonly StackPreview[]): string {
  const failed = previews.filter(({ error }) => error !== "").map(({ stack }) => stack || "?");
  if (failed.length > 0) {
    return `No preview of ${failed.join(", ")}`;
  }
  const changing = previews.filter((preview) => !changesNothing(preview)).length;
  const warnings = previews.reduce((sum, preview) => sum + preview.warnings.length, 0);
  return [
    changing === 0 ? "Nothing changes" : `${counted(changing, "stack")} would change`,
    ...(warnings > 0 ? [counted(warnings, "warning")] : []),
  ].join(", ");
}

function explained(error: unknown, permission: string): string {
  const needs =
    error instanceof GitHubError && [401, 403, 404].includes(error.status)
      ? ` The token needs the permission ${permission}.`
      : "";
  return `${messageOf(error)}.${needs}`;
}

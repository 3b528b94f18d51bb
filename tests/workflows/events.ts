/** What happens in a team's repository, as GitHub tells its workflows of it. */
import assert from "node:assert/strict";
import type { Value } from "./expressions";
import { NAME, type Flow } from "./flow";
import type { Event } from "./workflow";

/** Asks the double of GitHub as the repository's owner. */
export async function asOwner({ github }: Flow, method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(`${github.url}/repos/${NAME}${path}`, {
    method,
    headers: { authorization: `Bearer ${github.token}` },
    body: body && JSON.stringify(body),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

/** Opens a pull request of a branch; answers its number. */
export async function openPullRequest(flow: Flow, head: string): Promise<number> {
  const pull = await asOwner(flow, "POST", "/pulls", { title: `Merge ${head}`, head, base: "main" });
  return pull.number as number;
}

export interface PullRequestOptions {
  readonly isFork?: boolean;
  readonly isDraft?: boolean;
  /** Of `labeled`: which one. */
  readonly label?: string;
}

export async function pullRequestEvent(
  flow: Flow,
  number: number,
  action: string,
  { isFork = false, isDraft = false, label }: PullRequestOptions = {},
): Promise<Event> {
  const pull = await asOwner(flow, "GET", `/pulls/${number}`);
  const full_name = isFork ? "mallory/churn" : NAME;
  const head = { ...pull.head, repo: { ...pull.head.repo, full_name } };
  const pull_request = { ...pull, head, draft: isDraft } as Value;
  const git = (...args: string[]) => flow.git.git(...args);
  // GitHub runs the workflows of a pull request for the merge that would be.
  const parents = ["-p", pull.base.sha, "-p", pull.head.sha];
  return {
    name: "pull_request",
    payload: { action, number, pull_request, label: label === undefined ? null : { name: label } },
    sha: git("commit-tree", git("rev-parse", `${pull.head.sha}^{tree}`), ...parents, "-m", "would be merged"),
    ref: `refs/pull/${number}/merge`,
    ...{ headRef: pull.head.ref, baseRef: pull.base.ref },
  };
}

/** Everything else happens on the default branch. */
export function eventOn(
  { git }: Flow,
  name: "push" | "schedule" | "workflow_dispatch",
  inputs?: Readonly<Record<string, string>>,
): Event {
  return { name, payload: {}, sha: git.git("rev-parse", "main"), ref: "refs/heads/main", inputs };
}

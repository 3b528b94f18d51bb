/** Pull requests, and their merge, which a ruleset's required statuses may forbid. */
import { found, GitHubError, invalid, list, type Call, type Route } from "../http";
import { fullName, type Issue, type Repository } from "../state";
import { addressOf, callerOf, headOf, showRepository, showUser } from "./repositories";
import { latestStatuses } from "./statuses";

const PULLS = "/repos/{owner}/{repo}/pulls";

export const pullRoutes: readonly Route[] = [
  {
    method: "GET",
    path: PULLS,
    needs: { pull_requests: "read" },
    handle: (call) => {
      const { query, repository } = call;
      const wanted = query.get("state") ?? "open";
      const head = query.get("head")?.split(":").at(-1);
      const fits = ({ state, pull }: Issue) =>
        (wanted === "all" || wanted === state) &&
        (!head || pull?.head === head) &&
        (!query.get("base") || pull?.base === query.get("base"));
      return list(call, pullsOf(repository).filter(fits).reverse(), (issue) => showPull(call, issue));
    },
  },
  {
    method: "POST",
    path: PULLS,
    needs: { pull_requests: "write" },
    handle: (call) => {
      const { repository, body } = call;
      const head = body.head.split(":").at(-1);
      for (const [field, branch] of Object.entries({ head, base: body.base as string })) {
        if (!repository.git.branch(branch)) {
          throw invalid("PullRequest", field, "invalid");
        }
      }
      const issue = newIssue(call, { title: body.title, body: body.body ?? null });
      issue.pull = { head, base: body.base, headRepository: fullName(repository), merged: "" };
      repository.issues.set(issue.number, issue);
      return { status: 201, body: showPull(call, issue) };
    },
  },
  {
    method: "GET",
    path: `${PULLS}/{pull_number}`,
    needs: { pull_requests: "read" },
    handle: (call) => ({ body: showPull(call, pullOf(call)) }),
  },
  {
    method: "PATCH",
    path: `${PULLS}/{pull_number}`,
    needs: { pull_requests: "write" },
    handle: (call) => {
      const issue = pullOf(call);
      const { title = issue.title, body = issue.body, state = issue.state } = call.body;
      Object.assign(issue, { title, body, state, updated_at: call.state.now() });
      return { body: showPull(call, issue) };
    },
  },
  {
    method: "PUT",
    path: `${PULLS}/{pull_number}/merge`,
    needs: { contents: "write" },
    handle: (call) => {
      const issue = pullOf(call);
      const { repository, body } = call;
      const { pull } = issue;
      const head = headOf(repository, pull);
      if (!pull || issue.state === "closed") {
        throw new GitHubError(405, "Pull Request is not mergeable");
      }
      if (body?.sha && body.sha !== head) {
        throw new GitHubError(409, "Head branch was modified. Review and try the merge again.");
      }
      refuseRules(repository, pull.base, head);
      const title = `Merge pull request #${issue.number} from ${repository.owner.login}/${pull.head}\n\n${issue.title}`;
      const isSquash = body?.merge_method === "squash";
      const sha = repository.git.merge(pull.base, head, isSquash ? issue.title : title, isSquash);
      if (!sha) {
        throw new GitHubError(405, "Pull Request is not mergeable");
      }
      pull.headSha = head;
      pull.merged = sha;
      issue.state = "closed";
      issue.updated_at = call.state.now();
      return { body: { sha, merged: true, message: "Pull Request successfully merged" } };
    },
  },
];

export function pullsOf(repository: Repository): Issue[] {
  return [...repository.issues.values()].filter(({ pull }) => pull !== undefined);
}

/** A new issue, not yet kept. */
export function newIssue(call: Call, { title, body }: { title: string; body: string | null }): Issue {
  const { state, repository } = call;
  return {
    number: repository.issues.size + 1,
    id: state.id(),
    user: callerOf(call),
    created_at: state.now(),
    updated_at: state.now(),
    title,
    body,
    state: "open",
    labels: [],
  };
}

/** Names the first required status that is missing, as GitHub's answer to a merge. */
function refuseRules(repository: Repository, base: string, head: string): void {
  const latest = latestStatuses(repository, head);
  for (const context of requiredContexts(repository, base)) {
    const state = latest.find((status) => status.context === context)?.state;
    if (state !== "success") {
      const why = state === undefined ? "expected" : state === "pending" ? "pending" : "failing";
      throw new GitHubError(
        405,
        `Repository rule violations found\n\nRequired status check "${context}" is ${why}.\n\n`,
      );
    }
  }
}

/** The statuses that active rulesets ask of a branch. */
export function requiredContexts(repository: Repository, branch: string): string[] {
  const reaches = (ref: string) =>
    ref === "~ALL" ||
    ref === `refs/heads/${branch}` ||
    (ref === "~DEFAULT_BRANCH" && branch === repository.defaultBranch);
  const active = [...repository.rulesets.values()].filter(
    ({ values }) => values.enforcement === "active" && values.conditions?.ref_name?.include?.some(reaches),
  );
  const rules: any[] = active.flatMap(({ values }) => values.rules ?? []);
  return rules
    .filter(({ type }) => type === "required_status_checks")
    .flatMap(({ parameters }) => parameters.required_status_checks.map(({ context }: any) => context));
}

function pullOf({ repository, params }: Call): Issue {
  const issue = repository.issues.get(Number(params.pull_number));
  return found(issue?.pull ? issue : undefined);
}

export function showPull({ repository, base }: Call, issue: Issue) {
  const { id, number, title, body, state, user, labels, created_at, updated_at, pull } = issue;
  const end = (ref: string, sha: string) => ({
    ref,
    sha,
    label: `${repository.owner.login}:${ref}`,
    user: showUser(repository.owner, base),
    repo: { ...showRepository(repository, base), full_name: pull?.headRepository },
  });
  const isMerged = Boolean(pull?.merged);
  const url = `${addressOf(repository, base)}/pulls/${number}`;
  return {
    ...{ id, number, title, body, state, created_at, updated_at, url },
    html_url: `${base}/${fullName(repository)}/pull/${number}`,
    user: showUser(user, base),
    labels: labels.map((name) => ({ name })),
    head: end(pull?.head ?? "", headOf(repository, pull)),
    base: {
      ...end(pull?.base ?? "", repository.git.branch(pull?.base ?? "") ?? ""),
      repo: showRepository(repository, base),
    },
    merged: isMerged,
    merged_at: isMerged ? updated_at : null,
    merge_commit_sha: pull?.merged || null,
    mergeable: state === "open",
    mergeable_state: state === "open" ? "clean" : "unknown",
    closed_at: state === "closed" ? updated_at : null,
    _links: {},
  };
}

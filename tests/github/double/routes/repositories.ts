/** Users, the repository itself, branches and commits. */
import { found, GitHubError, list, type Call, type Route } from "../http";
import { fullName, type Repository, type State, type User } from "../state";
import { showPull, pullsOf } from "./pulls";

const REPO = "/repos/{owner}/{repo}";

export const repositoryRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/user",
    handle: ({ token, base }) => {
      const { user, kind } = found(token);
      // A workflow's token is an app's, which is nobody.
      if (kind === "integration") {
        throw new GitHubError(403, "Resource not accessible by integration");
      }
      return { body: { ...showUser(user, base), user_view_type: "public" } };
    },
  },
  {
    method: "GET",
    path: "/users/{username}",
    handle: ({ state, params, base }) => {
      const user = found(state.users.get((params.username ?? "").toLowerCase()));
      return { body: { ...showUser(user, base), user_view_type: "public" } };
    },
  },
  {
    method: "GET",
    path: "/orgs/{org}",
    handle: ({ state, params }) => {
      const org = state.users.get((params.org ?? "").toLowerCase());
      const { id, login } = found(org?.type === "Organization" ? org : undefined);
      return { body: { id, login, name: login, type: "Organization" } };
    },
  },
  {
    method: "GET",
    path: REPO,
    needs: { metadata: "read" },
    handle: ({ repository, base }) => ({ body: showRepository(repository, base) }),
  },
  {
    method: "GET",
    path: `${REPO}/branches/{branch}`,
    needs: { contents: "read" },
    handle: (call) => {
      const { repository, params } = call;
      const name = params.branch ?? "";
      const sha = found(repository.git.branch(name));
      return {
        body: { name, commit: showCommit(call, sha), protected: repository.rulesets.size > 0 },
      };
    },
  },
  {
    method: "GET",
    path: `${REPO}/commits/{ref}`,
    needs: { contents: "read" },
    handle: (call) => ({ body: showCommit(call, commitOf(call.repository, call.params.ref ?? "")) }),
  },
  {
    method: "GET",
    path: `${REPO}/commits/{commit_sha}/pulls`,
    needs: { pull_requests: "read", contents: "read" },
    handle: (call) => {
      const sha = commitOf(call.repository, call.params.commit_sha ?? "");
      return list(
        call,
        pullsOf(call.repository).filter(
          ({ pull }) => pull?.merged === sha || headOf(call.repository, pull) === sha,
        ),
        (issue) => showPull(call, issue),
      );
    },
  },
];

/** @throws as GitHub, where the repository has no such commit. */
export function commitOf(repository: Repository, ref: string): string {
  const sha = repository.git.resolve(ref);
  if (!sha) {
    throw new GitHubError(422, `No commit found for SHA: ${ref}`);
  }
  return sha;
}

export function headOf(
  repository: Repository,
  pull: { readonly head: string; readonly headSha?: string } | undefined,
): string {
  return pull?.headSha ?? repository.git.branch(pull?.head ?? "") ?? "";
}

export function showUser({ id, login, type }: User, base: string) {
  // A bot's login has brackets: github-actions[bot].
  const name = encodeURIComponent(login);
  return { id, login, type, url: `${base}/users/${name}`, html_url: `${base}/${name}` };
}

export function showRepository(repository: Repository, base: string) {
  const { id, name, owner, defaultBranch } = repository;
  return {
    id,
    name,
    full_name: fullName(repository),
    owner: showUser(owner, base),
    private: repository.private,
    visibility: repository.private ? "private" : "public",
    default_branch: defaultBranch,
    url: addressOf(repository, base),
    html_url: `${base}/${fullName(repository)}`,
  };
}

export function addressOf(repository: Repository, base: string): string {
  return `${base}/repos/${fullName(repository)}`;
}

function showCommit({ repository, base }: Call, sha: string) {
  const { message, parents } = repository.git.commit(sha);
  const url = `${addressOf(repository, base)}/commits/${sha}`;
  return {
    sha,
    url,
    html_url: `${base}/${fullName(repository)}/commit/${sha}`,
    commit: { message },
    parents: parents.map((parent) => ({
      sha: parent,
      url: `${addressOf(repository, base)}/commits/${parent}`,
    })),
  };
}

/** Who did it: a token's user, as GitHub shows a bot for a workflow's. */
export function callerOf({ token, state }: { readonly token?: Call["token"]; readonly state: State }): User {
  return token?.user ?? state.user("ghost");
}

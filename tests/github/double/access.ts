/** Who may do what: 401 without a good token, 404 for what a token cannot see, 403 for a right that it lacks. */
import { found, GitHubError, notFound, type Level, type Route } from "./http";
import { fullName, type Repository, type State, type Token } from "./state";

export interface Reached {
  readonly repository: Repository;
  readonly token?: Token;
}

/** The caller, and the repository in the path where the caller can see it. */
export function reach(
  state: State,
  authorization: string | undefined,
  params: Readonly<Record<string, string>>,
  { path, method }: Route,
): Reached {
  const text = authorization?.replace(/^(token|bearer) /i, "");
  const token = text === undefined ? undefined : state.tokens.get(text);
  if (text !== undefined && !token) {
    throw new GitHubError(401, "Bad credentials");
  }
  if (!path.includes("{repo}")) {
    if (!token && path === "/user") {
      throw new GitHubError(401, "Requires authentication");
    }
    return { repository: undefined as unknown as Repository, token };
  }
  const { owner, repo, repository_id } = params;
  const repository = found(
    repository_id
      ? [...state.repositories.values()].find(({ id }) => id === Number(repository_id))
      : state.repositories.get(`${owner}/${repo}`.toLowerCase()),
  );
  const isSeen = token
    ? (token.repositories ?? [fullName(repository)]).includes(fullName(repository))
    : false;
  if (!isSeen && (repository.private || token)) {
    throw notFound();
  }
  if (!token && method !== "GET") {
    throw new GitHubError(401, "Requires authentication");
  }
  return { repository, token };
}

/** As GitHub: one of the permissions is enough, and everybody who sees a repository may read its metadata. */
export function refuseWithout({ needs = {} }: Route, { token, repository }: Reached): void {
  const needed = Object.entries(needs).filter(([name]) => name !== "metadata");
  if (needed.length === 0 || token?.permissions === "all" || (!token && !repository.private)) {
    return;
  }
  const has = (name: string, level: Level) => {
    const own = (token?.permissions as Readonly<Record<string, Level>> | undefined)?.[name];
    return own === "write" || own === level;
  };
  if (!needed.some(([name, level]) => has(name, level))) {
    throw new GitHubError(403, `Resource not accessible by ${token?.kind ?? "integration"}`);
  }
}

/**
 * GitHub's REST API by octokit, with its retries and its patience for rate limits. Loaded when something is first asked:
 * most programs and commands have nothing to do with GitHub.
 */
import type { Octokit } from "@octokit/core" with { "resolution-mode": "import" };
import { messageOf } from "../../databricks/errors";

export interface GitHubCall {
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string>>;
  /** Ends the call, its repeats included. */
  readonly signal?: AbortSignal;
  /** Repeats after a failure that may pass. Default: 2, after 1 and 4 seconds. */
  readonly retries?: number;
  /** Address of the API. Default: `GITHUB_API_URL`, else github.com's. */
  readonly apiUrl?: string;
}

/** GitHub refused, or did not answer (status 0). Never holds the token. */
export class GitHubError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(status === 0 ? detail : `HTTP ${status}: ${detail}`);
  }
}

/** Nothing was sent. */
export class NoGitHubToken extends Error {
  constructor() {
    super("neither GITHUB_TOKEN nor GH_TOKEN is set in the environment");
  }
}

/** For longer than this nobody waits for a rate limit to pass, in seconds. */
const LONGEST_WAIT_S = 20;
const MOST_WAITS = 2;

/**
 * One call, with the token that the environment has at this moment (`GITHUB_TOKEN`, else `GH_TOKEN`), at `GITHUB_API_URL`.
 * @param path its parts encoded already.
 * @throws GitHubError, NoGitHubToken
 */
export async function callGitHub<T>(
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE",
  path: string,
  { body, query, signal, retries = 2, apiUrl }: GitHubCall = {},
): Promise<T> {
  const { GITHUB_TOKEN, GH_TOKEN, GITHUB_API_URL } = process.env;
  const token = GITHUB_TOKEN || GH_TOKEN;
  if (!token) {
    throw new NoGitHubToken();
  }
  try {
    const octokit = await connect(token, apiUrl || GITHUB_API_URL || "https://api.github.com", retries);
    const search = query ? `?${new URLSearchParams(query).toString()}` : "";
    const { data }: { data: unknown } = await octokit.request({
      method,
      url: path + search,
      data: body,
      headers: { "x-github-api-version": "2022-11-28" },
      request: { signal },
    });
    return data as T;
  } catch (error) {
    throw gitHubError(error, token);
  }
}

let lane = 0;

async function connect(auth: string, baseUrl: string, retries: number): Promise<Octokit> {
  const [core, { retry }, { throttling }] = await Promise.all([
    import("@octokit/core"),
    import("@octokit/plugin-retry"),
    import("@octokit/plugin-throttling"),
  ]);
  const wait = (seconds: number, _options: object, _octokit: Octokit, waited: number) =>
    seconds <= LONGEST_WAIT_S && waited < MOST_WAITS;
  const quiet = () => undefined;
  return new (core.Octokit.plugin(retry, throttling))({
    auth,
    baseUrl: baseUrl.replace(/\/$/, ""),
    userAgent: "notebook-releases",
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    // Not with the request: there it would also repeat, without a wait, what must not be repeated.
    retry: { retries },
    // A lane of its own: of the few calls of a deployment none waits a second for the one before.
    throttle: { id: `notebook-releases-${++lane}`, onRateLimit: wait, onSecondaryRateLimit: wait },
  });
}

function gitHubError(error: unknown, token: string): GitHubError {
  const { status = 0, response } = error as { status?: number; response?: unknown };
  const detail = messageOf(error)
    .replaceAll(token, "[token]")
    .replace(/ - https:\/\/docs\.github\.com\S*$/, "");
  // Octokit calls a connection that broke a 500 as well.
  return new GitHubError(response ? status : 0, detail);
}

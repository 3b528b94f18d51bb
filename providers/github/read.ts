/** What deployments told GitHub (report.ts), read again by those who cannot ask the workspace itself. */
import { artifactsDigest } from "../build/tested";
import { callGitHub } from "./api";
import { at, payloadOf, type DeploymentPayload } from "./rest";

/** One attempt to make a release live, as GitHub has it. */
export interface ReportedDeployment {
  readonly id: number;
  readonly githash: string;
  readonly payload: DeploymentPayload;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Who deployed, by GitHub's name. */
  readonly by: string;
}

/** What became of it: its last status. */
export interface ReportedState {
  /** `superseded`: was live, and gave way to a later one; `rolled back`, `removed`: was live, and is not fit to be. */
  readonly state: "live" | "superseded" | "rolled back" | "removed" | "failed" | "unfinished";
  /** ISO 8601; empty before the first status. */
  readonly at: string;
  readonly description: string;
  /** Of its artifacts (`artifactsDigest`), where it was live; those of a superseded one too. */
  readonly artifacts: string;
}

export interface ReportedStatus {
  readonly state: string;
  readonly description: string;
  /** Of the deployment that it was set by. */
  readonly url: string;
}

const PAGE = 100;
/** So many pages are looked through: 500 deployments of all apps that share the environment. */
const PAGES = 5;

/** The deployments of an app to an environment, newest first. Others' have no payload of ours. @throws GitHubError, NoGitHubToken */
export async function readDeployments(
  repository: string,
  { environment, app, env }: { readonly environment: string; readonly app: string; readonly env: string },
  signal?: AbortSignal,
): Promise<ReportedDeployment[]> {
  interface Found {
    id: number;
    sha: string;
    payload?: unknown;
    created_at: string;
    creator?: { login: string } | null;
  }
  const all = await pages<Found>(`${at(repository)}/deployments`, { environment }, signal);
  return all
    .flatMap(({ id, sha, payload, created_at, creator }) => {
      const own = payloadOf(payload);
      return own?.app === app && own.env === env && own.deployment_id && own.manifest_digest
        ? [
            {
              ...{ id, githash: sha, createdAt: created_at, by: creator?.login ?? "" },
              payload: own as DeploymentPayload,
            },
          ]
        : [];
    })
    .sort((a, b) => b.id - a.id);
}

/** @throws GitHubError, NoGitHubToken */
export async function readState(
  repository: string,
  id: number,
  signal?: AbortSignal,
): Promise<ReportedState> {
  interface Found {
    id: number;
    state: string;
    description: string;
    created_at: string;
  }
  const all = await pages<Found>(`${at(repository)}/deployments/${id}/statuses`, {}, signal);
  const statuses = all.sort((a, b) => b.id - a.id);
  const [last] = statuses;
  const live = statuses.find(({ state }) => state === "success");
  return {
    state: stateOf(last?.state ?? "", last?.description ?? "", live !== undefined),
    at: last?.created_at ?? "",
    description: last?.description ?? "",
    artifacts: /; artifacts ([0-9a-f]{64})$/.exec(live?.description ?? "")?.[1] ?? artifactsDigest([]),
  };
}

function stateOf(state: string, description: string, wasLive: boolean): ReportedState["state"] {
  switch (state) {
    case "success":
      return "live";
    case "inactive":
      // By its words (registryRow.ts): GitHub has no state of its own for each.
      return wasLive && description.startsWith("superseded by ")
        ? "superseded"
        : description.startsWith("rolled back ")
          ? "rolled back"
          : "removed";
    case "failure":
    case "error":
      return "failed";
    default:
      return "unfinished";
  }
}

/** The commit's last status of this context; undefined where it has none. @throws GitHubError, NoGitHubToken */
export async function readStatus(
  repository: string,
  githash: string,
  context: string,
  signal?: AbortSignal,
): Promise<ReportedStatus | undefined> {
  interface Found {
    id: number;
    state: string;
    context: string;
    description: string | null;
    target_url: string | null;
  }
  const all = await pages<Found>(`${at(repository)}/commits/${githash}/statuses`, {}, signal);
  const [last] = all.filter((status) => status.context === context).sort((a, b) => b.id - a.id);
  return last && { state: last.state, description: last.description ?? "", url: last.target_url ?? "" };
}

async function pages<T>(
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<T[]> {
  const all: T[] = [];
  for (let page = 1; page <= PAGES; page++) {
    const asked = { ...query, per_page: String(PAGE), page: String(page) };
    const found = await callGitHub<T[]>("GET", path, { query: asked, signal });
    all.push(...found);
    if (found.length < PAGE) {
      break;
    }
  }
  return all;
}

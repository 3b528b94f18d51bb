/** What deployments tell GitHub: a commit's status, and a GitHub Deployment with its statuses (REST API, 2022-11-28). */
import { callGitHub, GitHubError } from "./api";

export interface CommitStatus {
  readonly context: string;
  readonly state: "pending" | "success" | "failure" | "error";
  readonly description: string;
  /** An http(s) address. */
  readonly target_url?: string;
}

export interface NewDeployment {
  readonly githash: string;
  readonly environment: string;
  readonly description: string;
  /** Nobody can have made it before. */
  readonly isNew: boolean;
  /** What others read of it: `releases promote`, where the environment's workspace is out of reach. */
  readonly payload: DeploymentPayload;
}

export interface DeploymentPayload {
  readonly app: string;
  readonly env: string;
  /** The MLflow run's id. */
  readonly deployment_id: string;
  readonly url: string;
  /** Of the manifest's part from git: equal for equal contents, whatever the commit. */
  readonly manifest_digest: string;
}

export interface DeploymentStatus {
  readonly state: "in_progress" | "success" | "failure" | "inactive";
  readonly description: string;
  readonly url: string;
}

/** Characters of a description, of statuses and deployments alike. */
const DESCRIPTION_LIMIT = 140;

export async function setCommitStatus(
  repository: string,
  githash: string,
  { description, ...status }: CommitStatus,
  signal?: AbortSignal,
): Promise<void> {
  const body = { ...status, description: cutText(description) };
  await callGitHub("POST", `${at(repository)}/statuses/${githash}`, { body, signal });
}

/**
 * Makes the GitHub Deployment of this attempt, or finds it where it is there; answers its id. It neither waits for other
 * statuses of the commit nor merges anything: what may be deployed is decided before (`required_contexts`, `auto_merge`).
 */
export async function ensureDeployment(
  repository: string,
  deployment: NewDeployment,
  signal?: AbortSignal,
): Promise<number> {
  const { githash, environment, description, payload } = deployment;
  const body = {
    ref: githash,
    environment,
    description: cutText(description),
    payload,
    required_contexts: [],
    auto_merge: false,
    // The registry decides what is live. Without this, any other deployment to the environment that succeeds, such as
    // that of a workflow's job, would make GitHub show this one as inactive.
    production_environment: true,
  };
  const find = () => findDeployment(repository, deployment, signal);
  // Not repeated blindly: a deployment whose answer was lost would be made twice.
  const make = async () =>
    (
      await callGitHub<{ id: number }>("POST", `${at(repository)}/deployments`, {
        ...{ body, signal, retries: 0 },
      })
    ).id;
  return (
    (deployment.isNew ? undefined : await find()) ??
    make().catch(async (error: unknown) => {
      const isPassing = error instanceof GitHubError && (error.status === 0 || error.status >= 500);
      if (!isPassing) {
        throw error;
      }
      return (await find()) ?? make();
    })
  );
}

async function findDeployment(
  repository: string,
  { githash, environment, payload }: NewDeployment,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  interface Found {
    id: number;
    payload?: unknown;
  }
  const query = { sha: githash, environment, per_page: "100" };
  const all = await callGitHub<Found[]>("GET", `${at(repository)}/deployments`, { query, signal });
  return all.find((one) => payloadOf(one.payload)?.deployment_id === payload.deployment_id)?.id;
}

/** GitHub answers a payload as it was sent, or as its JSON. */
export function payloadOf(payload: unknown): Partial<DeploymentPayload> | undefined {
  try {
    const value: unknown = typeof payload === "string" ? JSON.parse(payload) : payload;
    return value && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Leaves other deployments of the environment alone: another app's may be live there as well. */
export async function setDeploymentStatus(
  repository: string,
  id: number,
  { state, description, url }: DeploymentStatus,
  signal?: AbortSignal,
): Promise<void> {
  const body = {
    state,
    description: cutText(description),
    log_url: url,
    environment_url: url,
    auto_inactive: false,
  };
  await callGitHub("POST", `${at(repository)}/deployments/${id}/statuses`, { body, signal });
}

/** The path of a repository, `owner/name`, in the API. */
export function at(repository: string): string {
  return `/repos/${repository.split("/").map(encodeURIComponent).join("/")}`;
}

/** The first line, cut to what GitHub takes. */
function cutText(text: string): string {
  const characters = [...(text.trim().split("\n")[0] ?? "")];
  return characters.length <= DESCRIPTION_LIMIT
    ? characters.join("")
    : `${characters.slice(0, DESCRIPTION_LIMIT - 1).join("")}…`;
}

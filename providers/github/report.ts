/**
 * A deployment's life as GitHub shows it: the commit's status `notebook-releases/<env>` and a GitHub Deployment. The
 * deployment's MLflow run says by its tags where it is reported to. Best effort: what fails is said, and fails nothing.
 */
import type { Client } from "../../databricks/client";
import { messageOf } from "../../databricks/errors";
import { findRun, logBatch, metricsOf, paramsOf, runPage, tagOf } from "../../databricks/mlflow";
import { short } from "../../source/githash";
import { artifactsDigest, taggedArtifacts } from "../build/tested";
import type { DeploymentStatus as Status } from "../deployment";
import { say } from "../progress";
import { GitHubError, NoGitHubToken } from "./api";
import {
  ensureDeployment,
  setCommitStatus,
  setDeploymentStatus,
  type CommitStatus,
  type DeploymentStatus,
} from "./rest";

/** Tags of a deployment's MLflow run. */
const REPOSITORY = "github_repository";
const ENVIRONMENT = "github_environment";
const CONTEXT = "github_context";
const DEPLOYMENT = "github_deployment";
const DIGEST = "manifest_digest";

/** What a deployment is reported as. */
export interface GitHubTarget {
  /** `owner/name`; empty: nothing is reported. */
  readonly repository: string;
  /** The environment's name at GitHub. */
  readonly environment: string;
  /** The name of the commit's status. Default: `notebook-releases/<env>`. */
  readonly context?: string;
}

/** The tags that tie a deployment's run to GitHub. */
export function gitHubTags(
  { repository, environment, context }: GitHubTarget,
  digest: string,
): Record<string, string> {
  return repository
    ? {
        [REPOSITORY]: repository,
        [ENVIRONMENT]: environment,
        [DIGEST]: digest,
        ...(context ? { [CONTEXT]: context } : {}),
      }
    : {};
}

/** A deployment's run, as far as GitHub is told of it. */
interface Subject extends GitHubTarget {
  readonly deploymentId: string;
  readonly app: string;
  readonly env: string;
  readonly githash: string;
  readonly digest: string;
  readonly address: string;
  /** The GitHub Deployment's id, once there is one. */
  deployment?: number;
}

/** By deployment id; undefined: not reported. Saves a question to MLflow at each step. */
const subjects = new Map<string, Subject | undefined>();

/** For this long, in ms, a deployment waits for GitHub at one of its steps. */
const LIMIT_MS = 45_000;

/** In this process the deployment's run need not be asked whether GitHub is told of it. */
export function notReported(deploymentId: string): void {
  subjects.set(deploymentId, undefined);
}

/** Tells GitHub, where the deployment's run says so, what has become of the deployment. Throws nothing. */
export async function tellGitHub(
  client: Client,
  deploymentId: string,
  status: Status,
  message: string,
): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const subject = await within(signal, subjectOf(client, deploymentId));
    if (subject) {
      const told = stepsOf({ client, subject, status, message, signal }).map((step) =>
        within(signal, step.work()).catch((error: unknown) => sayFailure(subject, step, error)),
      );
      await Promise.all(told);
    }
  } catch (error) {
    say(`GitHub was not told that deployment ${deploymentId} is ${status}: ${messageOf(error)}`);
  }
}

/** Best effort: a commit's status that is none of a deployment's, as a preview's. */
export async function tellCommit(repository: string, githash: string, status: CommitStatus): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const step = { ...STATUS, what: `${status.context} ${status.state}` };
  await within(signal, setCommitStatus(repository, githash, status, signal)).catch((error: unknown) =>
    sayFailure({ repository, githash }, step, error),
  );
}

interface Step {
  readonly what: string;
  readonly permission: string;
}

const STATUS = { permission: "statuses: write" };
const DEPLOYMENTS = { permission: "deployments: write" };

const STATES: Record<Status, { commit?: CommitStatus["state"]; deployment?: DeploymentStatus["state"] }> = {
  running: { commit: "pending", deployment: "in_progress" },
  tested: { commit: "pending" },
  live: { commit: "success", deployment: "success" },
  failed: { commit: "failure", deployment: "failure" },
  // The commit's status stays what its deployment was: only what is live has changed.
  superseded: { deployment: "inactive" },
};

interface News {
  readonly client: Client;
  readonly subject: Subject;
  readonly status: Status;
  readonly message: string;
  readonly signal: AbortSignal;
}

function stepsOf(news: News): (Step & { work(): Promise<void> })[] {
  const { subject, status, message, signal } = news;
  const { repository, githash, environment, env, address } = subject;
  const { context = `notebook-releases/${env}` } = subject;
  const { commit, deployment } = STATES[status];
  const ofCommit = commit && {
    ...STATUS,
    what: `${context} ${commit}`,
    work: async () => {
      const description = status === "live" ? `${message}${await testsOf(news)}` : message;
      const told = { context, state: commit, description, target_url: address };
      await setCommitStatus(repository, githash, told, signal);
    },
  };
  const ofDeployment = deployment && {
    ...DEPLOYMENTS,
    what: `deployment to ${environment} ${deployment}`,
    work: async () => {
      const id = subject.deployment ?? (deployment === "inactive" ? undefined : await openDeployment(news));
      if (id !== undefined) {
        const description = status === "live" ? `${message}${await artifactsOf(news)}` : message;
        const told = { state: deployment, description, url: address };
        await setDeploymentStatus(repository, id, told, signal);
      }
    },
  };
  return [ofCommit, ofDeployment].filter((step) => step !== undefined);
}

/** What stands in the status of a commit that is live: who reads a pull request sees how it was tested. */
async function testsOf({ client, subject }: News): Promise<string> {
  const run = await findRun(client, subject.deploymentId);
  const { tests_passed } = run ? metricsOf(run) : {};
  return tests_passed === undefined ? "" : `; ${testsPassed(tests_passed)}`;
}

/** What of the release git does not tell: where its workspace is out of reach, a promotion compares with this. */
async function artifactsOf({ client, subject }: News): Promise<string> {
  const artifacts = taggedArtifacts((await findRun(client, subject.deploymentId))?.data.tags ?? []);
  return artifacts.length > 0 ? `; artifacts ${artifactsDigest(artifacts)}` : "";
}

export function testsPassed(count: number): string {
  return count === 0 ? "no tests" : count === 1 ? "1 test passed" : `${count} tests passed`;
}

/** The GitHub Deployment, at a later step where the first one could not make it. */
async function openDeployment({ client, subject, status, signal }: News): Promise<number> {
  const { repository, githash, environment, app, env, deploymentId, address, digest } = subject;
  const payload = { app, env, deployment_id: deploymentId, url: address, manifest_digest: digest };
  const what = {
    githash,
    environment,
    payload,
    description: `${app} to ${env}`,
    isNew: status === "running",
  };
  const id = await ensureDeployment(repository, what, signal);
  subject.deployment = id;
  await logBatch(client, deploymentId, { tags: { [DEPLOYMENT]: String(id) } });
  return id;
}

async function subjectOf(client: Client, deploymentId: string): Promise<Subject | undefined> {
  if (!subjects.has(deploymentId)) {
    subjects.set(deploymentId, await readSubject(client, deploymentId));
  }
  return subjects.get(deploymentId);
}

async function readSubject(client: Client, deploymentId: string): Promise<Subject | undefined> {
  const run = await findRun(client, deploymentId);
  const repository = run && tagOf(run, REPOSITORY);
  if (!run || !repository) {
    return undefined;
  }
  const { app = "", env = "", githash = "" } = paramsOf(run);
  const known = Number(tagOf(run, DEPLOYMENT));
  return {
    ...{ deploymentId, repository, app, env, githash },
    environment: tagOf(run, ENVIRONMENT) ?? env,
    context: tagOf(run, CONTEXT),
    digest: tagOf(run, DIGEST) ?? "",
    address: runPage(client.host, run.info.experiment_id, deploymentId),
    deployment: known > 0 ? known : undefined,
  };
}

const said = new Set<string>();

/** What a token lacks is said once, not at each step. */
function sayFailure(
  { repository, githash }: { readonly repository: string; readonly githash: string },
  { what, permission }: Step,
  error: unknown,
): void {
  const lasting = reasonOf(error, repository, permission);
  const key = `${repository} ${lasting}`;
  if (lasting && said.has(key)) {
    return;
  }
  said.add(key);
  say(
    `GitHub was not told (${repository}, ${short(githash)}: ${what}): ${lasting ?? messageOf(error)}\n` +
      "  The deployment itself is not affected.",
  );
}

/** Why it will fail again; undefined where it may pass. */
function reasonOf(error: unknown, repository: string, permission: string): string | undefined {
  if (error instanceof NoGitHubToken) {
    return `${error.message}. Set it to a token with ${STATUS.permission} and ${DEPLOYMENTS.permission}, or remove github from the stack's configuration.`;
  }
  if (!(error instanceof GitHubError)) {
    return undefined;
  }
  const { status, detail } = error;
  // A limit of requests is a 403 too.
  if (status === 403 && !/rate limit/i.test(detail)) {
    return `the token may not do it (${detail}). It needs the permission ${permission}.`;
  }
  switch (status) {
    case 401:
      return `GitHub does not know the token (${detail}). Set GITHUB_TOKEN to a valid one.`;
    case 404:
      return `${repository} is not there, or the token cannot see it, or lacks the permission ${permission} (${detail}).`;
    case 422:
      return /^No (commit|ref) found/i.test(detail)
        ? `the commit is not in ${repository}. Push it, or correct github.repository.`
        : undefined;
    default:
      return undefined;
  }
}

/** The work's answer, or a failure once the time is over: not everything in octokit can be interrupted. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const expire = () => reject(new Error(`no answer within ${LIMIT_MS / 1000} seconds`));
    signal.addEventListener("abort", expire, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", expire));
  });
}

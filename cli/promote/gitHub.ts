/**
 * What an environment has tested, as GitHub was told (providers/github/report.ts): for CI, which has the credentials of one
 * environment at a time. Whether the release there was edited since is not known here; that and what was moved by hand are
 * for `releases drift`, in the environment's own workflow.
 */
import { messageOf } from "../../databricks/errors";
import { gitHubTarget } from "../../components/gitHub";
import { GitHubError, NoGitHubToken } from "../../providers/github/api";
import {
  readDeployments,
  readState,
  readStatus,
  type ReportedDeployment,
  type ReportedState,
} from "../../providers/github/read";
import { short } from "../../source/githash";
import { Problem } from "../problem";
import { tooFewTests, type Answer, type AskOptions, type From } from "./tested";

interface Target {
  readonly repository: string;
  readonly environment: string;
  readonly context: string;
}

type Found = ReportedDeployment & { readonly state: ReportedState };

/** @throws Problem where GitHub cannot be asked */
export async function askGitHub(from: From, options: AskOptions): Promise<Answer> {
  const { github, env } = from.config;
  if (!github) {
    throw new Problem(
      `Stack ${from.name} is not reported to GitHub: its configuration has no github. Set it, and deploy it once.`,
    );
  }
  const { repository, environment, context = `notebook-releases/${env}` } = gitHubTarget(github, env);
  const signal = AbortSignal.timeout(options.limitMs);
  try {
    return await ask(from, { repository, environment, context }, options, signal);
  } catch (error) {
    throw explained(error, repository);
  }
}

async function ask(from: From, target: Target, { wanted }: AskOptions, signal: AbortSignal): Promise<Answer> {
  const { app, env } = from.config;
  const { repository, environment } = target;
  const all = await readDeployments(repository, { environment, app, env }, signal);
  const look = async (one: ReportedDeployment): Promise<Found> => {
    return { ...one, state: await readState(repository, one.id, signal) };
  };
  const newer: Found[] = [];
  let live: Found | undefined;
  for (const one of all) {
    const found = await look(one);
    if (found.state.state === "live") {
      live = found;
      break;
    }
    newer.push(found);
    // Nothing is live behind one that was taken away, or that gave way to what GitHub was not told of.
    if (found.state.state !== "failed" && found.state.state !== "unfinished") {
      break;
    }
  }
  const isWanted = ({ payload }: ReportedDeployment) =>
    wanted === undefined || payload.manifest_digest === wanted.digest;
  if (!live || !isWanted(live)) {
    for (const one of wanted ? all.filter(isWanted) : []) {
      const found = await look(one);
      if (found.state.state === "superseded") {
        return judge(from, target, found, live, signal);
      }
    }
  }
  if (live) {
    return judge(from, target, live, live, signal);
  }
  const last = newer.at(-1);
  const said = last
    ? `the last deployment that went so far, of ${short(last.githash)}, is ${last.state.state} (${last.state.description})`
    : `it has no deployment of ${app} to the environment ${environment}`;
  const problem = `nothing is live in ${app}/${env}, by GitHub (${repository}): ${said}. Deploy it there first`;
  return { tested: undefined, problems: [problem] };
}

async function judge(
  from: From,
  { repository, context }: Target,
  found: Found,
  live: Found | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const { githash, payload, state } = found;
  const status = await readStatus(repository, githash, context, signal);
  const passed = Number(/\b(\d+) tests? passed/.exec(status?.description ?? "")?.[1] ?? 0);
  const isLive = found === live;
  const moved = live
    ? `${from.name} has moved on since: ${short(live.githash)} is live there`
    : `${from.name} has moved on since`;
  return {
    tested: {
      source: "github",
      where: `GitHub, ${repository}`,
      githash,
      digest: payload.manifest_digest,
      deploymentId: payload.deployment_id,
      deploymentUrl: payload.url,
      since: isLive ? state.at : found.createdAt,
      by: found.by,
      isLive,
      passed,
      tests: [],
      artifactsDigest: state.artifacts,
      artifacts: undefined,
      notes: isLive
        ? [`GitHub does not know whether the release was edited since: releases drift --stack ${from.name}`]
        : [moved],
    },
    problems: notPassed(from, found, context, status, passed),
  };
}

function notPassed(
  from: From,
  { githash, payload }: Found,
  context: string,
  status: Awaited<ReturnType<typeof readStatus>>,
  passed: number,
): string[] {
  const of = `the status ${context} of ${short(githash)}`;
  if (status?.state !== "success") {
    const what = status ? `is ${status.state}: ${status.description}` : "is not there";
    return [`${of} ${what}. Deploy it there again`];
  }
  if (status.url !== payload.url) {
    return [`${of} is of another deployment (${status.url}) than the one that is live (${payload.url})`];
  }
  const few = tooFewTests(from, passed);
  return few ? [few] : [];
}

function explained(error: unknown, repository: string): unknown {
  if (error instanceof NoGitHubToken) {
    return new Problem(
      `GitHub cannot be asked: ${error.message}. The token needs deployments: read and statuses: read.`,
    );
  }
  if (error instanceof GitHubError) {
    const needs = [401, 403, 404].includes(error.status)
      ? " The token needs deployments: read and statuses: read there."
      : "";
    return new Problem(`GitHub did not tell of ${repository}: ${messageOf(error)}.${needs}`);
  }
  return error;
}

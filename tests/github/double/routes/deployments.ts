/** Deployments and their statuses, with GitHub's own rules about the commit's statuses and about older deployments. */
import { found, GitHubError, invalid, list, type Call, type Route } from "../http";
import type { Deployment, DeploymentState, DeploymentStatus } from "../state";
import { addressOf, callerOf, showUser } from "./repositories";
import { DESCRIPTION_LIMIT, latestStatuses } from "./statuses";

const DEPLOYMENTS = "/repos/{owner}/{repo}/deployments";
const ONE = `${DEPLOYMENTS}/{deployment_id}`;

export const deploymentRoutes: readonly Route[] = [
  {
    method: "GET",
    path: DEPLOYMENTS,
    needs: { deployments: "read" },
    handle: (call) => {
      const asked = ["sha", "ref", "task", "environment"] as const;
      const wanted = (deployment: Deployment) =>
        asked.every((key) => [null, "", "none", deployment[key]].includes(call.query.get(key)));
      return list(call, call.repository.deployments.filter(wanted).reverse(), (one) => show(call, one));
    },
  },
  {
    method: "POST",
    path: DEPLOYMENTS,
    needs: { deployments: "write" },
    handle: (call) => {
      const { repository, state, body } = call;
      const sha = repository.git.resolve(body.ref);
      if (!sha) {
        throw new GitHubError(422, `No ref found for: ${body.ref}`);
      }
      checkDescription(body.description);
      if ((body.auto_merge ?? true) && repository.git.isBehind(sha, repository.defaultBranch)) {
        const what = `${repository.defaultBranch} into ${body.ref}`;
        if (!repository.git.branch(body.ref)) {
          throw new GitHubError(409, `Conflict merging ${what}`);
        }
        return { status: 202, body: { message: `Auto-merged ${what} on deployment.` } };
      }
      refuseFailing(call, sha);
      const environment: string = body.environment ?? "production";
      state.environment(repository, environment);
      const deployment: Deployment = {
        id: state.id(),
        sha,
        environment,
        ref: body.ref,
        task: body.task ?? "deploy",
        payload: body.payload ?? "",
        description: body.description ?? null,
        transient: body.transient_environment ?? false,
        production: body.production_environment ?? environment === "production",
        creator: callerOf(call),
        created_at: state.now(),
        statuses: [],
      };
      repository.deployments.push(deployment);
      return { status: 201, body: show(call, deployment) };
    },
  },
  {
    method: "GET",
    path: ONE,
    needs: { deployments: "read" },
    handle: (call) => ({ body: show(call, deploymentOf(call)) }),
  },
  {
    method: "DELETE",
    path: ONE,
    needs: { deployments: "write" },
    handle: (call) => {
      const deployment = deploymentOf(call);
      const { deployments } = call.repository;
      const isAlone = deployments.every(
        (one) => one === deployment || one.environment !== deployment.environment,
      );
      if (stateOf(deployment) !== "inactive" && !isAlone) {
        const message =
          "We cannot delete an active deployment unless it is the only deployment in a given environment.";
        throw new GitHubError(422, message);
      }
      deployments.splice(deployments.indexOf(deployment), 1);
      return { status: 204 };
    },
  },
  {
    method: "GET",
    path: `${ONE}/statuses`,
    needs: { deployments: "read" },
    handle: (call) => {
      const deployment = deploymentOf(call);
      return list(call, [...deployment.statuses].reverse(), (status) => showStatus(call, deployment, status));
    },
  },
  {
    method: "POST",
    path: `${ONE}/statuses`,
    needs: { deployments: "write" },
    handle: (call) => {
      const deployment = deploymentOf(call);
      const { body } = call;
      checkDescription(body.description);
      const status = add(call, deployment, body.state);
      if (body.state === "success" && (body.auto_inactive ?? true)) {
        retire(call, deployment);
      }
      return { status: 201, body: showStatus(call, deployment, status) };
    },
  },
];

/** What GitHub's page shows of it. */
export function stateOf({ statuses }: Deployment): DeploymentState | undefined {
  return statuses.at(-1)?.state;
}

/** "All prior non-transient, non-production environment deployments … that had a success state" (REST reference). */
function retire(call: Call, latest: Deployment): void {
  for (const one of call.repository.deployments) {
    const isOlder = one.id < latest.id && one.environment === latest.environment;
    if (isOlder && !one.transient && !one.production && stateOf(one) === "success") {
      add({ ...call, body: {} }, one, "inactive");
    }
  }
}

function add(call: Call, deployment: Deployment, state: DeploymentState): DeploymentStatus {
  const { description, log_url, target_url, environment_url } = call.body;
  const status: DeploymentStatus = {
    id: call.state.id(),
    state,
    description: description ?? "",
    log_url: log_url ?? target_url ?? "",
    environment_url: environment_url ?? "",
    creator: callerOf(call),
    created_at: call.state.now(),
  };
  deployment.statuses.push(status);
  return status;
}

/** Without `required_contexts`, every context of the commit must be a success. */
function refuseFailing({ repository, body }: Call, sha: string): void {
  const latest = latestStatuses(repository, sha);
  const required: string[] = body.required_contexts ?? latest.map(({ context }) => context);
  const failing = required.filter(
    (context) => latest.find((status) => status.context === context)?.state !== "success",
  );
  if (failing.length > 0) {
    throw new GitHubError(
      409,
      `Conflict: Commit status checks failed for ${body.ref}.`,
      failing.map((context) => ({
        resource: "Deployment",
        field: "required_contexts",
        code: "invalid",
        context,
      })),
    );
  }
}

function checkDescription(text: string | null | undefined): void {
  if ((text ?? "").length > DESCRIPTION_LIMIT) {
    throw invalid(
      "Deployment",
      "description",
      "custom",
      "description is too long (maximum is 140 characters)",
    );
  }
}

function deploymentOf({ repository, params }: Call): Deployment {
  return found(repository.deployments.find(({ id }) => id === Number(params.deployment_id)));
}

function show({ repository, base }: Call, deployment: Deployment) {
  const { id, sha, ref, task, environment, payload, description, creator, created_at } = deployment;
  const url = `${addressOf(repository, base)}/deployments/${id}`;
  return {
    ...{ id, sha, ref, task, environment, original_environment: environment, payload, description },
    ...{ created_at, updated_at: deployment.statuses.at(-1)?.created_at ?? created_at },
    transient_environment: deployment.transient,
    production_environment: deployment.production,
    creator: showUser(creator, base),
    url,
    statuses_url: `${url}/statuses`,
    repository_url: addressOf(repository, base),
  };
}

function showStatus({ repository, base }: Call, deployment: Deployment, status: DeploymentStatus) {
  const { id, state, description, created_at } = status;
  // As described, an address or none; GitHub itself sends "" for none.
  const [log_url, environment_url] = [status.log_url || undefined, status.environment_url || undefined];
  const url = `${addressOf(repository, base)}/deployments/${deployment.id}`;
  return {
    ...{
      id,
      state,
      description,
      log_url,
      target_url: log_url,
      environment_url,
      created_at,
      updated_at: created_at,
    },
    environment: deployment.environment,
    creator: showUser(status.creator, base),
    url: `${url}/statuses/${id}`,
    deployment_url: url,
    repository_url: addressOf(repository, base),
  };
}

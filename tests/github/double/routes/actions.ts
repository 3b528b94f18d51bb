/** Workflows started by `workflow_dispatch`, and their runs: a test says how they go on. */
import { counted, found, GitHubError, type Answer, type Call, type Route } from "../http";
import { fullName, type WorkflowJob, type WorkflowRun } from "../state";
import { dispatched } from "../workflow";
import { showReviewers } from "./environments";
import { addressOf, callerOf, showRepository, showUser } from "./repositories";

const ACTIONS = "/repos/{owner}/{repo}/actions";

export const actionRoutes: readonly Route[] = [
  {
    method: "POST",
    path: `${ACTIONS}/workflows/{workflow_id}/dispatches`,
    needs: { actions: "write" },
    handle: (call) => {
      const { repository, params, body, state, base } = call;
      const workflow = params.workflow_id ?? "";
      const text = found(repository.workflows.get(workflow));
      const sha = repository.git.resolve(body.ref);
      if (!sha) {
        throw new GitHubError(422, `No ref found for: ${body.ref}`);
      }
      const run: WorkflowRun = {
        id: state.id(),
        workflow,
        ref: body.ref,
        sha,
        ...dispatched(workflow, text, body.inputs ?? {}),
        actor: callerOf(call),
        created_at: state.now(),
        status: "queued",
        conclusion: null,
        jobs: [],
      };
      repository.runs.push(run);
      const run_url = `${addressOf(repository, base)}/actions/runs/${run.id}`;
      const html_url = `${base}/${fullName(repository)}/actions/runs/${run.id}`;
      return body.return_run_details
        ? { status: 200, body: { workflow_run_id: run.id, run_url, html_url } }
        : { status: 204 };
    },
  },
  {
    method: "GET",
    path: `${ACTIONS}/workflows/{workflow_id}/runs`,
    needs: { actions: "read" },
    handle: (call) => {
      const { repository, params } = call;
      found(repository.workflows.get(params.workflow_id ?? ""));
      return runs(call, ({ workflow }) => workflow === params.workflow_id);
    },
  },
  {
    method: "GET",
    path: `${ACTIONS}/runs`,
    needs: { actions: "read" },
    handle: (call) => runs(call, () => true),
  },
  {
    method: "GET",
    path: `${ACTIONS}/runs/{run_id}`,
    needs: { actions: "read" },
    handle: (call) => ({ body: show(call, runOf(call)) }),
  },
  {
    method: "GET",
    path: `${ACTIONS}/runs/{run_id}/jobs`,
    needs: { actions: "read" },
    handle: (call) => {
      const run = runOf(call);
      return counted(call, "jobs", run.jobs, (job) => showJob(call, run, job));
    },
  },
  {
    method: "GET",
    path: `${ACTIONS}/runs/{run_id}/pending_deployments`,
    needs: { actions: "read" },
    handle: (call) => {
      const { status, waitsFor } = runOf(call);
      return { body: status === "waiting" && waitsFor ? [showWaiting(call, waitsFor)] : [] };
    },
  },
];

function runs(call: Call, isWanted: (run: WorkflowRun) => boolean): Answer {
  const { query, repository } = call;
  const is = (name: string, value: string) => [null, value].includes(query.get(name));
  const fits = (run: WorkflowRun) =>
    is("event", "workflow_dispatch") &&
    is("branch", run.ref) &&
    is("head_sha", run.sha) &&
    is("actor", run.actor.login) &&
    (is("status", run.status) || is("status", run.conclusion ?? ""));
  const wanted = repository.runs.filter((run) => isWanted(run) && fits(run));
  return counted(call, "workflow_runs", wanted.reverse(), (run) => show(call, run));
}

function runOf({ repository, params }: Call): WorkflowRun {
  return found(repository.runs.find(({ id }) => id === Number(params.run_id)));
}

function showWaiting({ state, repository, base }: Call, name: string) {
  const environment = state.environment(repository, name);
  const { id, wait_timer } = environment;
  return {
    environment: { id, name },
    wait_timer,
    current_user_can_approve: false,
    reviewers: showReviewers(environment, state, base),
  };
}

function showJob(call: Call, run: WorkflowRun, { name, status, conclusion, steps }: WorkflowJob) {
  const { id, sha, created_at } = run;
  return {
    ...{ name, status, conclusion, created_at, head_sha: sha, run_id: id, started_at: created_at },
    run_url: `${addressOf(call.repository, call.base)}/actions/runs/${id}`,
    steps: steps.map((step, index) => ({ ...step, number: index + 1 })),
  };
}

function show({ repository, base }: Call, run: WorkflowRun) {
  const { id, workflow, title, ref, sha, actor, status, conclusion, created_at } = run;
  return {
    ...{ id, status, conclusion, created_at, updated_at: created_at, run_started_at: created_at },
    name: workflow,
    display_title: title,
    path: `.github/workflows/${workflow}`,
    event: "workflow_dispatch",
    head_branch: ref,
    head_sha: sha,
    actor: showUser(actor, base),
    url: `${addressOf(repository, base)}/actions/runs/${id}`,
    html_url: `${base}/${fullName(repository)}/actions/runs/${id}`,
    repository: showRepository(repository, base),
    head_repository: showRepository(repository, base),
    head_commit: null,
  };
}

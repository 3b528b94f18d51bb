/** The deploy notebook: it starts the repository's own workflow, waits for it, and shows what became of the deployment. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { ensureDeployment, setCommitStatus, setDeploymentStatus } from "../../providers/github/rest";
import {
  secondaryRateLimit,
  startGitHub,
  type GitHubDouble,
  type Repository,
  type WorkflowRun,
} from "../github/double";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { runNotebook, until, type Finished } from "./support";

const ROOT = path.join(__dirname, "../..");
const NOTEBOOK = "/Shared/deploy";
const REPOSITORY = "acme/churn";
const DISPATCH = `POST /repos/${REPOSITORY}/actions/workflows/deploy.yml/dispatches`;
const MLFLOW = "https://adb-1.azuredatabricks.net/ml/experiments/1/runs/0123";
const VARIABLES = ["GITHUB_TOKEN", "GITHUB_API_URL"] as const;

describe("the deploy notebook", function () {
  this.timeout(60_000);
  let workspace: LocalWorkspace;
  let github: GitHubDouble;
  let repository: Repository;
  /** The head of the branch `feature/x`. */
  let sha: string;
  /** What stands in the secret scope, under its key. */
  const tokens: Record<string, string> = {};
  const variables = VARIABLES.map((name) => [name, process.env[name]] as const);

  before(async () => {
    [workspace, github] = await Promise.all([startLocalWorkspace({ engines: false }), startGitHub()]);
    const content = readFileSync(path.join(ROOT, "notebooks/deploy.py")).toString("base64");
    const notebook = { path: NOTEBOOK, content, format: "SOURCE", language: "PYTHON" };
    await workspace.ok("POST", "/api/2.0/workspace/import", notebook);
    const permissions = { contents: "read", deployments: "read", statuses: "read" } as const;
    const { state } = github;
    Object.assign(tokens, {
      "github-token": state.token({ permissions: { ...permissions, actions: "write" } }),
      "may-not": state.token({ permissions: { ...permissions, actions: "read" } }),
      "not-known": "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
      "two-lines": "ghp_zyxwvutsrqponmlkjihgfedcba9876543210\nX-Other: yes",
    });
    await workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope: "github" });
    for (const [key, string_value] of Object.entries(tokens)) {
      await workspace.ok("POST", "/api/2.0/secrets/put", { scope: "github", key, string_value });
    }
    // For what the workflow tells GitHub.
    Object.assign(process.env, { GITHUB_TOKEN: github.token, GITHUB_API_URL: github.url });
  });
  beforeEach(() => {
    const workflow = readFileSync(path.join(ROOT, ".github/workflows/deploy.yml"), "utf8");
    repository = github.state.addRepository(REPOSITORY, { workflows: { "deploy.yml": workflow } });
    repository.git.push("main");
    sha = repository.git.push("feature/x");
    github.requests.splice(0);
  });
  afterEach(() => github.clearFaults());
  after(async () => {
    for (const [name, value] of variables) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await workspace?.stop();
    await github?.stop();
  });

  /** Runs the notebook; `workflow` plays the run that it starts. Whatever happens, no token is in what it puts out. */
  async function deploy(
    parameters: Record<string, string>,
    workflow?: (run: WorkflowRun) => unknown,
  ): Promise<Finished> {
    const given = {
      ...{ env: "prod", githash: "feature/x", repository: REPOSITORY, secret_scope: "github" },
      ...{ api_url: github.url, ...parameters },
    };
    const [finished] = await Promise.all([
      runNotebook(workspace, NOTEBOOK, given),
      workflow && until("a run", () => repository.runs[0]).then(workflow),
    ]);
    for (const text of [finished.everything, finished.page]) {
      for (const token of Object.values(tokens)) assert.ok(!text.includes(token.split("\n")[0]!), text);
      assert.ok(!text.includes("[REDACTED]"), `it was the workspace that hid it: ${text}`);
    }
    return finished;
  }

  async function fails(...args: Parameters<typeof deploy>): Promise<string> {
    const finished = await deploy(...args);
    assert.equal(finished.state, "FAILED", finished.everything);
    return finished.error;
  }

  async function succeeds(...args: Parameters<typeof deploy>) {
    const finished = await deploy(...args);
    assert.equal(finished.state, "SUCCESS", finished.error || finished.everything);
    return { ...finished, answer: JSON.parse(finished.result ?? "") as Record<string, string> };
  }

  /** Waits until the notebook has asked after this of the run. */
  async function seen({ id }: WorkflowRun, part: "jobs" | "pending_deployments"): Promise<void> {
    const asked = () =>
      github.requests.filter(({ path }) => path.endsWith(`/actions/runs/${id}/${part}`)).length;
    const before = asked();
    await until("a look at the run", () => asked() > before);
  }

  function end(run: WorkflowRun, conclusion: WorkflowRun["conclusion"]): void {
    Object.assign(run, { status: "completed", conclusion });
  }

  function step(run: WorkflowRun, name: string, conclusion: "failure" | null): void {
    const status = conclusion ? "completed" : "in_progress";
    run.jobs = [{ name: "deploy", status, conclusion, steps: [{ name, status, conclusion }] }];
  }

  /** What a deployment tells GitHub, by the code that does so. */
  async function report(state: "success" | "failure", description: string): Promise<void> {
    const payload = { app: "churn", env: "prod", deployment_id: "0123", url: MLFLOW, manifest_digest: "d" };
    const about = { githash: sha, environment: "prod", description: "churn to prod", payload, isNew: true };
    const id = await ensureDeployment(REPOSITORY, about);
    await setDeploymentStatus(REPOSITORY, id, { state, description, url: MLFLOW });
    const status = { context: "notebook-releases/prod", state, description, target_url: MLFLOW };
    await setCommitStatus(REPOSITORY, sha, status);
  }

  async function reportEarlier(): Promise<void> {
    await report("success", "live in prod");
    Object.assign(repository.deployments[0]!, { created_at: "2026-01-01T00:00:00Z" });
  }

  it("deploys the commit of a branch, says what goes on, and shows the deployment", async () => {
    const note = 'why "not"; $(date) $' + "{{ x }}";
    const { answer, logs } = await succeeds({ note }, async (run) => {
      Object.assign(run, { status: "in_progress" });
      step(run, "Install the program", null);
      await seen(run, "jobs");
      await report("success", "live in prod; 12 tests passed");
      end(run, "success");
    });
    const [run, ...others] = repository.runs;
    assert.deepEqual(others, []);
    const { request, ...inputs } = run!.inputs;
    assert.deepEqual([run!.ref, inputs], ["main", { stack: "prod", ref: sha, note, edits: "leave" }]);
    assert.equal(run!.title, `deploy ${sha} to prod: ${note} [${request}]`);
    const page = `${github.url}/${REPOSITORY}/actions/runs/${run!.id}`;
    assert.deepEqual(answer, {
      ...{ githash: sha, env: "prod", conclusion: "success", run_url: page },
      ...{ deployment_id: "0123", deployment_url: MLFLOW, message: "live in prod; 12 tests passed" },
    });
    const [first, address, ...rest] = logs.trim().split("\n");
    assert.equal(first, `deploying ${sha.slice(0, 12)} to prod, request ${request}`);
    assert.equal(address, page);
    const progress = rest.slice(0, -4).map((line) => line.replace(/^ *\d+:\d\d {2}/, ""));
    assert.deepEqual(progress.slice(-2), ["in progress: deploy: Install the program", "ended: success"]);
    const shown = [`${sha.slice(0, 12)} is live in prod`, page, "live in prod; 12 tests passed", MLFLOW];
    assert.deepEqual(
      rest.slice(-4).map((line) => line.trim()),
      shown,
    );
  });

  it("fails with the workflow, and says at which step, why, and where to look", async () => {
    const error = await fails({ githash: sha }, async (run) => {
      await report("failure", "tests_test_train failed");
      step(run, "Deploy", "failure");
      end(run, "failure");
    });
    const page = `${github.url}/${REPOSITORY}/actions/runs/${repository.runs[0]!.id}`;
    const what = `${sha.slice(0, 12)} to prod was not deployed (failure: deploy: Deploy)`;
    assert.ok(error.includes([what, page, "tests_test_train failed", MLFLOW].join("\n  ")), error);
  });

  it("names who may approve, goes on after that, and says where nothing was to be done", async () => {
    await reportEarlier();
    const { state } = github;
    const environment = state.environment(repository, "prod");
    state.teams.set(7, "data leads");
    environment.reviewers = [
      { type: "User", id: state.user("alice").id },
      { type: "Team", id: 7 },
    ];
    const { answer, logs } = await succeeds({}, async (run) => {
      Object.assign(run, { status: "waiting", waitsFor: "prod" });
      await seen(run, "pending_deployments");
      end(run, "success");
    });
    assert.match(logs, /waits for the approval of prod by one of: alice, data leads\. To approve, open http/);
    assert.equal(logs.match(/waits for the approval/g)?.length, 1);
    assert.equal(answer.message, "nothing was to be done, it was live already: live in prod");
  });

  it("stops waiting when the time is over; the same request then goes on, and starts nothing", async () => {
    const request = "job-4711-1";
    const slow = await deploy({ request, timeout_minutes: "0.02" });
    assert.match(slow.error, /TimeoutError: after 0\.02 minutes the workflow has not ended \(queued\)/);
    assert.match(slow.logs, /To go on waiting for it, run this notebook with request = job-4711-1/);
    const { logs } = await succeeds({ request }, (run) => end(run, "success"));
    assert.match(logs, /this request was started before/);
    assert.match(await fails({ request, env: "staging" }), /request job-4711-1 is of another deployment/);
    assert.equal(repository.runs.length, 1);
  });

  it("waits as a rate limit asks, and finds its run by name where GitHub does not tell it", async () => {
    github.fault(secondaryRateLimit(DISPATCH));
    const message = 'Invalid request.\n\n"return_run_details" is not a permitted key.';
    github.fault({ match: DISPATCH, status: 422, body: { message } });
    github.fault({
      match: `GET ${DISPATCH.slice("POST ".length).replace("dispatches", "runs")}`,
      latencyMs: 500,
    });
    const { logs, answer } = await succeeds({}, async (run) => {
      // A newer one, before the notebook gets to see the list.
      await startOther();
      end(run, "success");
    });
    assert.match(logs, /secondary rate limit.*asking again in 1 s/);
    assert.equal(answer.run_url?.split("/").at(-1), String(repository.runs[0]?.id));
    assert.equal(repository.runs.length, 2);
  });

  it("starts the workflow once, also where GitHub's answer is lost", async () => {
    github.fault({ match: DISPATCH, drop: "after" });
    const { logs } = await succeeds({}, (run) => end(run, "success"));
    assert.match(logs, /no answer from .*; looking whether the workflow was started/);
    assert.equal(repository.runs.length, 1);
    repository.runs.splice(0);
    github.fault({ match: DISPATCH, drop: "before" });
    const error = await fails({ timeout_minutes: "0.02" });
    assert.match(error, /whether deploy\.yml was started is not known: no run of it has \[[0-9a-f-]{36}\]/);
    assert.equal(repository.runs.length, 0);
  });

  it("says what is wrong with a token, and sends it nowhere else", async () => {
    const unknown = await fails({ secret_key: "not-known" });
    assert.match(unknown, /HTTP 401: .*Bad credentials\. GitHub does not know the token/);
    const lacking = await fails({ secret_key: "may-not" });
    assert.match(lacking, /HTTP 403: .*the token may not see or do it: actions=write/);
    assert.match(
      await fails({ secret_key: "two-lines" }),
      /'two-lines' in secret scope 'github' is no token/,
    );
    assert.match(await fails({ secret_key: "none" }), /cannot read GitHub's token, 'none' in secret scope/);
    const headers = { location: `${github.url}/user` };
    github.fault({ match: "GET", status: 301, headers, body: { message: "Moved Permanently" } });
    assert.match(await fails({}), /HTTP 301: .*It has moved: give the repository's new name/);
    assert.ok(!github.requests.some(({ path }) => path === "/user"));
    assert.equal(repository.runs.length, 0);
  });

  it("names everything that is missing or wrong, and asks nobody", async () => {
    const nothing = { env: "", githash: "", repository: "", secret_scope: "", secret_key: "" };
    const error = await fails(nothing);
    assert.match(
      error,
      /env is empty; githash is empty; repository is empty; secret_scope is empty; secret_key is empty$/m,
    );
    const wrong = await fails({
      ...{
        repository: "churn",
        workflow: "../deploy.yml",
        api_url: "http://example.com",
        note: "n".repeat(121),
      },
      ...{ timeout_minutes: "soon", request: "a b" },
    });
    assert.match(
      wrong,
      /repository is 'churn': give owner\/name; workflow is '\.\.\/deploy\.yml'.*request is 'a b'/,
    );
    assert.match(
      wrong,
      /note has 121 characters.*timeout_minutes is 'soon'.*api_url is 'http:\/\/example\.com'/,
    );
    assert.deepEqual(github.requests, []);
  });

  it("explains a run that did nothing, and a commit that is not there", async () => {
    assert.match(
      await fails({ env: "qa" }, (run) => end(run, "skipped")),
      /\(qa is no stack of the variable NOTEBOOK_RELEASES_STACKS of acme\/churn\)/,
    );
    repository.runs.splice(0);
    await reportEarlier();
    const cancelled = await fails({}, (run) => end(run, "cancelled"));
    assert.match(cancelled, /somebody has cancelled it, or a newer deployment took its place/);
    assert.ok(!cancelled.includes("live in prod"), cancelled);
    assert.match(await fails({ githash: "nope" }), /acme\/churn has no commit, branch or tag 'nope'/);
    assert.match(await fails({ workflow: "none.yml" }), /HTTP 404: .*none\.yml/);
  });

  /** What somebody else starts at the same time. */
  async function startOther(): Promise<void> {
    const response = await fetch(github.url + DISPATCH.slice("POST ".length), {
      method: "POST",
      headers: { authorization: `Bearer ${github.token}` },
      body: JSON.stringify({ ref: "main", inputs: { stack: "prod", ref: "main" } }),
    });
    assert.equal(response.status, 204);
  }
});

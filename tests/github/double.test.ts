/** The double of GitHub itself: its rules are GitHub's, as its REST reference has them. */
import assert from "node:assert/strict";
import { startGitHub, secondaryRateLimit, stateOf, type GitHubDouble, type Repository } from "./double";

describe("the double of GitHub", () => {
  let github: GitHubDouble;
  let repository: Repository;
  let sha: string;
  const repo = "/repos/acme/churn";

  before(async () => {
    github = await startGitHub();
    repository = github.state.addRepository("acme/churn", { workflows: ["deploy.yml"] });
    sha = repository.git.push("main");
  });
  after(() => github.stop());

  interface Options {
    readonly token?: string;
    readonly headers?: Record<string, string>;
  }

  async function call(method: string, path: string, body?: unknown, { token, headers }: Options = {}) {
    const response = await fetch(path.startsWith("http") ? path : github.url + path, {
      method,
      headers: { authorization: `Bearer ${token ?? github.token}`, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text ? JSON.parse(text) : undefined,
    };
  }

  async function ok(method: string, path: string, body?: unknown): Promise<any> {
    const answer = await call(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  const status = (context: string, state: string, at = sha) =>
    ok("POST", `${repo}/statuses/${at}`, { context, state });

  it("makes one state of the last status of each context", async () => {
    const at = repository.git.push("statuses");
    const together = async () => (await ok("GET", `${repo}/commits/statuses/status`)).state;
    assert.equal(await together(), "pending");
    await status("a", "failure", at);
    await status("b", "success", at);
    assert.equal(await together(), "failure");
    await status("a", "success", at);
    assert.equal(await together(), "success");
    const all = await ok("GET", `${repo}/commits/${at}/statuses`);
    assert.deepEqual(
      all.map(({ context, state }: any) => `${context} ${state}`),
      ["a success", "b success", "a failure"],
    );
    const long = { context: "a", state: "success", description: "d".repeat(141) };
    assert.equal((await call("POST", `${repo}/statuses/${at}`, long)).status, 422);
    assert.equal((await call("POST", `${repo}/statuses/${at}`, { state: "done" })).status, 422);
    assert.equal(
      (await call("POST", `${repo}/statuses/${"0".repeat(40)}`, { state: "success" })).status,
      422,
    );
  });

  it("deploys only what the commit's statuses allow, and merges where it is told to", async () => {
    const at = repository.git.push("deployments");
    await status("ci", "failure", at);
    const ask = (more: object) =>
      call("POST", `${repo}/deployments`, { ref: at, environment: "staging", ...more });
    assert.match((await ask({ auto_merge: false })).body.message, /Commit status checks failed/);
    assert.equal((await ask({ required_contexts: [] })).status, 409, "main has commits that it lacks");
    assert.equal((await ask({ required_contexts: [], ref: "deployments" })).status, 202);
    assert.equal((await ask({ required_contexts: [], auto_merge: false })).status, 201);
  });

  it("retires older deployments of an environment at a success, unless it is a production one", async () => {
    const deploy = async (environment: string) => {
      const body = { ref: sha, environment, required_contexts: [], auto_merge: false };
      const { id } = await ok("POST", `${repo}/deployments`, body);
      await ok("POST", `${repo}/deployments/${id}/statuses`, { state: "success" });
      return repository.deployments.find((one) => one.id === id)!;
    };
    const [first, live] = [await deploy("production"), await deploy("production")];
    assert.deepEqual([first, live].map(stateOf), ["success", "success"]);
    const [old, latest] = [await deploy("qa"), await deploy("qa")];
    assert.deepEqual([old, latest].map(stateOf), ["inactive", "success"]);
    assert.equal((await call("DELETE", `${repo}/deployments/${latest.id}`)).status, 422);
    const listed = await ok("GET", `${repo}/deployments?environment=qa`);
    assert.deepEqual(
      listed.map(({ id }: any) => id),
      [latest.id, old.id],
    );
  });

  it("keeps a comment within its limit, and lists page by page", async () => {
    repository.git.push("feature");
    const { number } = await ok("POST", `${repo}/pulls`, {
      title: "A feature",
      head: "feature",
      base: "main",
    });
    const comments = `${repo}/issues/${number}/comments`;
    for (let index = 1; index <= 5; index++) await ok("POST", comments, { body: `number ${index}` });
    assert.equal((await call("POST", comments, { body: "x".repeat(65_537) })).status, 422);
    let next: string | undefined = `${comments}?per_page=2`;
    const bodies: string[] = [];
    while (next) {
      const answer: Awaited<ReturnType<typeof call>> = await call("GET", next);
      bodies.push(...answer.body.map(({ body }: any) => body));
      next = /<([^>]+)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
    }
    assert.deepEqual(
      bodies,
      [1, 2, 3, 4, 5].map((index) => `number ${index}`),
    );
    const [first] = await ok("GET", comments);
    await ok("PATCH", `${repo}/issues/comments/${first.id}`, { body: "changed" });
    assert.equal((await ok("GET", comments))[0].body, "changed");
  });

  it("merges a pull request only when the ruleset's statuses are there", async () => {
    const head = repository.git.push("ruled");
    const rules = [
      {
        type: "required_status_checks",
        parameters: {
          required_status_checks: [{ context: "notebook-releases/staging" }],
          strict_required_status_checks_policy: false,
        },
      },
    ];
    const conditions = { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } };
    const ruleset = await ok("POST", `${repo}/rulesets`, {
      ...{ name: "gate", target: "branch", enforcement: "active", conditions, rules },
    });
    const { number } = await ok("POST", `${repo}/pulls`, { title: "Ruled", head: "ruled", base: "main" });
    const merge = () => call("PUT", `${repo}/pulls/${number}/merge`, {});
    assert.match((await merge()).body.message, /"notebook-releases\/staging" is expected/);
    await status("notebook-releases/staging", "failure", head);
    assert.match((await merge()).body.message, /is failing/);
    await status("notebook-releases/staging", "success", head);
    const merged = (await merge()).body;
    assert.equal(repository.git.branch("main"), merged.sha);
    const [pull] = await ok("GET", `${repo}/commits/${merged.sha}/pulls`);
    assert.equal(pull.number, number);
    await ok("DELETE", `${repo}/rulesets/${ruleset.id}`);
  });

  it("starts workflows that are there", async () => {
    const dispatches = (name: string) => `${repo}/actions/workflows/${name}/dispatches`;
    assert.equal((await call("POST", dispatches("none.yml"), { ref: "main" })).status, 404);
    const body = { ref: "main", inputs: { env: "prod" }, return_run_details: true };
    const { workflow_run_id } = await ok("POST", dispatches("deploy.yml"), body);
    assert.equal((await ok("GET", `${repo}/actions/runs/${workflow_run_id}`)).status, "queued");
    Object.assign(repository.runs[0]!, { status: "completed", conclusion: "success" });
    const { workflow_runs } = await ok("GET", `${repo}/actions/runs?status=success`);
    assert.deepEqual(
      workflow_runs.map(({ id }: any) => id),
      [workflow_run_id],
    );
  });

  it("takes the inputs that a workflow's file has, and calls the run as it says", async () => {
    const text = `
name: typed
run-name: "to \${{ inputs.stack }} [\${{ inputs.request }}]"
on:
  workflow_dispatch:
    inputs: { stack: { required: true }, request: { default: none } }
`;
    repository.workflows.set("typed.yml", text).set("push.yml", "on: { push: {} }");
    const start = (name: string, inputs: object) =>
      call("POST", `${repo}/actions/workflows/${name}/dispatches`, { ref: "main", inputs });
    assert.match((await start("push.yml", {})).body.message, /does not have 'workflow_dispatch'/);
    assert.match((await start("typed.yml", {})).body.message, /Required input 'stack'/);
    assert.match((await start("typed.yml", { stack: "a", other: "b" })).body.message, /\["other"\]/);
    assert.equal((await start("typed.yml", { stack: "prod" })).status, 204);
    const of = async (name: string) =>
      (await ok("GET", `${repo}/actions/workflows/${name}/runs`)).workflow_runs;
    assert.deepEqual(
      (await of("typed.yml")).map((run: any) => run.display_title),
      ["to prod [none]"],
    );
    assert.deepEqual(await of("push.yml"), []);
  });

  it("shows a run's jobs, and whose approval it waits for", async () => {
    await ok("POST", `${repo}/actions/workflows/deploy.yml/dispatches`, { ref: "main" });
    const run = repository.runs.at(-1)!;
    const steps = [{ name: "Deploy", status: "in_progress", conclusion: null }] as const;
    run.jobs.push({ name: "deploy", status: "in_progress", conclusion: null, steps });
    const { jobs } = await ok("GET", `${repo}/actions/runs/${run.id}/jobs`);
    assert.deepEqual(
      jobs.map(({ name, steps }: any) => [name, steps[0].name, steps[0].number]),
      [["deploy", "Deploy", 1]],
    );
    const pending = () => ok("GET", `${repo}/actions/runs/${run.id}/pending_deployments`);
    Object.assign(run, { waitsFor: "guarded" });
    assert.deepEqual(await pending(), []);
    run.status = "waiting";
    const reviewer = github.state.user("alice");
    github.state.environment(repository, "guarded").reviewers = [{ type: "User", id: reviewer.id }];
    const [waiting] = await pending();
    assert.deepEqual([waiting.environment.name, waiting.reviewers[0].reviewer.login], ["guarded", "alice"]);
  });

  it("answers 401, 403 and 404 as GitHub does, and says which permission is missing", async () => {
    const statuses = `${repo}/statuses/${sha}`;
    const body = { state: "success" };
    const as = (token: string) => call("POST", statuses, body, { token });
    assert.equal((await as("wrong")).status, 401);
    const reader = await as(github.state.token({ permissions: { statuses: "read" }, kind: "integration" }));
    assert.equal(reader.status, 403);
    assert.match(reader.body.message, /not accessible by integration/);
    assert.equal(reader.headers.get("x-accepted-github-permissions"), "statuses=write");
    assert.equal((await as(github.state.token({ repositories: ["acme/other"] }))).status, 404);
    assert.equal((await as(github.state.token({ permissions: { statuses: "write" } }))).status, 201);
  });

  it("fails on demand, and says loudly what it lacks", async () => {
    github.fault(secondaryRateLimit(`GET ${repo}`));
    const limited = await call("GET", `/api/v3${repo}`);
    assert.deepEqual([limited.status, limited.headers.get("retry-after")], [403, "1"]);
    assert.equal((await call("GET", `/api/v3${repo}`)).body.full_name, "acme/churn");
    github.fault({ match: "GET /user", drop: "before" });
    await assert.rejects(call("GET", "/user"));
    assert.equal((await call("GET", `${repo}/traffic/views`)).status, 501);
    assert.match(github.problems.splice(0).join(), /lacks this: GET .*traffic/);
  });
});

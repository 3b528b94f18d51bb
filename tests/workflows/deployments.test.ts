/**
 * The workflows that deploy, every step of them, in a team's week: a pull request to staging, its merge to prod, a gate that
 * stays closed, a commit by hand, a rollback, the look for drift at night. The program is in a repository of its own.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { failing, score, WAITING } from "../scenarios/example";
import { poll } from "../scenarios/scenario";
import { stateOf } from "../github/double";
import { asOwner, eventOn, openPullRequest, pullRequestEvent } from "./events";
import { Flow } from "./flow";
import type { JobRun, WorkflowRun } from "./runner";

const STAGING = "notebook-releases/staging";
const PROD = "notebook-releases/prod";

describe("the workflows that deploy", function () {
  this.timeout(300_000);
  let flow: Flow;
  let number: number;
  /** The first pull request's head, what its merge made, and the head of the second one. */
  let head: string;
  let merged: string;
  let broken: string;
  let second: number;
  /** A test waits until this file is there. */
  let go: string;

  before(async () => {
    go = join(mkdtempSync(join(tmpdir(), "waiting test ")), "go");
    writeFileSync(go, "");
    const gate = { tests: ["tests/**"], parameters: { go } };
    flow = await Flow.start("flowdeploy", { isCentral: true, stacks: { staging: { gate }, prod: { gate } } });
    flow.git.git("checkout", "--quiet", "-b", "zones");
    const files = { "app/pipeline/score.py": score("v2"), "app/tests/test_two.py": WAITING };
    head = flow.git.commit(files, "new zones");
    number = await openPullRequest(flow, "zones");
  });
  after(async () => {
    rmSync(dirname(go), { recursive: true });
    await flow?.stop();
  });

  const only = ({ jobs: [job, ...more] }: WorkflowRun): JobRun => {
    assert.ok(job && more.length === 0, "one job");
    return job;
  };
  const done = (run: WorkflowRun): JobRun => {
    const job = only(run);
    assert.equal(job.result, "success", job.output);
    return job;
  };
  const short = (githash: string) => githash.slice(0, 12);
  const statuses = (sha: string, context = STAGING) =>
    flow.repository.statuses
      .filter((status) => status.sha === sha && status.context === context)
      .map(({ state }) => state);
  const deployments = (environment: string) =>
    flow.repository.deployments
      .filter((deployment) => deployment.environment === environment)
      .map((deployment) => [deployment.sha, stateOf(deployment)]);
  const live = async () => {
    const found = await flow.live();
    return { staging: found.staging?.githash, prod: found.prod?.githash };
  };

  const byHand = (inputs: Record<string, string>) => eventOn(flow, "workflow_dispatch", inputs);
  /** How many test runs a commit's gate has had. */
  const gateRuns = async (env: string, githash: string): Promise<number> => {
    const list = "/api/2.2/jobs/runs/list?run_type=SUBMIT_RUN&limit=25";
    const { runs = [] } = await flow.workspace.ok("GET", list);
    const name = `gate ${env} ${short(githash)}`;
    return runs.filter(({ run_name }: { run_name: string }) => run_name === name).length;
  };

  it("leave forks, drafts and other labels alone", async () => {
    const jobs = async (action: string, options = {}) =>
      (await flow.run("staging.yml", await pullRequestEvent(flow, number, action, options))).jobs.length;
    assert.equal(await jobs("opened", { isFork: true }), 0);
    assert.equal(await jobs("opened", { isDraft: true }), 0);
    assert.equal(await jobs("labeled", { label: "bug" }), 0);
    flow.variables.NOTEBOOK_RELEASES_STAGING_LABEL = "to staging";
    assert.equal(await jobs("synchronize"), 0);
    await asOwner(flow, "POST", `/issues/${number}/labels`, { labels: ["to staging"] });
    assert.equal(await jobs("labeled", { label: "bug" }), 0);
  });

  it("bring a pull request's head to staging, and GitHub's page shows it", async () => {
    const event = await pullRequestEvent(flow, number, "labeled", { label: "to staging" });
    const job = done(await flow.run("staging.yml", event));
    assert.equal(job.group, "notebook-releases-deploy-staging");
    assert.deepEqual(await live(), { staging: head, prod: undefined });
    assert.equal((await flow.live()).staging?.by, flow.deployer, "signed in by GitHub's word alone");
    const [first, ...more] = statuses(head);
    assert.deepEqual([first, more.at(-1)], ["pending", "success"]);
    assert.deepEqual(deployments("staging"), [[head, "success"]]);
    assert.match(job.summary, new RegExp(`^ {4}staging +${short(head)} .*intact`, "m"));
    flow.variables.NOTEBOOK_RELEASES_STAGING_LABEL = "";
  });

  it("are cancelled in the middle of the tests: nothing live changes, and what to do is said", async () => {
    await asOwner(flow, "PUT", `/pulls/${number}/merge`, {});
    merged = flow.git.git("rev-parse", "main");
    rmSync(go);
    const cancel = new AbortController();
    const { signal } = cancel;
    const running = flow.run("prod.yml", eventOn(flow, "push"), { signal });
    await poll("the gate's run is there", async () => (await gateRuns("prod", merged)) > 0 || undefined);
    cancel.abort();
    const job = only(await running);
    writeFileSync(go, "");
    assert.deepEqual(
      job.steps.slice(-3).map(({ name, result }) => [name, result]),
      [
        ["Deploy", "cancelled"],
        ["What is live now", "skipped"],
        ["What to do after a cancelled deployment", "cancelled"],
      ],
    );
    assert.match(job.output, /the test run was cancelled\. What was live is live still/);
    assert.match(job.summary, /`pulumi cancel --stack prod`/);
    assert.deepEqual(await live(), { staging: head, prod: undefined });
    assert.equal(statuses(merged, PROD).at(-1), "failure");
  });

  it("bring the merged commit to prod, once staging has tested its contents, also after that", async () => {
    const job = done(await flow.run("prod.yml", eventOn(flow, "push")));
    assert.deepEqual(await live(), { staging: head, prod: merged });
    assert.equal(await gateRuns("prod", merged), 2, "another deployment, whose tests ran");
    assert.equal(statuses(merged, PROD).at(-1), "success");
    assert.deepEqual(deployments("prod"), [
      [merged, "failure"],
      [merged, "success"],
    ]);
    assert.match(job.summary, new RegExp(`^ {4}prod +${short(merged)}`, "m"));
    assert.match(job.summary, new RegExp(`promoted from staging, tested there as ${short(head)}`));
  });

  it("preview a pull request with the central repository's program, whose base has no part in it", async () => {
    flow.git.git("checkout", "--quiet", "-b", "broken", "main");
    broken = flow.git.commit({ "app/tests/test_one.py": failing("rmse is 9.9") }, "worse");
    second = await openPullRequest(flow, "broken");
    const { jobs } = await flow.run("preview.yml", await pullRequestEvent(flow, second, "opened"));
    assert.deepEqual(
      jobs.map(({ name, result }) => [name, result]),
      [
        ["staging", "success"],
        ["prod", "success"],
        ["comment", "success"],
      ],
      jobs.map(({ output }) => output).join("\n"),
    );
    const comments = [...flow.repository.comments.values()].filter(({ issue }) => issue === second);
    assert.equal(comments.length, 1);
    assert.match(comments[0]?.body ?? "", new RegExp(`Release preview of .*${short(broken)}`));
    assert.match(comments[0]?.body ?? "", /tests\/test_one/);
    assert.deepEqual(statuses(broken, "notebook-releases/preview"), ["success"]);
    assert.deepEqual(await live(), { staging: head, prod: merged });
  });

  it("fail where the gate stays closed, say why, and leave live what is", async () => {
    const event = await pullRequestEvent(flow, second, "opened");
    const job = only(await flow.run("staging.yml", event));
    assert.equal(job.result, "failure");
    assert.deepEqual(
      job.steps.slice(-3).map(({ name, result }) => [name, result]),
      [
        ["Deploy the pull request's head", "failure"],
        ["What is live now", "success"],
        ["What to do after a cancelled deployment", "skipped"],
      ],
    );
    assert.match(job.output, /rmse is 9\.9/);
    assert.match(job.summary, new RegExp(`staging +${short(head)}`));
    assert.deepEqual(statuses(broken).at(-1), "failure");
    assert.deepEqual(deployments("staging"), [
      [head, "success"],
      [broken, "failure"],
    ]);
    assert.deepEqual(await live(), { staging: head, prod: merged });
  });

  it("bring any commit by hand, and are found by the request's id", async () => {
    const inputs = { stack: "staging", ref: merged, note: "$(id) `who` it's", request: "4f2a-1" };
    const run = await flow.run("deploy.yml", byHand(inputs));
    assert.equal(run.name, `deploy ${merged} to staging: ${inputs.note} [4f2a-1]`);
    assert.match(done(run).summary, /note: \$\(id\) `who` it's/);
    assert.deepEqual(await live(), { staging: merged, prod: merged });
    const elsewhere = await flow.run("deploy.yml", byHand({ ...inputs, stack: "other" }));
    assert.deepEqual(elsewhere.jobs, []);
  });

  it("roll back, with a hold", async () => {
    const inputs = { action: "rollback", stack: "staging", to: "", note: "wrong zones; $(id)" };
    const run = await flow.run("rollback.yml", byHand(inputs));
    assert.equal(run.name, "rollback staging: wrong zones; $(id)");
    assert.match(done(run).summary, new RegExp(`staging +${short(head)}`));
    const { staging } = await flow.live();
    assert.equal(staging?.githash, head);
    assert.match(staging.hold, /^rolled back from .*: wrong zones; \$\(id\) \(started by ada at GitHub\)$/);
    assert.equal(statuses(head).at(-1), "success");
    assert.deepEqual(deployments("staging").at(-1), [head, "success"]);
  });

  it("look for drift at night: what somebody edited is named; a hold is told, and is none; no state is written", async () => {
    const { prod } = await flow.live();
    const content = Buffer.from(score("by hand")).toString("base64");
    const path = `${prod?.path}/pipeline/score`;
    const edit = { path, content, format: "SOURCE", language: "PYTHON", overwrite: true };
    await flow.workspace.ok("POST", "/api/2.0/workspace/import", edit);
    const before = flow.states();
    const { jobs } = await flow.run("drift.yml", eventOn(flow, "schedule"));
    const [quiet, moved] = jobs;
    assert.deepEqual(
      jobs.map(({ name, result }) => [name, result]),
      [
        ["staging", "success"],
        ["prod", "failure"],
      ],
    );
    assert.match(quiet?.summary ?? "", /^### `staging` as deployed[^]*^On hold: `rolled back from/m);
    assert.match(
      moved?.summary ?? "",
      /^### `prod` not as deployed[^]*Moved by somebody else[^]*pipeline\/score/m,
    );
    assert.deepEqual(flow.states(), before);
  });

  it("end a hold", async () => {
    const inputs = { action: "resume", stack: "staging", to: "", note: "zones are right now" };
    const run = await flow.run("rollback.yml", byHand(inputs));
    assert.equal(run.name, "resume staging: zones are right now");
    done(run);
    const { staging } = await flow.live();
    assert.deepEqual([staging?.githash, staging?.hold], [head, ""]);
  });

  it("have shown no secret", () => {
    const { texts, leaks } = flow.leaks();
    assert.deepEqual(leaks, []);
    assert.ok(texts > 60, `only ${texts} texts`);
  });
});

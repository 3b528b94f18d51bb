/** `preview.yml`, every step of it, on a pull request: one comment, the head's status, and no more rights than it needs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { failing, score } from "../scenarios/example";
import { openPullRequest, pullRequestEvent } from "./events";
import { Flow } from "./flow";
import type { WorkflowRun } from "./runner";

describe("the workflow preview.yml", function () {
  this.timeout(300_000);
  let flow: Flow;
  let number: number;
  const heads: string[] = [];

  before(async () => {
    // In the second stack's file something is wrong: the pull request will mend it.
    flow = await Flow.start("flowpreview", {
      stacks: { staging: {}, prod: { gate: { tests: "tests/**" } } },
    });
    flow.git.git("checkout", "--quiet", "-b", "feature");
    heads.push(flow.git.commit({ "app/pipeline/score.py": score("v2") }, "Score *anew*"));
    number = await openPullRequest(flow, "feature");
  });
  after(() => flow?.stop());

  const results = ({ jobs }: WorkflowRun) => jobs.map(({ name, result }) => [name, result]);
  const comments = () => [...flow.repository.comments.values()].filter(({ issue }) => issue === number);
  const statuses = (sha: string | undefined) =>
    flow.repository.statuses
      .filter((status) => status.sha === sha)
      .map(({ context, state, description }) => [context, state, description]);

  it("does nothing for a fork's pull request, nor before it is set up", async () => {
    const fork = await flow.run(
      "preview.yml",
      await pullRequestEvent(flow, number, "opened", { isFork: true }),
    );
    const { NOTEBOOK_RELEASES_STACKS: stacks = "" } = flow.variables;
    flow.variables.NOTEBOOK_RELEASES_STACKS = "";
    const unset = await flow.run("preview.yml", await pullRequestEvent(flow, number, "opened"));
    flow.variables.NOTEBOOK_RELEASES_STACKS = stacks;
    assert.deepEqual([fork.jobs, unset.jobs, comments()], [[], [], []]);
  });

  it("comments once, and says why a stack has no preview; its packages are those of the lock file", async () => {
    const event = await pullRequestEvent(flow, number, "opened");
    const run = await flow.run("preview.yml", event, { installs: ["comment"] });
    assert.deepEqual(results(run), [
      ["staging", "success"],
      ["prod", "failure"],
      ["comment", "failure"],
    ]);
    const [gathered, failed, told] = run.jobs;
    assert.match(gathered?.summary ?? "", /### Release preview of `[0-9a-f]{12}`/);
    assert.match(failed?.output ?? "", /gate\.tests/);
    assert.match(told?.steps[2]?.output ?? "", /added \d+ packages/);
    const [comment, ...more] = comments();
    assert.deepEqual([comment?.user.login, more], ["github-actions[bot]", []]);
    assert.match(comment?.body ?? "", /`staging`.*\n[^]*`prod`.*❌ no preview/);
    assert.match(comment?.body ?? "", /gate\.tests/);
    assert.deepEqual(statuses(heads[0]), [["notebook-releases/preview", "failure", "No preview of prod"]]);
  });

  it("updates the comment at the next push", async () => {
    const file = "Pulumi.prod.yaml";
    const text = readFileSync(join(flow.git.directory, file), "utf8");
    const mended = text.replace(/tests: tests\/\*\*/, 'tests: ["tests/**"]');
    assert.notEqual(mended, text);
    heads.push(flow.git.commit({ [file]: mended, "app/tests/test_two.py": failing("later") }, "mend prod"));
    const run = await flow.run("preview.yml", await pullRequestEvent(flow, number, "synchronize"));
    assert.deepEqual(
      results(run).map(([, result]) => result),
      ["success", "success", "success"],
    );
    const [comment, ...more] = comments();
    assert.deepEqual(more, []);
    assert.match(comment?.body ?? "", new RegExp(`^### Release preview of .*${heads[1]?.slice(0, 12)}`, "m"));
    assert.doesNotMatch(comment?.body ?? "", /❌/);
    assert.match(comment?.body ?? "", /tests\/test_two/);
    assert.deepEqual(statuses(heads[1]), [["notebook-releases/preview", "success", "2 stacks would change"]]);
  });

  it("has changed nothing in the workspace", async () => {
    const { jobs = [] } = await flow.workspace.ok("GET", `/api/2.2/jobs/list?name=${flow.app}-staging`);
    assert.deepEqual(jobs, []);
  });

  it("has shown no secret", () => {
    const { texts, leaks } = flow.leaks();
    assert.deepEqual(leaks, []);
    assert.ok(texts > 20, `only ${texts} texts`);
  });
});

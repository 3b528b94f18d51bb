/**
 * The whole flow on GitHub, as one story: a change with a slip, its repair, staging, prod, an edit by hand, a rollback. The
 * real workflows' steps run in order, with the real engine and real git. What was said on the way is the page docs/story.md.
 */
import assert from "node:assert/strict";
import { openPullRequest, pullRequestEvent } from "../workflows/events";
import { FILES, limit, only, Story } from "./storyGround";
import { part, Transcript } from "./transcript";

const PAGE = "docs/story.md";

describe("the story of one change", function () {
  this.timeout(300_000);
  const page = new Transcript();
  let story: Story;
  /** Chapters that there are, and that were told to the end. */
  let chapters = 0;
  let told = 0;
  /** The pull request, and its comment's id. */
  let number: number;
  let comment: number;
  let fix: string;
  let merged: string;

  before(async () => {
    story = await Story.start("flowstory", page);
  });
  after(() => story?.stop());

  function chapter(title: string, play: () => Promise<void>): void {
    const position = chapters++;
    it(title, async () => {
      assert.equal(told, position, "an earlier chapter has failed");
      page.tell(`## ${position + 1}. ${title}`);
      await play();
      told++;
    });
  }

  it("has a beginning", () => {
    page.tell(BEGINNING);
    page.show(FILES["app/pipeline/limit.py"], "python");
    page.tell(COMMITS);
  });

  chapter("A is live", async () => {
    const inputs = { stack: "prod", ref: "main", note: "The first one" };
    const job = await story.runOne("deploy.yml", "success", inputs);
    page.tell(`
The flow is new, so A is deployed to prod by hand: **Actions → deploy → Run workflow**. Staging is still empty. Of a deployment's log, three
lines matter: the gate, its test, and the move of the registry's row.`);
    page.said(part(job.output, LIVE));
    await story.moment("A | prod | – | – | success | – | success");
  });

  chapter("A pull request with a slip", async () => {
    const { git } = story.flow;
    git.git("checkout", "--quiet", "-b", "lower-limit");
    story.commit("X", git.commit({ "app/pipeline/limit.py": limit(4) }, "A lower limit"));
    number = await openPullRequest(story.flow, "lower-limit");
    const event = await pullRequestEvent(story.flow, number, "opened");

    await story.run("preview.yml", event);
    const { id, body } = story.comment(number);
    comment = id;
    page.tell(`
Ada wants to call more customers, and sets the limit to 0.4. She types 4, pushes the branch \`lower-limit\`, and opens a pull request.
\`preview.yml\` comments on it. Nothing was changed for that: it is \`pulumi preview\`, with rights to read.`);
    // Of the two stacks' details only prod's.
    page.quote(`${part(body, SHORT)}\n\n${part(body, /^<details><summary>prod[^]*?^<\/details>$/m)}`);

    const job = only(await story.run("staging.yml", event), "failure");
    page.tell(`
Meanwhile \`staging.yml\` deploys X to staging. The release is uploaded, its test runs on it, and the test sees the slip:`);
    page.said(part(job.output, /^ {4}error: The gate is closed[^]*?\n {4}Mend the notebooks.*$/m));

    const refused = await story.merge(number);
    assert.equal(refused.status, 405, refused.message);
    page.tell(`
The gate is before the move of the row, so nothing has gone live: A is in prod as before, and staging is empty. And X
cannot be merged. GitHub says:`);
    page.said(refused.message);
    await story.moment(
      "A | prod | – | – | success | – | success",
      "X | – | success | failure | – | failure | –",
    );
  });

  chapter("The repair, and B in staging", async () => {
    const { git } = story.flow;
    fix = story.commit("B", git.commit({ "app/pipeline/limit.py": limit(0.4) }, "0.4, not 4"));
    const event = await pullRequestEvent(story.flow, number, "synchronize");

    await story.run("preview.yml", event);
    const { id, body } = story.comment(number);
    assert.equal(id, comment, "updated in place");
    page.tell(`
Ada pushes the repair. The comment is not joined by a second one: it is updated in place. Its first lines are now:`);
    page.quote(part(body, SHORT));

    const job = only(await story.run("staging.yml", event), "success");
    page.tell("`staging.yml` deploys B, and the gate opens:");
    page.said(part(job.output, LIVE));

    const [{ entries, table }, staging, prod] = await Promise.all([
      story.status(),
      story.job("staging"),
      story.job("prod"),
    ]);
    const live = Object.fromEntries(entries.map(({ env, live }) => [env, live?.githash]));
    assert.deepEqual(live, { staging: "b".repeat(12), prod: "a".repeat(12) });
    page.tell(`
**At this moment A is in prod and B in staging.** \`npm run releases -- status\` shows the two side by side:`);
    page.show(part(table, /^[^]*?(?=\n\n)/));
    assert.deepEqual([staging, prod], [`limit 0.4, by ${"b".repeat(12)}`, `limit 0.5, by ${"a".repeat(12)}`]);
    page.tell(`
Each environment has its job, which asks the registry what is live. Run at this moment, the two say:`);
    page.show(`staging: ${staging}\nprod:    ${prod}`);
    await story.moment(
      "A | prod | – | – | success | – | success",
      "X | – | success | failure | – | failure | –",
      "B | staging | success | success | – | success | –",
    );
  });

  const MERGED = [
    "A | – | – | – | success | – | inactive",
    "X | – | success | failure | – | failure | –",
    "B | staging | success | success | – | success | –",
    "M | prod | – | – | success | – | success",
  ] as const;

  chapter("The merge, and prod", async () => {
    const done = await story.merge(number);
    assert.equal(done.status, 200, done.message);
    merged = story.commit("M", done.sha ?? "");
    assert.notEqual(merged, fix);
    const job = await story.runOne("prod.yml", "success");
    page.tell(`
Both statuses of B are green, so it may be merged. The merge makes a new commit, M, which nobody has tested. But it has the same files.
The push to \`main\` starts \`prod.yml\`. It need not have staging's credentials: GitHub tells what staging has tested. It compares, and says:`);
    page.said(part(job.output, /^\S+\/prod on [^]*?\n {2}note .*$/m));
    assert.match(job.output, /manifest {2}another commit, with the manifest that was tested as/);
    page.tell("Prod's own gate runs as well, with prod's data and rights. Then M is live:");
    page.said(part(job.output, LIVE));
    await story.moment(...MERGED);
  });

  chapter("Somebody edits a live notebook", async () => {
    await story.edit("pipeline/limit", limit(0.9));
    const wrong = await story.job("prod");
    assert.equal(wrong, `limit 0.9, by ${"m".repeat(12)}`);
    page.tell(`
Somebody opens \`pipeline/limit\` in prod's release, "just to try something", and leaves 0.9 in it. The next run of prod's job says
that it is M, and it is not:`);
    page.show(`prod: ${wrong}`);

    const night = only(await story.night("prod"), "failure");
    page.tell(`
At night \`drift.yml\` looks at each stack, here at prod alone. The check fails, and the run's page says what moved:`);
    page.quote(night.summary);
    assert.match(night.summary, /edited pipeline\/limit/);

    const inputs = { stack: "prod", ref: "main", note: "Put back what was edited", edits: "put back" };
    const job = await story.runOne("deploy.yml", "success", inputs);
    page.tell(`
To put it right, the live commit is deployed once more: \`deploy.yml\` with stack \`prod\`, ref \`main\` and edits \`put back\`. It finds the edit, and
sends that one notebook again. No other commit goes live, so no test runs, and GitHub shows the same as before.`);
    page.said(part(job.output, /^ {4}\S+ is not as it was deployed:\n[^]*?files uploaded$/m));
    assert.doesNotMatch(job.output, /gate: /);
    await story.shows(...MERGED);
  });

  chapter("A rollback, and a hold", async () => {
    const inputs = { action: "rollback", stack: "prod", to: "", note: "The call centre cannot take so many" };
    const back = await story.runOne("rollback.yml", "success", inputs);
    page.tell(`
The new limit is right, but it is too much for the call centre. **Actions → rollback → Run workflow**, with a note. A's release is still there,
and its test has passed on it, so nothing is uploaded and nothing is tested again:`);
    page.said(part(back.output, /^\S+\/prod: \w+ is live, in [^]*$/m));
    assert.match(back.output, /complete and unedited: nothing to upload\n {4}gate: not tested again/);

    const refused = await story.runOne("prod.yml", "failure", { ref: "main", note: "" });
    page.tell(`
\`main\` still has M. Without the hold the next deployment would bring it back, and nobody would notice. So \`prod.yml\`, started again,
fails at once; it says who, when and why:`);
    page.said(part(refused.output, /^Error: [^]*$/m));

    const night = only(await story.night("prod"), "success");
    assert.match(night.summary, /^On hold: `rolled back from/m);
    page.tell("A hold is meant, so it is no drift. At night `drift.yml` reports it, and is green:");
    page.quote(night.summary);
    await story.moment(
      "A | prod | – | – | success | – | inactive, success",
      "X | – | success | failure | – | failure | –",
      "B | staging | success | success | – | success | –",
      "M | – | – | – | success | – | inactive",
    );
  });

  chapter("The hold ends, and M is live again", async () => {
    const inputs = { action: "resume", stack: "prod", to: "", note: "Three people more from today" };
    const resumed = await story.runOne("rollback.yml", "success", inputs);
    page.tell("When the call centre is ready, `rollback.yml` runs with the action `resume`:");
    page.said(part(resumed.output, /^\S+\/prod is on hold no longer.*$/m));

    const job = await story.runOne("prod.yml", "success", { ref: "main", note: "" });
    page.tell(
      "The row may move again, and `prod.yml` moves it. Staging's test of the same files still counts; so does prod's own:",
    );
    page.said(part(job.output, /^ {4}gate: not tested again[^]*? is live$/m));
    await story.moment(
      "A | – | – | – | success | – | inactive, inactive",
      "X | – | success | failure | – | failure | –",
      "B | staging | success | success | – | success | –",
      "M | prod | – | – | success | – | inactive, success",
    );
  });

  it("has shown no secret", () => {
    assert.deepEqual(story.flow.leaks().leaks, []);
  });

  it(`is told in ${PAGE}`, () => {
    assert.equal(told, chapters, "a chapter has failed");
    page.tell(END);
    page.isAsIn(PAGE);
  });
});

/** The end of a deployment's messages: its gate, and the move. */
const LIVE = /^ {4}gate: [^]*? is live$/m;

/** What the comment shows before its details. */
const SHORT = /^###[^]*?(?=\n\n<details>)/m;

const BEGINNING = `
# A change on its way

One small change, from the branch to prod and back: what people see at GitHub, and what the programs say. How the flow is made and set up is in
[The GitHub flow](github.md); the terms are in [How it works](how-it-works.md).

This page is written by a test, [story.test.ts](../tests/scenarios/story.test.ts), so it is what happens, and not what somebody remembers. The steps of
the [workflows](../.github/workflows) are the real ones, and so are the Pulumi engine and git; Databricks is the local workspace, GitHub a double. Of what
programs print only the telling lines are here. Times, ids and addresses are made equal. Approvals of the environment \`prod\` are GitHub's, and not played.

The team \`acme/churn\` calls customers who may leave. Program and notebooks are in one repository; there are two stacks, \`staging\` and \`prod\`. In each
a job runs \`pipeline/score\`, which calls everybody above the limit of this notebook, \`app/pipeline/limit.py\`:`;

const COMMITS = `
Its one test says that the limit is between 0 and 1. Four commits play a part. Their ids are shown as rows of one letter.

| | id | on | what |
|---|---|---|---|
| **A** | \`aaaaaaaaaaaa\` | \`main\` | the notebook above |
| **X** | \`xxxxxxxxxxxx\` | the branch \`lower-limit\` | \`LIMIT = 4\`: a slip |
| **B** | \`bbbbbbbbbbbb\` | the same | \`LIMIT = 0.4\` |
| **M** | \`mmmmmmmmmmmm\` | \`main\` | the merge of B, with the same files |

A ruleset asks for two statuses of a pull request's head before it is merged: \`notebook-releases/preview\` and \`notebook-releases/staging\`. Each chapter ends
with a table: where each commit is live by the registry, its last statuses \`notebook-releases/…\`, and the states of its GitHub Deployments, the
first one first.`;

const END = `
## What is left of it
Each of these deployments has an MLflow run with its tests, and each move of the row a line in the registry's history:
\`npm run releases -- history --stack prod\`. A, B and M stay in the workspace, complete and unedited, until nothing needs them.`;

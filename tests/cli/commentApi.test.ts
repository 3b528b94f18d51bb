/** The comment and the status on GitHub: one comment, updated in place, and a preview that never fails because of them. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preview } from "../../cli/preview";
import { parseHead, parsePullRequest } from "../../cli/preview/comment";
import { failedPreview } from "../../cli/preview/types";
import { startGitHub, type GitHubDouble, type Repository } from "../github/double";
import { staging, unchanged } from "./previewData";

const VARIABLES = [
  "GITHUB_TOKEN",
  "GH_TOKEN",
  "GITHUB_API_URL",
  "GITHUB_RUN_ID",
  "GITHUB_REPOSITORY",
  "GITHUB_SERVER_URL",
];

describe("a preview on its pull request", function () {
  this.timeout(60_000);
  let github: GitHubDouble;
  let repository: Repository;
  let folder: string;
  let head: string;
  let number = 0;
  let said: string[];
  const before_ = VARIABLES.map((name) => [name, process.env[name]] as const);

  before(async () => {
    github = await startGitHub();
    repository = github.state.addRepository("acme/churn");
    repository.git.push("main");
    folder = mkdtempSync(join(tmpdir(), "previews "));
    for (const name of VARIABLES) delete process.env[name];
    process.env.GITHUB_API_URL = github.url;
    // A workflow's own token.
    const login = "github-actions[bot]";
    github.state.user(login, "Bot");
    const permissions = { pull_requests: "write", statuses: "write" } as const;
    process.env.GITHUB_TOKEN = github.state.token({ login, kind: "integration", permissions });
  });
  after(async () => {
    for (const [name, value] of before_) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(folder, { recursive: true, force: true });
    await github?.stop();
  });
  beforeEach(async () => {
    github.clearFaults();
    head = repository.git.push(`feature-${++number}`);
    const answer = await fetch(`${github.url}/repos/acme/churn/pulls`, {
      method: "POST",
      headers: { authorization: `Bearer ${github.token}` },
      body: JSON.stringify({ title: "A feature", head: `feature-${number}`, base: "main" }),
    });
    assert.equal(answer.status, 201, await answer.clone().text());
    number = ((await answer.json()) as { number: number }).number;
  });

  /** `releases preview --from` with the comment and the status; answers the exit code. */
  async function show(previews: readonly object[], key?: string): Promise<0 | 1> {
    writeFileSync(join(folder, "all.json"), JSON.stringify({ previews }));
    const write = process.stderr.write.bind(process.stderr);
    said = [];
    process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
    try {
      return await preview({
        ...{ cwd: ".", timeout: 60, from: folder, out: join(folder, "out.txt"), key },
        comment: `acme/churn#${number}`,
        status: `acme/churn@${head}`,
      });
    } finally {
      process.stderr.write = write;
    }
  }

  const comments = () => [...repository.comments.values()].filter(({ issue }) => issue === number);
  const states = () =>
    repository.statuses
      .filter(({ sha }) => sha === head)
      .map(({ context, state, description }) => [context, state, description]);

  it("is one comment, which later ones replace, and a status", async () => {
    const mine = `<!-- notebook-releases:preview -->\nnot yours`;
    const post = await fetch(`${github.url}/repos/acme/churn/issues/${number}/comments`, {
      method: "POST",
      headers: { authorization: `Bearer ${github.token}` },
      body: JSON.stringify({ body: mine }),
    });
    assert.equal(post.status, 201);
    assert.equal(await show([staging()]), 0);
    assert.equal(await show([staging(), unchanged()]), 0);
    const [foreign, own, ...more] = comments();
    assert.deepEqual([foreign?.body, more.length], [mine, 0], "a person's comment is left alone");
    assert.equal(own?.user.login, "github-actions[bot]");
    assert.match(own?.body ?? "", /^<!-- notebook-releases:preview -->\n### Release preview of `/);
    assert.match(own?.body ?? "", /`prod` .*no changes/);
    assert.deepEqual(states(), [
      ["notebook-releases/preview", "success", "1 stack would change"],
      ["notebook-releases/preview", "success", "1 stack would change"],
    ]);
    assert.match(readFileSync(join(folder, "out.txt"), "utf8"), /^staging \(churn\/staging\)/);
    assert.deepEqual(said, []);
  });

  it("has a comment for each program that asks for its own", async () => {
    await show([staging()], "churn");
    await show([staging()], "other");
    await show([staging()], "churn");
    assert.equal(comments().length, 2);
    assert.deepEqual(
      [...new Set(states().map(([context]) => context))],
      ["notebook-releases/preview/churn", "notebook-releases/preview/other"],
    );
  });

  it("is not there twice where GitHub's answer was lost", async () => {
    github.fault({ match: `POST /repos/acme/churn/issues/${number}/comments`, drop: "after" });
    assert.equal(await show([staging()]), 0);
    assert.equal(comments().length, 1);
    assert.deepEqual(said, []);
  });

  it("fails where a stack has no preview, and tells the pull request", async () => {
    assert.equal(await show([staging(), failedPreview("prod", "no such stack")]), 1);
    assert.deepEqual(states(), [["notebook-releases/preview", "failure", "No preview of prod"]]);
    assert.match(comments()[0]?.body ?? "", /❌ no preview/);
  });

  it("does not fail where GitHub cannot be told: it says why", async () => {
    const token = process.env.GITHUB_TOKEN;
    process.env.GITHUB_TOKEN = github.state.token({ login: "reader", permissions: { contents: "read" } });
    try {
      assert.equal(await show([staging()]), 0);
    } finally {
      process.env.GITHUB_TOKEN = token;
    }
    assert.deepEqual([comments(), states()], [[], []]);
    assert.match(said.join(""), /#\d+ has no comment.*permission pull-requests: write/);
    assert.match(said.join(""), /has no status notebook-releases\/preview.*permission statuses: write/);
  });

  it("refuses what names no pull request and no commit", () => {
    assert.deepEqual(parsePullRequest("acme/churn#7"), { repository: "acme/churn", number: 7 });
    for (const text of ["acme/churn", "acme/churn#0", "acme/churn#7 ", "a/b/c#1", "#1", "acme/churn#x"]) {
      assert.throws(() => parsePullRequest(text), /expected OWNER\/REPOSITORY#NUMBER/);
    }
    assert.throws(() => parseHead("acme/churn@abc"), /expected OWNER\/REPOSITORY@GITHASH/);
  });
});

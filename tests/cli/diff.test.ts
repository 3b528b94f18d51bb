/** `releases diff`: what a release of one commit has that another's has not, by any name that people give commits. */
import assert from "node:assert/strict";
import { findSide, showDiff } from "../../cli/diff";
import type { FoundStack } from "../../cli/stack";
import { describeCommit, distance } from "../../source/apart";
import { diffCommits } from "../../source/diff";
import { Ground, unique } from "../conformance/providers/ground";
import { notebook } from "../source/support";
import { PulumiStack } from "../support/pulumi";
import { EnvironmentRig } from "./rig";

const ESCAPE = "\u001b[";

describe("releases diff", function () {
  this.timeout(120_000);
  let ground: Ground;
  let rig: EnvironmentRig;
  let stack: FoundStack;
  let project: PulumiStack;
  let first: string;
  let second: string;

  before(async function () {
    this.timeout(180_000);
    ground = await Ground.enter();
    project = new PulumiStack();
    const { repository } = ground;
    first = ground.githash;
    second = repository.commit(
      {
        "nb/pipeline/score.py": notebook("print('score, and [more] *')"),
        "nb/pipeline/train.py": null,
        "nb/new [x]/a b.py": notebook("print('new')"),
        "nb/README.md": "# excluded\n",
        "outside.py": notebook("print('outside')"),
      },
      "Second",
    );
    rig = await EnvironmentRig.make(ground.workspace, {
      ...{ app: unique("diff"), env: "prod", repository: repository.url },
    });
    await rig.deploy(ground, first);
    stack = rig.stack();
  });
  after(() => {
    project?.dispose();
    return ground?.leave();
  });

  const find = (name: string) => findSide(name, stack, project.program, { limitMs: 60_000 });

  it("takes githashes, short ones, environments, branches and tags", async () => {
    ground.repository.git("tag", "v2", second);
    assert.deepEqual(await find(second), { githash: second, name: second.slice(0, 12), subject: "Second" });
    assert.equal((await find(first.slice(0, 8))).githash, first);
    assert.deepEqual([(await find("prod")).githash, (await find("prod")).name], [first, "live in prod"]);
    assert.equal((await find("main")).githash, second);
    assert.deepEqual([(await find("v2")).githash, (await find("v2")).name], [second, "v2"]);
  });

  it("says what it looked for where there is none of that name", async () => {
    await assert.rejects(find("nowhere"), (error: Error) => {
      assert.match(
        error.message,
        /nowhere is no environment, stack or commit: operated\.diff\S+ has no environment/,
      );
      assert.match(error.message, /no branch, tag or commit "nowhere"/);
      return true;
    });
    await assert.rejects(find("-x"), /begins with "-"/);
    await assert.rejects(find("0123456789abcdef"), /no commit whose id begins so/);
  });

  it("answers paths of the release, without what is excluded or outside of it", async () => {
    const { source } = stack.config;
    const changes = await diffCommits(first, second, source);
    assert.deepEqual(changes, {
      added: ["new [x]/a b"],
      changed: ["pipeline/score"],
      removed: ["pipeline/train"],
    });
    assert.deepEqual(await diffCommits(second, second, source), { added: [], changed: [], removed: [] });
    const nowhere = { ...source, path: "new [x]" };
    assert.deepEqual(await diffCommits(first, second, { ...nowhere, path: "nb/new [x]" }), {
      ...{ added: ["a b"], changed: [], removed: [] },
    });
    const shown = showDiff("churn", await find("prod"), await find(second), changes);
    assert.equal(
      shown,
      [
        `churn: from ${first.slice(0, 12)} (live in prod)  commit 0`,
        `         to ${second.slice(0, 12)}  Second`,
        "  + new [x]/a b",
        "  ~ pipeline/score",
        "  - pipeline/train",
        "1 added, 1 changed, 1 removed",
      ].join("\n"),
    );
  });

  it("prints git's own diff of these files alone, in colours only where asked", async () => {
    const { source } = stack.config;
    const { text = "" } = await diffCommits(first, second, source, { text: { color: false } });
    const files = [...text.matchAll(/^diff --git "?a\/(.*?)"? "?b\//gm)].map(([, path]) => path);
    assert.deepEqual(files, ["nb/new [x]/a b.py", "nb/pipeline/score.py", "nb/pipeline/train.py"]);
    assert.match(text, /^-print\('score'\)\n\+print\('score, and \[more\] \*'\)$/m);
    assert.doesNotMatch(text, /README|outside/);
    assert.ok(!text.includes(ESCAPE));
    const colored = await diffCommits(first, second, source, { text: { color: true } });
    assert.ok(colored.text?.includes(ESCAPE));
  });

  it("counts commits between two that the cache knows only by themselves, and fetches nothing where told so", async () => {
    const repository = ground.repository.url;
    const commits = [3, 4].map((n) => ground.repository.commit({}, `commit ${n}`));
    const third = commits[1]!;
    await describeCommit(repository, third);
    assert.equal(await distance(repository, third, first, { offline: true }), undefined, "not all are here");
    assert.deepEqual(await distance(repository, third, first), { ahead: 3, behind: 0 });
    assert.deepEqual(await distance(repository, first, third, { offline: true }), { ahead: 0, behind: 3 });
    ground.repository.git("checkout", "--quiet", "-b", "side", first);
    const side = ground.repository.commit({}, "on the side");
    ground.repository.git("checkout", "--quiet", "main");
    assert.deepEqual(await distance(repository, side, second), { ahead: 1, behind: 1 });
    assert.equal((await describeCommit(repository, side)).subject, "on the side");
  });
});

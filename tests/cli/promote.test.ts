/** `releases promote`, before anything is changed: what an environment has tested, told by its workspace, and what speaks against it. */
import assert from "node:assert/strict";
import { compareContents, readAs } from "../../cli/promote/contents";
import type { Answer, Tested } from "../../cli/promote/tested";
import { askWorkspace } from "../../cli/promote/workspace";
import type { FoundStack } from "../../cli/stack";
import { artifactsDigest } from "../../providers/build/tested";
import { readSource } from "../../source";
import { edit } from "../conformance/providers/cases";
import { Ground, unique } from "../conformance/providers/ground";
import { notebook } from "../source/support";
import { EnvironmentRig, type Deployed } from "./rig";

const GATE = { gate: { tests: ["tests/**"] } };
const PASSED = { tests: { passed: 2, failed: 0 } };

describe("what staging has tested, by its workspace", function () {
  this.timeout(120_000);
  let ground: Ground;
  let rig: EnvironmentRig;
  let live: Deployed;
  let host: string | undefined;

  before(async function () {
    this.timeout(180_000);
    ground = await Ground.enter();
    host = process.env.DATABRICKS_HOST;
    process.env.DATABRICKS_HOST = ground.workspace.host;
  });
  after(async () => {
    if (host === undefined) delete process.env.DATABRICKS_HOST;
    else process.env.DATABRICKS_HOST = host;
    await ground?.leave();
  });
  beforeEach(async () => {
    rig = await EnvironmentRig.make(ground.workspace, {
      ...{ app: unique("promoted"), env: "staging", repository: ground.repository.url },
    });
  });

  const commit = (code: string) =>
    ground.repository.commit({ "nb/pipeline/score.py": notebook(code) }, `score ${code}`);
  /** The stack as its last complete deployment left it. */
  const stack = (more: Record<string, unknown> = {}, { githash, deploymentId }: Partial<Deployed> = live) => {
    const found = rig.stack({ ...GATE, ...more });
    return { ...found, outputs: { ...found.outputs, githash, deploymentId } };
  };
  const ask = async (from: FoundStack, ref?: string): Promise<Answer> => {
    const { source } = from.config;
    const wanted = ref === undefined ? undefined : await readAs(source, source, ref);
    return askWorkspace(from, { wanted, limitMs: 60_000, onProgress: () => undefined });
  };
  const only = ({ problems }: Answer): string => {
    assert.equal(problems.length, 1, problems.join("\n"));
    return problems[0] ?? "";
  };
  const tag = (key: string, value: string) =>
    ground.workspace.ok("POST", "/api/2.0/mlflow/runs/set-tag", { run_id: live.deploymentId, key, value });

  it("is the deployment that is live, with its gate's results; a hold stops nothing and is said", async () => {
    const before = await rig.deploy(ground, commit("before"));
    live = await rig.deploy(ground, ground.githash, {
      ...{ ...PASSED, release: true, by: "eve@example.com", at: "2026-01-01T10:02:03.000Z" },
      ...{ kind: "rollback", note: "wrong zones" },
    });
    const { tested, problems } = await ask(stack());
    assert.deepEqual(problems, []);
    const { notes, ...rest } = tested!;
    const { digest } = await ground.source();
    assert.deepEqual(rest, {
      ...{ source: "workspace", where: ground.workspace.host, githash: live.githash, digest },
      deploymentId: live.deploymentId,
      deploymentUrl: `${ground.workspace.host}/ml/experiments/${rig.experimentId}/runs/${live.deploymentId}`,
      ...{ since: "2026-01-01T10:02:03.000Z", by: "eve@example.com", isLive: true, passed: 2, tests: [] },
      ...{ artifacts: [], artifactsDigest: artifactsDigest([]) },
    });
    assert.match(
      notes.join(),
      new RegExp(
        `^staging is on hold, which stops nothing here: rolled back from ${before.githash.slice(0, 12)}`,
      ),
    );
  });

  it("is nothing where nothing is live", async () => {
    const answer = await ask(rig.stack(GATE));
    assert.equal(answer.tested, undefined);
    assert.match(
      only(answer),
      /^nothing is live in promoted\S+\/staging, by operated\.\S+\. Deploy it there first: pulumi up --stack staging$/,
    );
  });

  it("is refused, with all reasons, where the release was edited, the row moved by others and a test failed", async () => {
    live = await rig.deploy(ground, ground.githash, { tests: { passed: 1, failed: 1 }, release: true });
    await edit(ground, `${live.releasePath}/pipeline/train`, "print('by hand')");
    await edit(ground, `${live.releasePath}/pipeline/more`, "print('added')");
    const other = "1".repeat(40);
    const { problems } = await ask(stack({}, { githash: other, deploymentId: "other" }));
    const [moved, drift, failed] = problems;
    assert.equal(problems.length, 3, problems.join("\n"));
    assert.match(
      moved!,
      /made live by ada@example\.com .*last complete deployment of stack staging is of 111111111111: somebody else moved it/,
    );
    assert.match(
      drift!,
      /is edited: added pipeline\/more, edited pipeline\/train\. Put it right: pulumi up --refresh/,
    );
    assert.match(failed!, /^1 of its 2 tests failed/);
  });

  it("is refused where the release is gone, or its deployment did not go live, or its run is deleted", async () => {
    live = await rig.deploy(ground, ground.githash, PASSED);
    assert.match(only(await ask(stack())), /the release .* is missing\. Put it right/);
    live = await rig.deploy(ground, ground.githash, { ...PASSED, release: true });
    assert.deepEqual((await ask(stack())).problems, []);
    await tag("status", "failed");
    await tag("message", "a job was refused");
    assert.match(
      only(await ask(stack())),
      /its deployment \S+ is failed: a job was refused\. Deploy it there again/,
    );
    await tag("status", "tested");
    assert.deepEqual((await ask(stack())).problems, [], "only MLflow was not told that it is live");
    await ground.workspace.ok("POST", "/api/2.0/mlflow/runs/delete", { run_id: live.deploymentId });
    assert.match(only(await ask(stack())), /the MLflow run \S+ is gone, so how its tests went is not known/);
  });

  it("is refused without tests, unless its gate asks for none", async () => {
    live = await rig.deploy(ground, ground.githash, { release: true });
    assert.match(only(await ask(stack())), /staging has run no test on it, though its gate names some/);
    const branches = { gate: { branchTests: { "feature/*": ["tests/**"] } } };
    assert.match(only(await ask(stack(branches))), /has run no test/);
    assert.deepEqual((await ask(stack({ gate: {} }))).problems, []);
  });

  describe("where a commit is named", () => {
    let first: string;
    let second: string;

    beforeEach(async () => {
      first = commit(unique("first"));
      await rig.deploy(ground, first, { ...PASSED, release: true });
      second = commit(unique("second"));
    });

    it("is what is live, where the commit has its contents: a merge makes a new commit", async () => {
      live = await rig.deploy(ground, second, { ...PASSED, release: true });
      const merge = ground.repository.commit({}, "Merge");
      const { tested, problems } = await ask(stack(), merge);
      assert.deepEqual([tested?.githash, tested?.isLive, problems], [second, true, []]);
      assert.notEqual(merge, second);
    });

    it("is an earlier one with its contents, which another commit has followed", async () => {
      live = await rig.deploy(ground, second, { release: true });
      const { tested, problems } = await ask(stack(), first);
      assert.deepEqual([tested?.githash, tested?.isLive, tested?.passed, problems], [first, false, 2, []]);
      assert.deepEqual(tested?.notes, [`staging has moved on since: ${second.slice(0, 12)} is live there`]);
    });

    it("is not one that was rolled back from: what is live has other contents", async () => {
      const bad = await rig.deploy(ground, second, { ...PASSED, release: true });
      live = await rig.deploy(ground, first, { ...PASSED, kind: "rollback" });
      const { tested } = await ask(stack(), bad.githash);
      assert.deepEqual([tested?.githash, tested?.isLive], [first, true]);
    });
  });
});

describe("the contents of a promotion", function () {
  this.timeout(60_000);
  let ground: Ground;
  let rig: EnvironmentRig;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
    rig = await EnvironmentRig.make(ground.workspace, {
      ...{ app: unique("compared"), env: "staging", repository: ground.repository.url },
    });
  });
  after(() => ground?.leave());

  const spec = (more: object) => ({
    repository: ground.repository.url,
    path: "nb",
    exclude: ["**/*.md"],
    ...more,
  });
  async function compare(githash: string, { to = {}, digest }: { to?: object; digest?: string } = {}) {
    const [staging, prod] = [rig.stack(), { ...rig.stack({ source: spec(to) }), name: "prod" }];
    const tested = { githash: ground.githash, digest: digest ?? (await ground.source()).digest } as Tested;
    const source = await readAs(staging.config.source, prod.config.source, githash);
    const target = await readSource({ ...prod.config.source, ref: githash });
    return compareContents(staging, prod, tested, source, target);
  }

  it("are the tested ones of the same commit, and of another one with the same manifest", async () => {
    const readme = ground.repository.commit({ "nb/README.md": "not released\n" }, "Merge");
    for (const githash of [ground.githash, readme]) {
      assert.deepEqual(await compare(githash), { problems: [], leftOut: 0 });
    }
  });

  it("are others where any file differs: each is named", async () => {
    const other = ground.repository.commit({
      "nb/pipeline/score.py": notebook("print('other')"),
      "nb/pipeline/more.py": notebook(),
      "nb/lib/helper.py": null,
    });
    const { problems } = await compare(other);
    assert.deepEqual(problems, [
      `${other.slice(0, 12)} is not what staging has tested, which is ${ground.githash.slice(0, 12)}: pipeline/score, ` +
        `pipeline/more (new), lib/helper.py (gone). Deploy ${other.slice(0, 12)} to staging first, so that its gate runs on it`,
    ]);
  });

  it("are others where the stack's settings have changed since they were tested", async () => {
    const { problems } = await compare(ground.githash, { digest: "0".repeat(64) });
    assert.match(
      problems.join(),
      /^\S+ was released in staging with other settings .* than stack staging has now/,
    );
  });

  it("may be fewer, by prod's own exclude, and never more", async () => {
    const fewer = await compare(ground.githash, { to: { exclude: ["**/*.md", "tests/**", "data/**"] } });
    assert.deepEqual(fewer, { problems: [], leftOut: 2 });
    const { problems } = await compare(ground.githash, { to: { exclude: [] } });
    assert.match(problems.join(), /^prod releases a file of \S+ that staging does not, .*: README\.md$/);
  });
});

/** `releases history`: what was done, entry by entry, with what became of it. */
import assert from "node:assert/strict";
import { readHistory, showHistory, type HistoryEntry } from "../../cli/history";
import { connectTo } from "../../cli/stack";
import { swap } from "../../providers/registry/table";
import { Ground, unique } from "../conformance/providers/ground";
import { EnvironmentRig } from "./rig";

const hash = (n: number): string => String(n).padEnd(40, "0");

describe("releases history", function () {
  this.timeout(120_000);
  let ground: Ground;
  let rig: EnvironmentRig;
  const ids: Record<string, string> = {};

  before(async function () {
    this.timeout(180_000);
    ground = await Ground.enter();
    rig = await EnvironmentRig.make(ground.workspace, {
      ...{ app: unique("history"), env: "prod", repository: ground.repository.url },
    });
    const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, "0")}:00.000Z`;
    const tests = { passed: 3, failed: 0 };
    ids.one = (await rig.deploy(ground, hash(1), { at: at(1), tests, note: "first" })).deploymentId;
    ids.failed = await rig.attempt(hash(2), "failed", {
      ...{
        at: at(2),
        tests: { passed: 2, failed: 1 },
        message: "the gate failed: 1 of 3\ntests/test_two",
        note: "second",
      },
    });
    ids.three = (await rig.deploy(ground, hash(3), { at: at(3), tests, by: "bob@example.com" })).deploymentId;
    ids.back = (
      await rig.deploy(ground, hash(1), { at: at(4), kind: "rollback", note: "wrong zones" })
    ).deploymentId;
    ids.running = await rig.attempt(hash(5), "running", { at: at(5) });
    // Another environment's, in the same experiment.
    const other = Object.assign(Object.create(EnvironmentRig.prototype), rig, { env: "staging", last: "" });
    ids.other = (await (other as EnvironmentRig).deploy(ground, hash(6), { at: at(6) })).deploymentId;
  });
  after(() => ground?.leave());

  const read = async (limit: number, movesOnly = false, env = "prod"): Promise<HistoryEntry[]> => {
    const stack = rig.stack();
    return readHistory(await connectTo(stack), stack, env, { limit, movesOnly });
  };
  const url = (name: string) =>
    `${ground.workspace.host}/ml/experiments/${rig.experimentId}/runs/${ids[name]}`;
  const brief = ({
    at,
    kind,
    moved,
    from,
    to,
    by,
    note,
    deploymentId,
    deploymentUrl,
    result,
    tests,
  }: HistoryEntry) => [
    ...[at.slice(14, 16), moved ? kind : `(${kind})`, Number(from[0] ?? 0), Number(to[0] ?? 0), by, note],
    ...[deploymentId, deploymentUrl, result, tests && `${tests.passed}/${tests.failed}`],
  ];

  it("has every move and every deployment that moved nothing, in their order, with result, tests and why", async () => {
    assert.deepEqual((await read(10)).map(brief), [
      // A deployment's run begins a second before its move.
      ["04", "(deploy)", 0, 5, "", "", ids.running, url("running"), "running", null],
      ["04", "rollback", 3, 1, "ada@example.com", "wrong zones", ids.back, url("back"), "live", null],
      ["03", "deploy", 1, 3, "bob@example.com", "", ids.three, url("three"), "live", "3/0"],
      ["01", "(deploy)", 0, 2, "", "second", ids.failed, url("failed"), "failed", "2/1"],
      ["01", "deploy", 0, 1, "ada@example.com", "first", ids.one, url("one"), "live", "3/0"],
    ]);
    assert.equal(
      (await read(10)).find(({ result }) => result === "failed")?.message,
      "the gate failed: 1 of 3\ntests/test_two",
    );
  });

  it("leaves out what moved nothing where only moves are asked for, and keeps to its limit", async () => {
    assert.deepEqual(
      (await read(10, true)).map(({ deploymentId }) => deploymentId),
      [ids.back, ids.three, ids.one],
    );
    assert.deepEqual(
      (await read(2)).map(({ deploymentId }) => deploymentId),
      [ids.running, ids.back],
    );
  });

  it("tells of another environment of the registry, whose experiment is known by its deployment", async () => {
    assert.deepEqual(
      (await read(10, false, "staging")).map(({ deploymentId }) => deploymentId),
      [ids.other],
    );
    assert.deepEqual(await read(10, false, "nowhere"), []);
  });

  it("is a table of 120 columns at most", async () => {
    const entries = await read(10);
    const long = "a long reason ".repeat(20);
    const shown = showHistory("churn/prod", [
      ...entries,
      { ...entries[1]!, kind: "destroy", to: "", note: long },
    ]);
    const lines = shown.split("\n");
    assert.ok(
      lines.every((line) => line.length <= 120),
      shown,
    );
    assert.match(lines[1]!, /^WHEN \(UTC\) +MOVE +FROM +TO +BY +RESULT +WHY$/);
    assert.match(
      shown,
      /^2026-01-01 10:04  rollback +300000000000  100000000000  ada@example\.com +wrong zones$/m,
    );
    assert.match(
      shown,
      /^2026-01-01 10:01  \(deploy\) +- +200000000000 +failed, 2 passed, 1 failed\n {4}the gate failed: 1 of 3$/m,
    );
    assert.match(
      shown,
      /^2026-01-01 10:04  destroy +300000000000  - +ada@example\.com\n {4}a long reason a long/m,
    );
    assert.match(shown, /moved nothing/);
    assert.match(showHistory("churn/dev", []), /^churn\/dev has no history/);
  });

  it("has the move of a deployment that was killed before it wrote its line", async () => {
    const move = {
      ...{
        table: rig.table,
        app: rig.app,
        env: "killed",
        kind: "deploy" as const,
        moveId: "killed",
        expected: 0,
      },
      ...{ githash: hash(9), releasePath: `${rig.root}/${hash(9)}`, deploymentId: "gone", note: "" },
      ...{ deployedAt: "2026-01-02T00:00:00.000Z", deployedBy: "ada@example.com", previousGithash: "" },
    };
    await swap(rig.warehouse, move);
    const [entry, ...more] = await read(10, false, "killed");
    assert.deepEqual(more, []);
    assert.deepEqual(
      [entry?.kind, entry?.to, entry?.result, entry?.deploymentUrl],
      ["deploy", hash(9), "", ""],
      "its MLflow run is gone",
    );
  });
});

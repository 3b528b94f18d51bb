/** Rolling back with the real command and the real engine: further back each time, on hold until it is resumed. */
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { releases } from "../cli/cli";
import { failed, ok } from "../support/pulumi";
import { score } from "./example";
import { imports, Scenario, type SqlRow } from "./scenario";

const NOTE = `it's "broken"; -- \\ 😀`;

describe("a rollback", function () {
  this.timeout(240_000);
  let scenario: Scenario;
  const commits: string[] = [];
  const short = (commit: number): string => (commits[commit] ?? "").slice(0, 12);

  before(async () => {
    scenario = await Scenario.start("rolledback");
    commits.push(scenario.repository.git("rev-parse", "HEAD"));
    ok(await scenario.stack.up());
    for (const version of ["v2", "v3"]) {
      commits.push(
        scenario.repository.commit({ "notebooks/pipeline/score.py": score(version) }, `to ${version}`),
      );
      ok(await scenario.stack.up());
    }
  });
  after(() => scenario?.dispose());

  /** `releases COMMAND` on the scenario's stack, which must end well. */
  async function command(...args: string[]) {
    const run = await releases([...args, "--stack", "test"], { stack: scenario.stack });
    assert.equal(run.code, 0, run.stdout + run.stderr);
    return run;
  }
  const kinds = (moves: readonly SqlRow[]) =>
    moves.map(({ kind, from_githash, githash }) => [
      kind,
      ...[from_githash, githash].map((hash) => commits.indexOf(hash ?? "")),
    ]);

  it("that cannot be done is refused with the reason, and changes nothing", async () => {
    const before = await scenario.live();
    const edited = `${before.row.release_path?.replace(commits[2] ?? "", commits[1] ?? "")}/pipeline/score`;
    await scenario.editNotebook(edited, score("edited"));
    const { directory } = scenario.repository;
    const rollback = (...args: string[]) =>
      releases(["rollback", "--stack", "test", ...args], { stack: scenario.stack });
    const [asking, unfit, unknown, wrong] = await Promise.all([
      rollback(),
      rollback("--yes"),
      rollback("--yes", "--to", "ffff"),
      rollback("--yes", "--to", "main"),
    ]);
    renameSync(directory, `${directory} away`);
    const unreachable = await rollback("--yes");
    renameSync(`${directory} away`, directory);
    await scenario.editNotebook(edited, score("v2"));
    assert.match(asking.stderr, /There is nobody to ask: add --yes/);
    assert.match(
      unreachable.stderr,
      new RegExp(`The commit ${short(1)} cannot be had[^]*there is no folder`),
    );
    assert.match(unfit.stderr, new RegExp(`${commits[1]} is edited\\.\n {2}edited pipeline/score\n`));
    assert.match(
      unknown.stderr,
      new RegExp(`ffff was never live in rolledback/test\\. .*${short(2)}, ${short(1)}`),
    );
    assert.match(wrong.stderr, /--to main: expected a commit's id/);
    assert.deepEqual(
      [asking, unreachable, unfit, unknown, wrong].map(({ code }) => code),
      [2, 1, 1, 1, 2],
    );
    assert.deepEqual(await scenario.live(), before);
  });

  it("makes the release before live again, jobs too; nothing is uploaded, no test runs twice", async () => {
    const tested = (await scenario.gateRuns(commits[1] ?? "")).length;
    const { result, requests } = await scenario.requestsOf(() =>
      command("rollback", "--yes", "--json", "--note", NOTE),
    );
    assert.equal(imports(requests).length, 0);
    assert.equal((await scenario.gateRuns(commits[1] ?? "")).length, tested);
    const { row, pinned } = await scenario.live();
    assert.deepEqual([row.githash, row.previous_githash, row.note], [commits[1], commits[2], NOTE]);
    assert.match(
      row.hold ?? "",
      new RegExp(`^rolled back from ${short(2)} to ${short(1)} by admin@local\\.workspace at 20`),
    );
    assert.ok(row.hold?.endsWith(`Z: ${NOTE}`));
    assert.equal(pinned, `${row.release_path}/pipeline/score`);
    assert.equal(await scenario.runJob("dispatch"), `v2 ${commits[1]}`);
    const { seconds, ...answer } = JSON.parse(result.stdout);
    assert.ok(seconds > 0);
    const outputs = await scenario.stack.outputs();
    assert.deepEqual(answer, {
      ...{ stack: "test", app: "rolledback", env: "test", from: commits[2], to: commits[1], note: NOTE },
      ...{
        hold: row.hold,
        deploymentId: row.deployment_id,
        deploymentUrl: outputs.deploymentUrl,
        completed: true,
      },
    });
    assert.equal(outputs.githash, commits[1]);
    const run = await scenario.deployment(row.deployment_id ?? "");
    assert.deepEqual(
      [run.tags.status, run.tags.rollback_from, run.params.deploy_note, run.params.githash],
      ["live", commits[2], NOTE, commits[1]],
    );
    assert.ok(run.tags.reused_from, "its tests are those of the deployment before");
    assert.match(
      result.stderr,
      new RegExp(`from +${short(2)} to v3, live since 20.* by admin@local\\.workspace`),
    );
    assert.match(result.stderr, new RegExp(`to +${short(1)} to v2, made live 20`));
  });

  it("goes further back the second time, also on hold; broken off, it goes on; then it has nowhere to go", async () => {
    await scenario.workspace.ok("POST", "/__workspace/faults", {
      match: "POST /api/2.2/jobs/reset",
      status: 400,
    });
    const broken = await releases(["rollback", "--yes", "--stack", "test"], { stack: scenario.stack });
    await scenario.workspace.ok("DELETE", "/__workspace/faults");
    assert.equal(broken.code, 3, broken.stdout + broken.stderr);
    assert.match(broken.stderr, new RegExp(`jobs may still be on ${short(1)}[^]*--to ${short(0)}`));
    assert.ok((await scenario.jobNotebook("pinned")).includes(commits[1] ?? ""));
    const { stderr } = await command("rollback", "--yes");
    assert.match(stderr, new RegExp(`the rollback to ${short(0)} first did not come to its end; it goes on`));
    const { row, pinned } = await scenario.live();
    assert.equal(row.githash, commits[0]);
    assert.equal(pinned, `${row.release_path}/pipeline/score`);
    assert.deepEqual(kinds(await scenario.moves()), [
      ["deploy", -1, 0],
      ["deploy", 0, 1],
      ["deploy", 1, 2],
      ["rollback", 2, 1],
      ["rollback", 1, 0],
    ]);
    const run = await releases(["rollback", "--yes", "--stack", "test"], { stack: scenario.stack });
    assert.equal(run.code, 1);
    assert.match(run.stderr, /has no release to go back to/);
  });

  it("puts the environment on hold: main stops in a preview and in an up, with who, since when and why", async () => {
    const before = await scenario.live();
    const held = new RegExp(
      `rolledback/test is on hold: rolled back from ${short(1)} to ${short(0)} by admin@local\\.workspace at 20\\d\\d-` +
        `.*\\(no note was given\\)\\. ${short(0)} stays live[^]*npm run releases -- resume --stack test`,
    );
    for (const stopped of [await scenario.stack.preview(), await scenario.stack.up()]) {
      const output = failed(stopped);
      assert.match(output, held);
      assert.doesNotMatch(output, /^ +at .*:\d+:\d+/m);
    }
    assert.deepEqual(await scenario.live(), before);
  });

  it("is over once it is resumed: main goes live again, and no move of a stranger is seen", async () => {
    const { stdout } = await command("resume", "--yes", "--note", "mended");
    assert.match(stdout, /rolledback\/test is on hold no longer/);
    assert.match((await command("resume", "--yes")).stdout, /is not on hold: nothing to do/);
    ok(await scenario.stack.up());
    assert.equal(await scenario.runJob("dispatch"), `v3 ${commits[2]}`);
    const moves = await scenario.moves();
    assert.deepEqual(kinds(moves).slice(5), [
      ["resume", 0, 0],
      ["deploy", 0, 2],
    ]);
    assert.deepEqual([moves[5]?.moved_by, moves[5]?.note], ["admin@local.workspace", "mended"]);
  });
});

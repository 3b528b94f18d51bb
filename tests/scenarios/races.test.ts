/**
 * Whole `up`s at the same moment, from two state backends that know nothing of each other: one wins, the other says who
 * was quicker and leaves nothing live of its own. The providers alone do it fifty times in tests/registry/races.test.ts;
 * `NOTEBOOK_RELEASES_RACES=3 npm test -- tests/scenarios/races.test.ts` does each of these three times.
 */
import assert from "node:assert/strict";
import { releases } from "../cli/cli";
import { failed, ok, type PulumiRun } from "../support/pulumi";
import { score } from "./example";
import { Scenario } from "./scenario";

const ROUNDS = Number(process.env.NOTEBOOK_RELEASES_RACES ?? 1);
const WHO = String.raw`admin@local\.workspace at 20\d\d-\d\d-\d\dT[\d:.]+Z`;
/** What a loser hears: the winner's row was there before it tried, or only then. */
const FIRST = new RegExp(`already has \\S+: [0-9a-f]{12}, deployed by ${WHO}`);
const MOVED = new RegExp(
  `was moved by somebody else: ${WHO}, from (\\(nothing\\)|[0-9a-f]{12}) to [0-9a-f]{12} \\(version`,
);
const HELD = /is on hold: rolled back from [0-9a-f]{12} to [0-9a-f]{12} by admin@local\.workspace at 20/;

for (let round = 1; round <= ROUNDS; round++) {
  describe(`two ups at once, round ${round}`, function () {
    this.timeout(300_000);
    const app = `raced-${round}`;
    const config = { gate: { tests: [] }, registry: undefined };
    let scenarios: [Scenario, Scenario];
    let commits = 0;

    before(async () => {
      const one = await Scenario.start(app, { config });
      const other = new Scenario(app, one.workspace, one.repository, { config });
      scenarios = [one, other];
    });
    after(() => {
      scenarios?.[1].stack.dispose();
      scenarios?.[0].dispose();
    });

    /** Both deploy a commit of their own from now on. */
    function configure(changes: Readonly<Record<string, unknown>> = {}): [string, string] {
      const [a, b] = scenarios.map((scenario) => {
        const { repository, table, workspace } = scenario;
        const ref = repository.commit({ "notebooks/pipeline/score.py": score(`v${++commits}`) });
        const registry = { warehouse: workspace.warehouse_id, table: "main.raced.registry", ...changes };
        scenario.configure({
          source: { repository: repository.directory, ref, path: "notebooks" },
          registry,
        });
        assert.ok(table);
        return ref;
      });
      return [a ?? "", b ?? ""];
    }

    function registry() {
      return { warehouse: scenarios[0].workspace.warehouse_id, table: "main.raced.registry" };
    }

    async function rows(env = "test") {
      return scenarios[0].sql(`SELECT * FROM main.raced.registry WHERE app = '${app}' AND env = '${env}'`);
    }

    /** The one whose commit is live; the other one's `up` failed as it must, and the jobs are the winner's. */
    async function winnerOf(
      runs: readonly PulumiRun[],
      refs: readonly string[],
      said: RegExp,
    ): Promise<0 | 1> {
      const winners = runs.flatMap(({ code }, index) => (code === 0 ? [index] : []));
      assert.equal(winners.length, 1, runs.map(({ output }) => output).join("\n"));
      const winner = winners[0] === 0 ? 0 : 1;
      const loser = runs[1 - winner];
      assert.ok(loser);
      assert.match(failed(loser), said);
      const found = await rows();
      assert.deepEqual(
        found.map(({ githash }) => githash),
        [refs[winner]],
      );
      assert.equal(await scenarios[0].jobNotebook("pinned"), `${found[0]?.release_path}/pipeline/score`);
      return winner;
    }

    it("as first deployments, are won by one of them", async () => {
      const refs = configure();
      const runs = await Promise.all(scenarios.map(({ stack }) => stack.up()));
      const winner = await winnerOf(runs, refs, new RegExp(`${FIRST.source}|${MOVED.source}`));
      if (winner === 1) {
        scenarios.reverse();
      }
    });

    it("of a row that both know, are won by one of them", async () => {
      configure({ adopt: true });
      ok(await scenarios[1].stack.up());
      ok(await scenarios[0].stack.refresh());
      const refs = configure();
      const runs = await Promise.all(scenarios.map(({ stack }) => stack.up()));
      await winnerOf(runs, refs, MOVED);
    });

    it("of two environments, both win", async () => {
      const [ref] = configure();
      const [one] = scenarios;
      ok(await one.stack.refresh());
      const other = new Scenario(app, one.workspace, one.repository, { config });
      try {
        const source = { repository: one.repository.directory, ref, path: "notebooks" };
        other.configure({ env: "other", source, registry: registry(), jobs: [] });
        const runs = await Promise.all([one.stack.up(), other.stack.up()]);
        runs.forEach((run) => ok(run));
        const live = [...(await rows()), ...(await rows("other"))].map(({ githash }) => githash);
        assert.deepEqual(live, [ref, ref]);
      } finally {
        other.stack.dispose();
      }
    });

    it("one of them a rollback: one wins, and the hold is the rollback's", async () => {
      for (const { stack } of scenarios) {
        ok(await stack.refresh());
      }
      const before = (await rows())[0]?.githash;
      const [, next] = configure();
      const [back, up] = await Promise.all([
        releases(["rollback", "--yes", "--stack", "test"], { stack: scenarios[0].stack }),
        scenarios[1].stack.up(),
      ]);
      const [row] = await rows();
      assert.ok(row);
      if (back.code === 0) {
        assert.match(row.hold ?? "", new RegExp(`^rolled back from ${before?.slice(0, 12)} to `));
        assert.notEqual(row.githash, next);
        assert.match(failed(up), new RegExp(`${MOVED.source}|${HELD.source}`));
      } else {
        ok(up);
        assert.deepEqual([row.githash, row.hold ?? ""], [next, ""]);
        assert.match(back.stderr, /was not rolled back: [0-9a-f]{12} is live|was moved by somebody else/);
      }
    });
  });
}

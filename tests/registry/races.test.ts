/** Processes that move one row at the same moment, by the provider itself: one wins, the others say who was quicker. */
import assert from "node:assert/strict";
import { Ground, unique } from "../conformance/providers/ground";
import { RegistryRig, type State, type Wanted } from "./rig";
import type { Outcome } from "./racer";
import { Racer } from "./racers";

const ROUNDS = 10;
const ENV = "test";
const WHO = String.raw`admin@local\.workspace at 20\d\d-\d\d-\d\dT[\d:.]+Z`;
/** The two that a loser may hear: the winner's row was there before it tried, or only then. */
const TAKEN = new RegExp(
  `already has \\S+: [abc]{12}, deployed by ${WHO}, and|` +
    `was moved by somebody else: ${WHO}, from (\\(nothing\\)|[abc]{12}) to [abc]{12} \\(version`,
);
const ON_HOLD = /is on hold: rolled back from b{12} to a{12} by admin@local\.workspace at 20/;

describe("moves by several processes at once", function () {
  this.timeout(240_000);
  let ground: Ground;
  let rig: RegistryRig;
  let racers: Racer[];

  before(async () => {
    ground = await Ground.enter();
    rig = await RegistryRig.on(ground, "abc");
    racers = Array.from({ length: 3 }, () => new Racer(ground.workspace.token));
    for (const racer of racers) assert.deepEqual(await racer.ready, {});
  });
  after(async () => {
    racers?.forEach((racer) => racer.stop());
    await ground?.leave();
  });

  /** One process for each: what became of its move. */
  function race(orders: readonly { app: string; env?: string; olds?: State; wanted: Wanted }[]) {
    return Promise.all(
      orders.map(({ app, env = ENV, olds, wanted }, index) =>
        racers[index]!.move({
          ...(olds && { olds: { ...olds } }),
          news: { ...rig.inputs(app, env, wanted) },
        }),
      ),
    );
  }

  /** The only winner's place, after a look at the row and its history. */
  async function winnerOf(app: string, outcomes: readonly Outcome[], version: number): Promise<number> {
    const winners = outcomes.flatMap(({ outs }, index) => (outs ? [index] : []));
    assert.equal(winners.length, 1, JSON.stringify(outcomes));
    const rows = await ground.sql(`SELECT * FROM ${rig.table} WHERE app = '${app}'`);
    assert.equal(rows.length, 1);
    const won = outcomes[winners[0]!]?.outs;
    assert.deepEqual([rows[0]?.move_id, rows[0]?.version], [won?.moveId, String(version)]);
    const moves = await rig.moves(app, ENV);
    assert.deepEqual(
      moves.map((move) => [move.version, move.recorded]),
      Array.from({ length: version }, (_, index) => [version - index, true]),
    );
    assert.equal(moves[0]?.moveId, won?.moveId);
    return winners[0]!;
  }

  it(`are won by one of three first deployments, the tables new or not, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      if (round === ROUNDS - 2) {
        await ground.sql(`DROP TABLE ${rig.table}`);
        await ground.sql(`DROP TABLE ${rig.table}_moves`);
      }
      const app = unique("first");
      const outcomes = await race(["a", "b", "c"].map((letter) => ({ app, wanted: { letter } })));
      const winner = await winnerOf(app, outcomes, 1);
      for (const { error } of outcomes.filter((_, index) => index !== winner))
        assert.match(error ?? "", TAKEN);
    }
  });

  it(`are won by one of two moves of a row, ${2 * ROUNDS} times`, async () => {
    const app = unique("moved");
    let olds = await rig.create(rig.inputs(app, ENV, { letter: "a" }));
    for (let round = 0; round < 2 * ROUNDS; round++) {
      const outcomes = await race(["a", "b"].map((letter) => ({ app, olds, wanted: { letter } })));
      const winner = await winnerOf(app, outcomes, round + 2);
      for (const { error } of outcomes.filter((_, index) => index !== winner))
        assert.match(error ?? "", TAKEN);
      olds = outcomes[winner]?.outs as unknown as State;
    }
  });

  it(`are all done in different environments and apps, ${ROUNDS} times`, async () => {
    const app = unique("many");
    const places = [
      { app, env: "staging" },
      { app, env: "prod" },
      { app: `${app}-2`, env: "prod" },
    ];
    let olds: (State | undefined)[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const letter = ["a", "b", "c"][round % 3] ?? "";
      const outcomes = await race(
        places.map((place, index) => ({ ...place, olds: olds[index], wanted: { letter } })),
      );
      assert.deepEqual(
        outcomes.map(({ error }) => error),
        [undefined, undefined, undefined],
      );
      olds = outcomes.map(({ outs }) => outs as unknown as State);
    }
    for (const { app: name, env } of places) {
      const moves = await rig.moves(name, env);
      assert.deepEqual(
        moves.map(({ version, recorded }) => [version, recorded]),
        Array.from({ length: ROUNDS }, (_, index) => [ROUNDS - index, true]),
      );
    }
  });

  it(`are won by a rollback or by a deployment, never by both, ${ROUNDS} times`, async () => {
    const won = { rollback: 0, deployment: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const app = unique("either");
      const first = await rig.create(rig.inputs(app, ENV, { letter: "a" }));
      const olds = await rig.update(first, rig.inputs(app, ENV, { letter: "b" }));
      const outcomes = await race([
        { app, olds, wanted: { letter: "a", rollbackOf: olds.version } },
        { app, olds, wanted: { letter: "c" } },
      ]);
      const winner = await winnerOf(app, outcomes, 3);
      const { hold } = await rig.live(app, ENV);
      const lost = outcomes[1 - winner]?.error ?? "";
      if (winner === 0) {
        assert.match(hold, /^rolled back from b{12} to a{12}/);
        assert.ok(TAKEN.test(lost) || ON_HOLD.test(lost), lost);
      } else {
        assert.equal(hold, "");
        assert.match(lost, TAKEN);
      }
      won[winner === 0 ? "rollback" : "deployment"]++;
    }
    assert.equal(won.rollback + won.deployment, ROUNDS);
  });
});

/** The decision which releases go: by cases, and by properties over random histories. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decide,
  type Facts,
  type PastMove,
  type Policy,
  type Release,
  type RunUse,
} from "../../providers/retention/plan";

const ROOT = "/Users/someone@acme.com/releases/churn";
const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;
const hash = (n: number) => n.toString(16).padStart(40, "0");
const release = (n: number, writtenAt = 0, more: Partial<Release> = {}): Release => ({
  githash: hash(n),
  path: `${ROOT}/${hash(n)}`,
  writtenAt,
  ...more,
});
const releases = (count: number) => Array.from({ length: count }, (_, n) => release(n));
const row = (n: number, env = "prod", app = "churn") => ({ app, env, releasePath: `${ROOT}/${hash(n)}` });
/** One move an hour, the first `hoursAgo`. */
function moves(hashes: readonly (number | "destroy")[], hoursAgo: number, env = "prod"): PastMove[] {
  return hashes.map((n, index) => ({
    app: "churn",
    env,
    kind: n === "destroy" ? "destroy" : "deploy",
    releasePath: n === "destroy" ? "" : `${ROOT}/${hash(n)}`,
    movedAt: NOW - (hoursAgo - index) * HOUR,
    version: index + 1,
  }));
}
const run = (more: Partial<RunUse>): RunUse => ({
  name: "run 7",
  startedAt: NOW,
  githashes: new Set(),
  dispatches: false,
  ...more,
});
const policy: Policy = { keep: 2, graceHours: 72 };

function plan(list: readonly Release[], facts: Partial<Facts>, rule: Policy = policy): string[] {
  return decide(list, { now: NOW, rows: [], moves: [], runs: [], ...facts }, rule).map(
    ({ action, reason }) => `${action}: ${reason}`,
  );
}

describe("which releases go", () => {
  const history = { rows: [row(3)], moves: moves([0, 1, 2, 3], 200) };

  it("keeps the live one and the last ones of each environment; the rest go", () => {
    assert.deepEqual(plan(releases(4), history), [
      "delete: not live any more",
      "delete: not live any more",
      "keep: among the last 2 of churn/prod",
      "keep: live in churn/prod",
    ]);
    const staging = {
      rows: [...history.rows, row(1, "staging")],
      moves: [...history.moves, ...moves([0, 1], 150, "staging")],
    };
    assert.deepEqual(plan(releases(4), staging).slice(0, 2), [
      "keep: among the last 2 of churn/staging",
      "keep: live in churn/staging",
    ]);
  });

  it("counts a release that was live twice once, by its last time, and only those that exist", () => {
    const again = { rows: [row(3)], moves: moves([0, 1, 0, 3], 200) };
    assert.deepEqual(
      plan([release(0), release(1), release(3)], again).map((line) => line.slice(0, 4)),
      ["keep", "dele", "keep"],
    );
    assert.match(plan([release(1), release(3)], again)[0] ?? "", /^keep: among the last 2/);
  });

  it("takes a path with and without /Workspace for the same", () => {
    const rows = [{ ...row(0), releasePath: `/Workspace${ROOT}/${hash(0)}` }];
    assert.deepEqual(plan([release(0)], { rows }), ["keep: live in churn/prod"]);
  });

  it("holds what was live or written within the grace, an unfinished one too", () => {
    const recent = { rows: [row(3)], moves: moves([0, 1, 2, 3], 72) };
    assert.match(plan(releases(4), recent)[0] ?? "", /^keep: live within the last 72 h/);
    const old = { rows: [row(3)], moves: moves([0, 1, 2, 3], 76) };
    assert.match(plan(releases(4), old)[0] ?? "", /^delete/);
    assert.match(
      plan([release(9, NOW - 71 * HOUR)], history)[0] ?? "",
      /^keep: written within the last 72 h/,
    );
    assert.match(plan([release(9, NOW - 73 * HOUR)], history)[0] ?? "", /^delete: never live/);
    // Deployed again after it had been deleted: the folder is another upload by now.
    assert.match(plan([release(0, NOW - HOUR), release(2), release(3)], history)[0] ?? "", /^keep: written/);
  });

  it("goes on with an interrupted deletion after an hour", () => {
    assert.match(plan([release(9, NOW - 2 * HOUR, { isMarked: true })], history)[0] ?? "", /^delete/);
    assert.match(
      plan([release(9, NOW - HOUR / 2, { isMarked: true })], history)[0] ?? "",
      /within the last 1 h/,
    );
  });

  it("keeps what an active run uses, and what was live when a dispatching run began", () => {
    const [uses] = plan(releases(4), { ...history, runs: [run({ githashes: new Set([hash(0)]) })] });
    assert.equal(uses, "keep: used by run 7");
    // 0 ended 199 hours ago, 1 198 hours ago.
    const dispatching = run({ dispatches: true, startedAt: NOW - 198.5 * HOUR });
    assert.deepEqual(
      plan(releases(2), { ...history, runs: [dispatching] }, { ...policy, keep: 1 }).map((line) =>
        line.slice(0, 4),
      ),
      ["dele", "keep"],
    );
    const early = plan(releases(4), { ...history, runs: [run({ dispatches: true, startedAt: 0 })] });
    assert.ok(
      early.every((line) => line.startsWith("keep")),
      early.join("\n"),
    );
    const never = plan([release(9)], { ...history, runs: [run({ dispatches: true, startedAt: 0 })] });
    assert.match(never[0] ?? "", /^delete/, "what was never live cannot be dispatched");
  });

  it("spares what was live until the move that has just been done", () => {
    const rule = { keep: 1, graceHours: 0, replaced: `${ROOT}/${hash(2)}` };
    assert.deepEqual(
      plan(releases(4), history, rule).map((line) => line.slice(0, 4)),
      ["dele", "dele", "keep", "keep"],
    );
  });

  it("at a destroy: no last ones and no grace for what is gone; all that the others need stays", () => {
    const gone = { app: "churn", env: "prod" };
    const destroyed = moves([0, 1, "destroy"], 3);
    assert.deepEqual(
      plan([release(0), release(1), release(9, NOW)], { moves: destroyed }, { ...policy, gone }),
      ["delete: not live any more", "delete: not live any more", "delete: never live"],
    );
    const others = { rows: [row(2, "staging")], moves: [...destroyed, ...moves([1, 2], 90, "staging")] };
    assert.deepEqual(
      plan([release(0), release(1), release(2), release(9, NOW)], others, {
        ...policy,
        gone,
        own: release(1).path,
      }),
      [
        "delete: not live any more",
        "keep: among the last 2 of churn/staging",
        "keep: live in churn/staging",
        "keep: written within the last 72 h",
      ],
    );
    const busy = { moves: destroyed, runs: [run({ githashes: new Set([hash(0)]) })] };
    assert.deepEqual(plan([release(0)], busy, { ...policy, gone }), ["keep: used by run 7"]);
  });

  it("takes an environment that was destroyed for one that needs nothing, and a row removed by hand for no destroy", () => {
    const destroyed = {
      rows: [row(2, "staging")],
      moves: [...moves([0, "destroy"], 3), ...moves([2], 2, "staging")],
    };
    assert.match(plan([release(0), release(2)], destroyed)[0] ?? "", /^delete/);
    const removed = { rows: [row(2, "staging")], moves: [...moves([0], 300), ...moves([2], 2, "staging")] };
    assert.match(plan([release(0), release(2)], removed)[0] ?? "", /^keep: among the last 2 of churn\/prod/);
  });
});

/** A random history as the registry writes it, with whatever else may lie in the root. */
const arbitrary = fc
  .record({
    lines: fc.array(
      fc.record({
        env: fc.constantFrom("staging", "prod", "test"),
        n: fc.option(fc.nat(7), { freq: 6, nil: "destroy" as const }),
        after: fc.integer({ min: 1, max: 30 * HOUR }),
      }),
      { maxLength: 25 },
    ),
    unlisted: fc.array(fc.nat(9), { maxLength: 3 }),
    written: fc.array(fc.integer({ min: 0, max: 200 * HOUR }), { minLength: 10, maxLength: 10 }),
    runs: fc.array(
      fc.record({
        startedAgo: fc.integer({ min: 0, max: 300 * HOUR }),
        uses: fc.array(fc.nat(9), { maxLength: 2 }),
        dispatches: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
    keep: fc.integer({ min: 1, max: 4 }),
    graceHours: fc.constantFrom(0, 1, 72),
    destroying: fc.boolean(),
  })
  .map(({ lines, written, runs, keep, graceHours, unlisted, destroying }) => {
    let at = NOW - lines.reduce((sum, { after }) => sum + after, 0);
    const history: PastMove[] = [];
    const live = new Map<string, number>();
    for (const { env, n, after } of lines) {
      if (n === "destroy" && !live.has(env)) continue;
      if (n === "destroy") live.delete(env);
      else live.set(env, n);
      const path = n === "destroy" ? "" : release(n).path;
      const kind = n === "destroy" ? "destroy" : "deploy";
      history.push({
        app: "churn",
        env,
        kind,
        releasePath: path,
        movedAt: (at += after),
        version: history.length + 1,
      });
    }
    const rows = [...live].map(([env, n]) => row(n, env));
    const facts: Facts = {
      now: NOW,
      rows,
      moves: history.filter((_, index) => !unlisted.includes(index)),
      runs: runs.map(({ startedAgo, uses, dispatches }, index) => ({
        name: `run ${index}`,
        startedAt: NOW - startedAgo,
        githashes: new Set(uses.map(hash)),
        dispatches,
      })),
    };
    const gone = destroying && !live.has("test") ? { gone: { app: "churn", env: "test" } } : {};
    const list = written.map((ago, n) => release(n, NOW - ago));
    return { list, facts, rule: { keep, graceHours, ...gone } satisfies Policy, history };
  });

describe("whatever the history,", () => {
  const never = (
    why: string,
    check: (given: {
      list: Release[];
      facts: Facts;
      rule: Policy;
      deleted: Release[];
      history: PastMove[];
    }) => void,
  ) =>
    it(`never deletes ${why}`, () => {
      fc.assert(
        fc.property(arbitrary, ({ list, facts, rule, history }) => {
          const deleted = decide(list, facts, rule).flatMap(({ action, release: one }) =>
            action === "delete" ? [one] : [],
          );
          check({ list, facts, rule, deleted, history });
        }),
        { numRuns: 500 },
      );
    });

  never("what a row names", ({ facts, deleted }) => {
    for (const { path } of deleted) assert.ok(!facts.rows.some(({ releasePath }) => releasePath === path));
  });

  never("the last `keep` of an environment that has a row", ({ facts, deleted, rule }) => {
    for (const { app, env, releasePath } of facts.rows) {
      const latest = [releasePath];
      for (const move of [...facts.moves].sort((a, b) => b.movedAt - a.movedAt)) {
        if (move.app === app && move.env === env && move.releasePath && !latest.includes(move.releasePath))
          latest.push(move.releasePath);
      }
      for (const { path } of deleted)
        assert.ok(!latest.slice(0, rule.keep).includes(path), `${env} needs ${path}`);
    }
  });

  never("what an active run uses, or may have been told to use", ({ facts, deleted }) => {
    for (const { githash, path } of deleted) {
      for (const { githashes, dispatches, startedAt } of facts.runs) {
        assert.ok(!githashes.has(githash));
        if (!dispatches) continue;
        // Live at some time after the run began: the first move after that, in its environment, ended it then.
        for (const move of facts.moves.filter(({ releasePath }) => releasePath === path)) {
          const next = Math.min(
            ...facts.moves.flatMap(({ env, movedAt }) =>
              env === move.env && movedAt > move.movedAt ? [movedAt] : [],
            ),
          );
          assert.ok(next <= startedAt, `${path} was live until ${next}, a run began at ${startedAt}`);
        }
      }
    }
  });

  never("what was live or written within the grace, but at a destroy", ({ facts, deleted, rule }) => {
    if (rule.gone) return;
    for (const { path, writtenAt } of deleted) {
      assert.ok(NOW - writtenAt >= rule.graceHours * HOUR);
      for (const { app, env } of facts.rows) {
        const own = facts.moves
          .filter((move) => move.app === app && move.env === env)
          .sort((a, b) => a.movedAt - b.movedAt);
        own.forEach((move, index) => {
          if (move.releasePath !== path) return;
          const ended = own[index + 1]?.movedAt ?? NOW;
          assert.ok(NOW - ended >= rule.graceHours * HOUR, `${path} was live until ${ended}`);
        });
      }
    }
  });

  it("deletes at least what nothing protects", () => {
    fc.assert(
      fc.property(arbitrary, ({ list, facts }) => {
        const calm = { ...facts, runs: [] };
        const kept = decide(list, calm, { keep: 1, graceHours: 0 }).filter(({ action }) => action === "keep");
        const envs = new Set(facts.moves.map(({ env }) => env));
        assert.ok(kept.length <= envs.size + facts.rows.length);
      }),
    );
  });
});

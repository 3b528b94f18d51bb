/** The commands that look, on what the real `pulumi up` made. */
import assert from "node:assert/strict";
import type { HistoryEntry } from "../../cli/history";
import type { StatusEntry } from "../../cli/status";
import { failing } from "../scenarios/example";
import { Scenario } from "../scenarios/scenario";
import { ok } from "../support/pulumi";
import { releases } from "./cli";

describe("the commands on a deployed stack", function () {
  this.timeout(300_000);
  let scenario: Scenario;

  before(async () => {
    scenario = await Scenario.start("lookedat", { config: { deployNote: "first of all" } });
  });
  after(() => scenario?.dispose());

  const json = async <T>(...args: string[]): Promise<T> => {
    const run = await releases([...args, "--json"], { stack: scenario.stack });
    assert.equal(run.code, 0, run.stderr);
    return JSON.parse(run.stdout) as T;
  };

  it("tell what is live and how it came to be, and what the next one would change", async () => {
    const { repository, stack, workspace } = scenario;
    const first = repository.git("rev-parse", "HEAD");
    ok(await stack.up());
    const second = repository.commit({ "notebooks/tests/test_two.py": failing("no") }, "break it");

    const { environments } = await json<{ environments: StatusEntry[] }>("status");
    assert.equal(environments.length, 1);
    const [{ live, problem, host, env } = {} as StatusEntry] = environments;
    assert.deepEqual([env, host, problem], ["test", workspace.host, ""]);
    assert.deepEqual(
      [live?.githash, live?.subject, live?.by, live?.note, live?.hold, live?.tests, live?.release],
      [
        first,
        "first",
        "admin@local.workspace",
        "first of all",
        "",
        { passed: 2, failed: 0 },
        { state: "intact", differences: [] },
      ],
    );
    const { deploymentUrl } = await stack.outputs();
    assert.equal(live?.deploymentUrl, deploymentUrl);

    const { entries } = await json<{ entries: HistoryEntry[] }>("history", "--stack", "test");
    assert.deepEqual(
      entries.map(({ kind, moved, from, to, result, tests }) => ({ kind, moved, from, to, result, tests })),
      [{ kind: "deploy", moved: true, from: "", to: first, result: "live", tests: { passed: 2, failed: 0 } }],
    );

    const changes = await json("diff", "test", second, "--stack", "test");
    assert.deepEqual(changes, {
      app: "lookedat",
      from: { githash: first, name: "live in test", subject: "first" },
      to: { githash: second, name: second.slice(0, 12), subject: "break it" },
      added: [],
      changed: ["tests/test_two"],
      removed: [],
    });
    const text = await releases(["diff", "test", "main", "--content", "--stack", "test"], { stack });
    assert.match(text.stdout, /^ {2}~ tests\/test_two\n0 added, 1 changed, 0 removed$/m);
    assert.match(text.stdout, /^\+raise AssertionError\("no"\)$/m);
    assert.equal(text.code, 0);
  });
});

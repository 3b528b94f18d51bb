/** Somebody else moves the registry's row, and this stack, which does not know, wants to move it as well. */
import assert from "node:assert/strict";
import { failed, ok } from "../support/pulumi";
import { score } from "./example";
import { Scenario } from "./scenario";

describe("a row that somebody else moved", function () {
  this.timeout(120_000);
  let scenario: Scenario;
  let first: string;

  before(async () => {
    scenario = await Scenario.start("conflict");
    first = scenario.repository.git("rev-parse", "HEAD");
    ok(await scenario.stack.up());
  });
  after(() => scenario?.dispose());

  it("makes an up with a new commit fail, saying who, when, from what to what; their release stays live", async () => {
    await scenario.sql(
      `UPDATE ${scenario.table} SET githash = '${"e".repeat(40)}', previous_githash = '${first}', version = 2,
         move_id = 'theirs', deployed_by = 'eve@example.com', deployed_at = TIMESTAMP '2026-01-02 03:04:05'
       WHERE app = 'conflict' AND env = 'test'`,
    );
    const before = await scenario.live();
    const commit = scenario.repository.commit({ "notebooks/pipeline/score.py": score("v2") });
    const output = failed(await scenario.stack.up());
    const told = output.slice(output.indexOf("Diagnostics:"));
    assert.match(told, /conflict\/test in main\.conflict\.registry was moved by somebody else/);
    assert.match(told, /eve@example\.com at 2026-01-02T03:04:05/);
    assert.match(told, new RegExp(`from ${first.slice(0, 12)} to e{12}`));
    assert.match(told, /pulumi refresh/);
    assert.deepEqual(await scenario.live(), before);
    const outputs = await scenario.gateRuns(commit);
    assert.equal(outputs.length, 1, "its tests had run");
  });

  it("after a refresh it is a person's decision, and up moves it", async () => {
    const refreshed = ok(await scenario.stack.refresh()).output;
    assert.match(refreshed, /moved by eve@example\.com/);
    ok(await scenario.stack.up());
    const row = await scenario.row();
    assert.deepEqual(
      [row.githash, row.previous_githash, row.version],
      [scenario.repository.git("rev-parse", "HEAD"), "e".repeat(40), "3"],
    );
    assert.equal(await scenario.runJob("dispatch"), `v2 ${row.githash}`);
  });
});

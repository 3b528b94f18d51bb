/** A host that is down is said soon, whatever else a deployment would have done. */
// @alone ten seconds are the limit, and most of them are the engine's start and the client's pauses.
import assert from "node:assert/strict";
import { startLocalWorkspace } from "../support/localWorkspace";
import { exampleRepository } from "./example";
import { onlyError } from "./refusal";
import { Scenario } from "./scenario";

describe("a host that is down", function () {
  this.timeout(120_000);

  it("is said within 10 seconds, by its address", async () => {
    const workspace = await startLocalWorkspace({ engines: false });
    await workspace.stop();
    const scenario = new Scenario("hostdown", workspace, exampleRepository(), {
      config: { registry: { warehouse: "1234567890abcdef", table: "main.hostdown.registry" } },
    });
    try {
      const started = Date.now();
      const run = await scenario.stack.up();
      const seconds = (Date.now() - started) / 1000;
      const error = await onlyError(scenario.stack, run);
      assert.ok(error.includes(`${workspace.host} did not answer`), error);
      assert.match(error, /DATABRICKS_HOST/);
      assert.ok(seconds < 10, `it took ${seconds} s`);
    } finally {
      scenario.dispose();
    }
  });
});

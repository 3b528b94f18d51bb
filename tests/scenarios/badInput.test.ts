/** Bad input: one clear error each, and nothing half done: no request that changes anything, nothing in the state. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { temporaryFolder } from "../source/support";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { failed, ok } from "../support/pulumi";
import { onlyError } from "./refusal";
import { credentials, mutating, Scenario } from "./scenario";

describe("bad input", function () {
  this.timeout(120_000);
  let scenario: Scenario;

  before(async () => {
    scenario = await Scenario.start("badinput");
  });
  after(() => scenario?.dispose());

  /** The one error of an `up` with these settings, after a look that nothing was done. */
  async function refused(settings: Readonly<Record<string, unknown>>): Promise<string> {
    scenario.configure(settings);
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up());
    assert.deepEqual(mutating(requests), []);
    return onlyError(scenario.stack, result);
  }

  const source = (changes: object) => ({
    source: { repository: scenario.repository.directory, ref: "main", path: "notebooks", ...changes },
  });

  it("an unknown ref", async () => {
    const error = await refused(source({ ref: "no-such-branch" }));
    assert.match(error, /no-such-branch/);
    assert.ok(error.includes(scenario.repository.directory), error);
  });

  it("a repository that cannot be reached: a folder that is none, a host that refuses", async () => {
    const nowhere = temporaryFolder();
    rmSync(nowhere, { recursive: true });
    const error = await refused(source({ repository: nowhere }));
    assert.ok(error.includes(nowhere), error);
    const address = `http://127.0.0.1:${await freePort()}/acme/churn.git`;
    const remote = await refused(source({ repository: address }));
    assert.ok(remote.includes(address), remote);
  });

  it("a path without notebooks, and one that does not exist", async () => {
    assert.match(await refused(source({ path: "notebooks/lib" })), /no notebook in notebooks\/lib/);
    assert.match(await refused(source({ path: "nowhere" })), /nowhere/);
  });

  it("an unknown key, a wrong type and a missing value, all at once", async () => {
    const error = await refused({
      gat: { tests: ["tests/**"] },
      gate: { tests: ["tests/**"], timeoutSeconds: "soon", parralel: 3 },
      registry: { table: "main.badinput.registry" },
    });
    assert.match(error, /has 4 problems; nothing was changed/);
    assert.match(error, /gat: unknown key; did you mean gate\?/);
    assert.match(error, /gate\.timeoutSeconds is "soon"; expected number/);
    assert.match(error, /gate\.parralel: unknown key; did you mean parallel\?/);
    assert.match(error, /registry\.warehouse is missing/);
  });

  it("databricks:token in the stack's configuration", async () => {
    const error = await refused({ "databricks:token": "dapi-not-to-be-shown" });
    assert.match(error, /databricks:token: must not be in the stack's configuration/);
    assert.match(error, /DATABRICKS_TOKEN/);
    assert.doesNotMatch(error, /dapi-not-to-be-shown/);
  });

  it("a glob of gate.tests that matches nothing", async () => {
    const error = await refused({ gate: { tests: ["tests/**", "checks/**"] } });
    assert.match(error, /gate\.tests: "checks\/\*\*" matches no notebook/);
  });

  it("a wrong token", async () => {
    scenario.configure();
    const { env } = scenario.stack;
    scenario.stack.env = { ...env, DATABRICKS_TOKEN: "dapi-of-somebody-else" };
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up());
    scenario.stack.env = env;
    assert.deepEqual(mutating(requests), []);
    const error = await onlyError(scenario.stack, result);
    assert.match(error, /refused the credentials/);
    assert.match(error, /DATABRICKS_TOKEN/);
    assert.doesNotMatch(result.output, /dapi-of-somebody-else/);
  });
});

describe("credentials of another workspace", function () {
  this.timeout(120_000);
  let scenario: Scenario;
  let other: LocalWorkspace;

  before(async () => {
    scenario = await Scenario.start("elsewhere");
    ok(await scenario.stack.up());
    other = await startLocalWorkspace({ engines: false });
  });
  after(async () => {
    scenario?.dispose();
    await other?.stop();
  });

  /** With the other workspace's address and token, or with its token at the stack's own address. */
  const ways = [
    {
      way: "its address and token",
      environment: () => credentials(other),
      commands: ["preview", "up", "refresh", "destroy"],
    },
    {
      way: "its token at this stack's address",
      environment: () => ({ DATABRICKS_TOKEN: other.token }),
      commands: ["refresh", "destroy"],
    },
  ] as const;
  for (const { way, environment, commands } of ways) {
    for (const command of commands) {
      it(`${command} refuses ${way}, and changes nothing there, here or in the state`, async () => {
        const { env } = scenario.stack;
        const [state, live] = [await knownResources(), await scenario.live()];
        await other.ok("DELETE", "/__workspace/requests");
        scenario.stack.env = { ...env, ...environment() };
        const { result, requests } = await scenario.requestsOf(() => scenario.stack[command]());
        scenario.stack.env = env;
        const output = failed(result);
        assert.match(
          output,
          /Nothing was changed|refused the credentials|Invalid access token|workspace_id mismatch/,
        );
        assert.doesNotMatch(output, /\n\s+at .*:\d+:\d+/, "no stack trace");
        assert.doesNotMatch(output, /Error: |: $/m, "no error is told twice");
        assert.deepEqual(mutating(requests), [], output);
        assert.deepEqual(mutating((await other.ok("GET", "/__workspace/requests")).requests), [], output);
        assert.deepEqual(await knownResources(), state, output);
        assert.deepEqual(await scenario.live(), live);
      });
    }
  }

  it("and with its own again, nothing has changed", async () => {
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  /** What the state knows of each resource; the engine writes their order and times anew. */
  async function knownResources() {
    const resources = await scenario.stack.resources();
    return Object.fromEntries(
      resources.map(({ urn, id, inputs, outputs }) => [urn, { id, inputs, outputs }]),
    );
  }
});

/** A port that nothing listens on. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

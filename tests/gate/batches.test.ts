/** Many tests: batches of at most 100 tasks, and how much quicker they are at once. */
// @alone the time of one run is held against another's.
import assert from "node:assert/strict";
import { Client } from "../../databricks/client";
import { execute } from "../../providers/gate/execute";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

/** The local workspace's own limit is made from the machine's cores; here it is the gate's that is looked at. */
const SLOTS = "16";

describe("a gate of many tests", function () {
  this.timeout(300_000);
  let workspace: LocalWorkspace;
  let client: Client;
  const restore = process.env.NOTEBOOK_RELEASES_MAX_NOTEBOOKS;
  const write = Object.getOwnPropertyDescriptor(process.stderr, "write");

  before(async () => {
    process.env.NOTEBOOK_RELEASES_MAX_NOTEBOOKS = SLOTS;
    process.stderr.write = () => true;
    workspace = await startLocalWorkspace({ engines: false });
    const { host, token } = workspace;
    client = new Client({ host, credentials: () => ({ kind: "token", token }) });
  });
  after(async () => {
    if (write) Object.defineProperty(process.stderr, "write", write);
    else Reflect.deleteProperty(process.stderr, "write");
    if (restore === undefined) delete process.env.NOTEBOOK_RELEASES_MAX_NOTEBOOKS;
    else process.env.NOTEBOOK_RELEASES_MAX_NOTEBOOKS = restore;
    await client?.close();
    await workspace?.stop();
  });

  /** Runs `count` tests of this code; answers the outcomes and the seconds that it took. */
  async function run(count: number, parallel: number, code: string) {
    const releasePath = `/Shared/${count}-${parallel}`;
    const tests = Array.from({ length: count }, (_, at) => ({ notebook: `t${at}`, name: `t${at}` }));
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: releasePath });
    for (const { notebook } of tests) {
      await workspace.ok("POST", "/api/2.0/workspace/import", {
        ...{ path: `${releasePath}/${notebook}`, format: "SOURCE", language: "PYTHON" },
        content: Buffer.from(`# Databricks notebook source\n${code}`).toString("base64"),
      });
    }
    await workspace.ok("DELETE", "/__workspace/requests");
    const started = Date.now();
    const { outcomes } = await execute(
      client,
      tests,
      {
        ...{ name: "many", deploymentId: releasePath, releasePath, artifacts: [], parameters: {} },
        settings: { timeoutSeconds: 60, retries: 0, parallel, parameters: {}, compute: {} },
      },
      { started: async () => undefined, interrupted: async () => undefined },
    );
    const seconds = (Date.now() - started) / 1000;
    const { runs } = await workspace.ok("GET", "/api/2.2/jobs/runs/list?expand_tasks=true");
    return { outcomes, seconds, runs: runs as { start_time: number; tasks: Task[] }[] };
  }
  interface Task {
    readonly start_time: number;
    readonly execution_duration: number;
    readonly end_time: number;
    readonly task_key: string;
  }

  it("of 120 tests runs each once, in two runs, never more at a time than parallel says", async () => {
    const { outcomes, runs } = await run(120, 6, "import time\ntime.sleep(0.1)");
    assert.equal(outcomes.length, 120);
    assert.deepEqual(
      outcomes.filter(({ passed, attempts }) => !passed || attempts !== 1),
      [],
    );
    const ours = runs.slice(0, 2).map(({ tasks }) => tasks);
    assert.deepEqual(
      ours.map(({ length }) => length).sort((a, b) => a - b),
      [20, 100],
    );
    assert.ok(mostAtOnce(ours.flat()) <= 6, `${mostAtOnce(ours.flat())} at once`);
    assert.ok(mostAtOnce(ours.flat()) >= 4, "both runs at the same time");
  });

  it("of 16 that sleep 2 s, is at least 4 times as quick with 8 at once as with one", async () => {
    const sleeping = "import time\ntime.sleep(2)";
    const together = await run(16, 8, sleeping);
    const alone = await run(16, 1, sleeping);
    for (const { outcomes } of [together, alone]) {
      assert.equal(outcomes.filter(({ passed }) => passed).length, 16);
    }
    assert.ok(
      alone.seconds / together.seconds >= 4,
      `${alone.seconds.toFixed(1)} s against ${together.seconds.toFixed(1)} s`,
    );
  });
});

/** How many notebooks ran at the same moment. */
function mostAtOnce(tasks: readonly { end_time: number; execution_duration: number }[]): number {
  const events = tasks.flatMap(({ end_time, execution_duration }) => [
    { at: end_time - execution_duration, change: 1 },
    { at: end_time, change: -1 },
  ]);
  events.sort((a, b) => a.at - b.at || a.change - b.change);
  let [now, most] = [0, 0];
  for (const { change } of events) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

/** Collecting on the local workspace: what is read, in which order it is deleted, and what happens where something fails. */
import assert from "node:assert/strict";
import type { Client } from "../../databricks/client";
import { until } from "../../providers/retention/deadline";
import { Ground } from "../conformance/providers/ground";
import { fails, Resource } from "../conformance/providers/engine";
import { releaseCase } from "../conformance/providers/release";
import { DELETE, hash, RetentionRig } from "./rig";

const STATEMENTS = "POST /api/2.0/sql/statements";
const RUNS = "GET /api/2.2/jobs/runs/list";
const MARK = "POST /api/2.0/workspace/import";

describe("collecting releases", function () {
  this.timeout(60_000);
  let ground: Ground;
  let rig: RetentionRig;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  beforeEach(async () => {
    rig = await RetentionRig.on(ground);
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  it("deletes what the rule says, and touches nothing that is not called like a commit", async () => {
    await Promise.all([1, 2, 3].map((n) => rig.release(n)));
    await rig.release(4, { finished: false });
    for (const name of ["trigger folder", hash(5).slice(1), `${hash(6)}0`]) {
      await ground.workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${rig.root}/${name}` });
    }
    await rig.moved([1, 2, 3], 5);
    assert.deepEqual(await rig.outcomes({}, { dryRun: true }), {
      1: "would delete",
      2: "would delete",
      3: "kept",
      4: "would delete",
    });
    assert.equal((await rig.names()).length, 7, "a dry run changes nothing");
    assert.deepEqual(await rig.outcomes(), { 1: "deleted", 2: "deleted", 3: "kept", 4: "deleted" });
    assert.deepEqual(
      await rig.names(),
      [`.registry.${rig.table}`, hash(3), hash(5).slice(1), `${hash(6)}0`, "trigger folder"].sort(),
    );
  });

  it("holds what was written lately, unless it has no grace; what has no time counts from when it was first seen", async () => {
    await Promise.all([rig.release(1), rig.release(2), rig.release(4, { finished: false })]);
    await rig.moved([1, 2], 500);
    assert.deepEqual(await rig.outcomes({ graceHours: 1 }), { 1: "kept", 2: "kept", 4: "kept" });
    // The folder of a notebook alone has no time of its own.
    const note = (await rig.names()).find((name) => name.startsWith(`.seen.${hash(4)}.`));
    assert.ok(note, (await rig.names()).join(", "));
    const at = Number(note.split(".").at(-1));
    assert.ok(Date.now() - at < 60_000);
    await ground.workspace.ok("POST", "/api/2.0/workspace/delete", { path: `${rig.root}/${note}` });
    const earlier = `.seen.${hash(4)}.${at - 2 * 3_600_000}`;
    await ground.workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${rig.root}/${earlier}` });
    assert.deepEqual(await rig.outcomes({ graceHours: 1 }), { 1: "kept", 2: "kept", 4: "deleted" });
    assert.deepEqual(
      await rig.names(),
      [`.registry.${rig.table}`, hash(1), hash(2)],
      "the note went with it",
    );
  });

  it("asks for one listing, one list of runs and one statement where there is nothing to delete", async () => {
    await Promise.all([1, 2].map((n) => rig.release(n)));
    await rig.moved([1, 2], 500);
    await rig.collect({ keep: 2 });
    const requests = await ground.requestsOf(() => rig.collect({ keep: 2 }));
    assert.deepEqual(requests.sort(), ["GET /api/2.0/workspace/list", RUNS, STATEMENTS].sort());
    const first = await ground.requestsOf(() =>
      rig.collect({ replaced: rig.path(1) }, { live: rig.path(2) }),
    );
    assert.deepEqual(
      first,
      ["GET /api/2.0/workspace/list"],
      "only what is live and what was: nobody is asked",
    );
  });

  it("asks for the registry and the runs again right before each deletion", async () => {
    await Promise.all([1, 2, 3].map((n) => rig.release(n)));
    await rig.moved([1, 2, 3], 5);
    const requests = await ground.requestsOf(() => rig.collect());
    const asked = requests.filter((request) => [DELETE, RUNS, STATEMENTS, MARK].includes(request));
    // First for all of them; then, for each: the mark, fresh facts (two lists of runs), the deletion.
    assert.equal(asked.filter((request) => request === STATEMENTS).length, 3);
    assert.equal(asked.filter((request) => request === RUNS).length, 5);
    const order = asked.filter((request) => request !== RUNS);
    assert.deepEqual(order, [STATEMENTS, MARK, STATEMENTS, DELETE, MARK, STATEMENTS, DELETE]);
  });

  it("leaves a release as it was that goes live while it is about to be deleted", async () => {
    await Promise.all([1, 2].map((n) => rig.release(n)));
    await rig.moved([1, 2], 5);
    const before = await rig.manifest(1);
    // Somebody moves a row to it at the very moment when it is to be marked.
    const { client } = rig;
    rig.client = Object.create(client) as Client;
    let moved = 0;
    rig.client.exchange = async (method, path, options) => {
      if (`${method} ${path}` === MARK && moved++ === 0) await rig.live(1, "staging");
      return client.exchange(method, path, options);
    };
    assert.deepEqual(await rig.outcomes(), { 1: "kept", 2: "kept" });
    assert.equal(moved, 2, "the mark, and the manifest put back");
    assert.deepEqual(await rig.manifest(1), before);
  });

  describe("deletes nothing where it cannot be sure:", () => {
    beforeEach(async () => {
      await Promise.all([1, 2].map((n) => rig.release(n)));
    });
    const nothingGone = async () => {
      assert.ok((await rig.exists(1)) && (await rig.exists(2)));
      assert.ok((await rig.manifest(1))?.files && (await rig.manifest(2))?.files, "no mark is left");
    };

    it("the registry cannot be read", async () => {
      await rig.moved([1, 2], 5);
      await ground.fault({ match: STATEMENTS, status: 400, times: 0 });
      await fails(rig.collect(), /HTTP 400/);
      await nothingGone();
    });

    it("the registry cannot be read any more when it comes to deleting", async () => {
      await rig.moved([1, 2], 5);
      await ground.fault({ match: STATEMENTS, status: 400, after: 1, times: 0 });
      const [first] = await rig.collect();
      assert.equal(first?.outcome, "failed");
      assert.match(first?.reason ?? "", /HTTP 400/);
      await ground.clearFaults();
      await nothingGone();
    });

    it("the runs cannot be read", async () => {
      await rig.moved([1, 2], 5);
      await ground.fault({ match: RUNS, status: 403, times: 0 });
      await fails(rig.collect(), /HTTP 403/);
      await nothingGone();
    });

    it("the table is missing, or never heard of this environment", async () => {
      await fails(rig.collect(), /has no release of .*\/prod under .* Nothing was deleted/s);
      Object.assign(rig, { table: "retention.of_somebody_else" });
      await fails(rig.collect(), /TABLE_OR_VIEW_NOT_FOUND/);
      await nothingGone();
    });

    it("another registry has releases there too", async () => {
      await rig.moved([1, 2], 5);
      await ground.workspace.ok("POST", "/api/2.0/workspace/mkdirs", {
        path: `${rig.root}/.registry.main.other.registry`,
      });
      await fails(rig.collect(), /main\.other\.registry.*Nothing was deleted.*same registry\.table/s);
      await nothingGone();
    });
  });

  for (const [what, rule] of [
    ["is refused", { match: DELETE, status: 403, times: 0 }],
    ["finds no server", { match: DELETE, status: 503, retryAfter: 1, times: 0 }],
  ] as const) {
    it(`goes on where one deletion ${what}; no broken release looks complete; the next collection finishes`, async () => {
      await Promise.all([1, 2, 3].map((n) => rig.release(n)));
      await rig.moved([1, 2, 3], 5);
      await ground.fault(rule);
      const outcomes = await rig.outcomes({}, { limitMs: 12_000 });
      assert.equal(outcomes[1], "failed");
      assert.notEqual(outcomes[2], "deleted");
      await ground.clearFaults();
      assert.equal((await rig.manifest(1))?.deleting, true);
      assert.ok(await rig.exists(1));
      assert.deepEqual(await rig.outcomes(), { 1: "deleted", 2: "deleted", 3: "kept" });
    });
  }

  it("leaves the rest for the next time where its time is up", async () => {
    await Promise.all([1, 2, 3].map((n) => rig.release(n)));
    await rig.moved([1, 2, 3], 5);
    await ground.fault({ match: DELETE, latencyMs: 12_000, times: 1 });
    const started = Date.now();
    const outcomes = await rig.collect({}, { limitMs: 4000 });
    assert.ok(Date.now() - started < 10_000);
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ["failed", "left", "kept"],
    );
    assert.match(outcomes[1]?.reason ?? "", /next collection/);
    const late = until(rig.client, Date.now() - 1);
    await fails(late.call("GET", "/api/2.0/workspace/list", { query: { path: rig.root } }), /did not answer/);
  });

  it("keeps what a job points to, though no row and no run names it; the job's own, once it follows, may go", async () => {
    await Promise.all([1, 2, 3].map((n) => rig.release(n)));
    await rig.moved([1, 2, 3], 5);
    const task = (n: number) => ({
      ...{ task_key: "main", notebook_task: { notebook_path: `/Workspace${rig.path(n)}/score` } },
    });
    const settings = { name: "weekly", tasks: [task(1)] };
    const { job_id } = await ground.workspace.ok("POST", "/api/2.2/jobs/create", settings);
    const before = await rig.manifest(1);
    const [first, ...others] = await rig.collect();
    assert.deepEqual([first?.outcome, first?.reason], ["kept", `used by job ${job_id} (weekly)`]);
    assert.deepEqual(
      others.map(({ outcome }) => outcome),
      ["deleted", "kept"],
    );
    assert.deepEqual(await rig.manifest(1), before);
    await ground.workspace.ok("POST", "/api/2.2/jobs/reset", {
      ...{ job_id, new_settings: { ...settings, tasks: [task(3)] } },
    });
    assert.deepEqual(await rig.outcomes(), { 1: "deleted", 3: "kept" });
  });

  it("asks for the runs when the registry has answered: one that begins meanwhile is told something newer", async () => {
    await Promise.all([rig.release(1), rig.release(2)]);
    await rig.moved([1, 2], 5);
    const { client } = rig;
    const events: string[] = [];
    rig.client = Object.create(client) as Client;
    rig.client.exchange = async (method, path, options) => {
      events.push(`${method} ${path}`);
      const answer = await client.exchange<never>(method, path, options);
      events.push(`answer of ${method} ${path}`);
      return answer;
    };
    assert.deepEqual(await rig.outcomes({}, { dryRun: true }), { 1: "would delete", 2: "kept" });
    const answered = events.indexOf(`answer of ${STATEMENTS}`);
    assert.ok(answered >= 0 && answered < events.indexOf(RUNS), events.join("\n"));
  });

  it("a release whose deletion broke off is none: a deployment of it sends everything again", async () => {
    const inputs = await releaseCase.inputs(ground);
    await new Resource("ReleaseDirectory").up(inputs);
    const manifest = Buffer.from(JSON.stringify({ deleting: true })).toString("base64");
    const path = `${inputs.path}/.release.json`;
    await ground.workspace.ok("POST", "/api/2.0/workspace/import", {
      path,
      content: manifest,
      format: "RAW",
      overwrite: true,
    });
    await ground.workspace.ok("POST", "/api/2.0/workspace/delete", { path: `${inputs.path}/pipeline/score` });
    const resource = new Resource("ReleaseDirectory");
    await resource.up(inputs);
    assert.equal(await resource.refresh(), true);
    assert.deepEqual(resource.outs.drift, []);
  });

  it("a stack that is destroyed leaves its release where another registry may have it live, and says so", async () => {
    const inputs = await releaseCase.inputs(ground);
    const resource = new Resource("ReleaseDirectory");
    await resource.up(inputs);
    const root = (inputs.path as string).replace(/\/[^/]+$/, "");
    const note = { path: `${root}/.registry.main.other.registry` };
    await ground.workspace.ok("POST", "/api/2.0/workspace/mkdirs", note);
    await resource.delete();
    assert.ok(await releaseCase.exists?.(ground, resource.outs));
    assert.match(
      ground.said.join(""),
      new RegExp(`warning: ${inputs.path} stays: .*main\\.other\\.registry`),
    );
    await ground.workspace.ok("POST", "/api/2.0/workspace/delete", note);
    await resource.delete();
    assert.ok(!(await releaseCase.exists?.(ground, resource.outs)));
  });

  it("at a destroy, takes its note of the registry along with the last release", async () => {
    await Promise.all([1, 2].map((n) => rig.release(n)));
    await rig.release(9, { finished: false });
    await rig.moved([1, 2], 5);
    await rig.collect({ keep: 5, graceHours: 72 });
    await rig.moved([1, 2, "destroy"], 5);
    const gone = { app: rig.app, env: "prod" };
    assert.deepEqual(await rig.outcomes({ keep: 5, graceHours: 72, gone, own: rig.path(2) }), {
      1: "deleted",
      2: "deleted",
      9: "deleted",
    });
    assert.deepEqual(await rig.names(), []);
  });
});

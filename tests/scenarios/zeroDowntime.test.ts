/**
 * Jobs run without pause while releases are moved to and fro, and old ones are collected at once: every run ends well,
 * runs one release's code from start to end, and the dispatching ones a release that was live when they asked.
 *
 * Most moves are made by the providers themselves, as an `up` calls them. `NOTEBOOK_RELEASES_ZERO_DOWNTIME_UPS=20 npm test
 * -- tests/scenarios/zeroDowntime.test.ts` makes 20 by whole `up`s, in a few minutes.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jobMarks } from "../../components/job";
import { Client } from "../../databricks/client";
import { collect } from "../../providers/retention/collect";
import { readSource } from "../../source";
import { Resource, type Values } from "../conformance/providers/engine";
import { Ground } from "../conformance/providers/ground";
import { ROOT, ok } from "../support/pulumi";
import { Scenario } from "./scenario";
import {
  assertWasLive,
  pipeline,
  reportOf,
  runOnce,
  traffic,
  type Live,
  type Report,
  type TrafficRun,
} from "./traffic";

const UPS = Number(process.env.NOTEBOOK_RELEASES_ZERO_DOWNTIME_UPS ?? 2);
const MOVES = 20;
const RETENTION = { keep: 1, graceHours: 0 };
const OBJECTS = "/api/2.0/workspace";
const JOBS = "/api/2.2/jobs";

/** When each release was live: from the move that made it so, until the next one was over. */
function liveTimes(moves: readonly { githash: string; at: number }[], ends: readonly number[]): Live[] {
  return moves.map(({ githash, at }, index) => ({ githash, from: at, until: ends[index + 1] ?? Infinity }));
}

describe("two stacks of one app in one workspace", function () {
  this.timeout(300_000 + UPS * 30_000);
  const app = "zero-downtime";
  const job = { maxConcurrentRuns: 4, notebook: "pipeline/score" };
  const config = {
    retention: RETENTION,
    gate: { tests: [] },
    jobs: [
      {
        ...{ ...job, name: "nightly", mode: "dispatch" },
        schedule: { quartzCronExpression: "0 0 6 * * ?", timezoneId: "UTC", pauseStatus: "PAUSED" },
        permissions: [{ groupName: "users", level: "CAN_MANAGE_RUN" }],
      },
      { ...job, name: "weekly", mode: "pinned" },
    ],
  };
  let staging: Scenario;
  let prod: Scenario;
  /** Version → commit. */
  const githashes: Record<string, string> = {};
  let address: { table: string; warehouse: string };
  let leftBehind: number;
  let somebodyElses: number;

  /** The id of an environment's job, by its tags: both environments' jobs have the same names. */
  async function jobOf(env: string, name: string): Promise<number> {
    const { jobs = [] } = await prod.workspace.ok("GET", `${JOBS}/list?name=${name}&limit=100`);
    const own = jobs.filter(
      ({ settings }: { settings: { tags?: Record<string, string> } }) =>
        settings.tags?.app === app && settings.tags.env === env,
    );
    assert.equal(own.length, 1, `${own.length} jobs ${name} of ${env}`);
    return own[0].job_id;
  }

  async function runs(env: string, name: string): Promise<Report> {
    return reportOf(await runOnce(prod.workspace, await jobOf(env, name)), githashes);
  }

  function deploy(scenario: Scenario, version: string) {
    const source = { repository: staging.repository.directory, ref: githashes[version], path: "notebooks" };
    scenario.configure({ source, registry: address });
    return scenario.stack.up();
  }

  before(async () => {
    staging = await Scenario.start(app, {
      config: { ...config, env: "staging", registry: undefined },
      files: pipeline("A"),
    });
    const { workspace, repository } = staging;
    githashes.A = repository.git("rev-parse", "HEAD");
    githashes.B = repository.commit(pipeline("B"));
    address = { table: "main.zero_downtime.registry", warehouse: workspace.warehouse_id ?? "any" };
    prod = new Scenario(app, workspace, repository, {
      config: { ...config, env: "prod", registry: address },
    });
    const create = async (tags: object) => {
      const notebook_task = { notebook_path: "/Shared/of an older release" };
      const tasks = [{ task_key: "main", notebook_task }];
      return (await workspace.ok("POST", `${JOBS}/create`, { name: "nightly", tags, tasks }))
        .job_id as number;
    };
    leftBehind = await create(jobMarks({ ...address, app, env: "prod" }));
    somebodyElses = await create({ app: "another", env: "prod" });
  });
  after(() => {
    prod?.stack.dispose();
    staging?.dispose();
  });

  it("takes over the job that an interrupted up left behind, and leaves one of the same name alone", async () => {
    prod.configure({
      source: { repository: prod.repository.directory, ref: githashes.A, path: "notebooks" },
      registry: address,
    });
    const planned = ok(await prod.stack.preview()).output;
    assert.match(planned, /= +.*Job +nightly +import/);
    ok(await deploy(prod, "A"));
    assert.equal(await jobOf("prod", "nightly"), leftBehind);
    const { settings } = await prod.workspace.ok("GET", `${JOBS}/get?job_id=${leftBehind}`);
    assert.match(settings.tasks[0].notebook_task.notebook_path, /\/releases\/zero-downtime\/trigger$/);
    assert.deepEqual([settings.schedule.pause_status, settings.max_concurrent_runs], ["PAUSED", 4]);
    const { access_control_list: list } = await prod.workspace.ok(
      "GET",
      `/api/2.0/permissions/jobs/${leftBehind}`,
    );
    const users = list.find(({ group_name }: { group_name?: string }) => group_name === "users");
    assert.equal(users?.all_permissions[0].permission_level, "CAN_MANAGE_RUN");
    const other = await prod.workspace.ok("GET", `${JOBS}/get?job_id=${somebodyElses}`);
    assert.equal(other.settings.tasks[0].notebook_task.notebook_path, "/Shared/of an older release");
    ok(await prod.stack.up("--expect-no-changes"));
  });

  it("has A live in prod while B is in staging, shown by each job's run", async () => {
    ok(await deploy(staging, "B"));
    const shown = await Promise.all(
      ["prod", "staging"].flatMap((env) =>
        ["nightly", "weekly"].map(async (name) => (await runs(env, name)).versions[0]),
      ),
    );
    assert.deepEqual(shown, ["A", "A", "B", "B"]);
  });

  it(`moves ${UPS} times by whole ups while jobs run: each run is of one release, and of a live one`, async () => {
    const { workspace } = prod;
    const loops = { nightly: await jobOf("prod", "nightly"), weekly: await jobOf("prod", "weekly") };
    const nightly = traffic(workspace, loops.nightly);
    const weekly = traffic(workspace, loops.weekly);
    const ends = [0];
    const moves = async () => {
      for (let n = 0; n < UPS; n++) {
        ok(await deploy(prod, n % 2 === 0 ? "B" : "A"));
        ends.push(Date.now());
      }
    };
    const moved = await moves().then(
      () => undefined,
      (error: unknown) => error,
    );
    const [dispatched, pinned] = await Promise.all([nightly.stop(), weekly.stop()]);
    if (moved) throw moved as Error;
    const history = await prod.sql(
      `SELECT githash, unix_millis(moved_at) AS at FROM ${address.table}_moves WHERE app = '${app}' AND env = 'prod' ORDER BY version`,
    );
    const times = liveTimes(
      history.map(({ githash, at }) => ({ githash: githash ?? "", at: Number(at) })),
      ends,
    );
    assert.equal(times.length, UPS + 1);
    for (const run of dispatched) {
      assertWasLive(run, reportOf(run, githashes), times);
    }
    const versions = pinned.map((run) => reportOf(run, githashes).versions[0]);
    assert.ok(
      dispatched.length > UPS && pinned.length > UPS,
      `${dispatched.length} and ${pinned.length} runs`,
    );
    sayNumbers(`${UPS} ups`, dispatched, { pinned: versions.length });
  });

  it("keeps the trigger that both have in common when one is destroyed", async () => {
    ok(await staging.stack.destroy());
    assert.equal((await runs("prod", "nightly")).githash, githashes[UPS % 2 === 0 ? "A" : "B"]);
  });
});

describe(`${MOVES} moves by the providers themselves`, function () {
  this.timeout(300_000);
  const root = "/Shared/zero downtime";
  const githashes: Record<string, string> = {};
  let ground: Ground;
  let key: { app: string; env: string; table: string; warehouse: string };

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
    key = {
      ...{ app: "moved", env: "prod", table: "zero_downtime.registry" },
      warehouse: ground.workspace.warehouse_id ?? "any",
    };
    for (const version of ["A", "B"]) {
      githashes[version] = ground.repository.commit(pipeline(version));
    }
    const trigger = readFileSync(join(ROOT, "notebooks", "trigger.py")).toString("base64");
    await ground.workspace.ok("POST", `${OBJECTS}/mkdirs`, { path: root });
    await ground.workspace.ok("POST", `${OBJECTS}/import`, {
      ...{ path: `${root}/trigger`, content: trigger, format: "SOURCE", language: "PYTHON" },
    });
  });
  after(() => ground?.leave());

  /** A commit as `up` brings it about: its release, however much of it is there, then the row; jobs follow. */
  async function deploy(version: string, row: Resource): Promise<string> {
    const githash = githashes[version] ?? "";
    const spec = { repository: ground.repository.directory, path: "notebooks", exclude: [], ref: githash };
    const { digest } = await readSource(spec);
    const source = { repository: spec.repository, sourcePath: spec.path, exclude: [], githash, digest };
    const { deploymentId } = await ground.deployment("tested");
    const common: Values = { ...ground.place, ...source, ...key, deploymentId, retention: RETENTION };
    const path = `${root}/${githash}`;
    const build = { command: "true", artifacts: [], to: "" };
    await new Resource("ReleaseDirectory").up({ ...common, path, readers: [], build, artifacts: [] });
    const move = { note: "", adopt: false, rollbackOf: 0, stack: "test" };
    await row.up({ ...common, ...move, releasePath: path });
    return path;
  }

  function pinnedTask(path: string) {
    return notebookTask(`${path}/pipeline/score`, { githash: path.slice(root.length + 1) });
  }

  function notebookTask(notebook_path: string, base_parameters: Record<string, string>) {
    return { task_key: "main", notebook_task: { notebook_path, base_parameters } };
  }

  async function createJob(name: string, task: object): Promise<number> {
    const settings = { name, max_concurrent_runs: 4, tasks: [task] };
    return (await ground.workspace.ok("POST", `${JOBS}/create`, settings)).job_id;
  }

  it("lose no run its notebooks while everything that is not live is collected at once", async () => {
    const { workspace } = ground;
    const client = new Client({ host: ground.place.host });
    const row = new Resource("RegistryRow");
    const ends: number[] = [];
    const first = await deploy("B", row);
    ends.push(Date.now());
    const { app, env, table, warehouse } = key;
    const dispatching = await createJob(
      "moved dispatch",
      notebookTask(`${root}/trigger`, { registry_table: table, app, env, notebook: "pipeline/score" }),
    );
    const pinned = await createJob("moved pinned", pinnedTask(first));

    const loops = [dispatching, pinned].map((job) => traffic(workspace, job));
    const gc = () => collect(client, { root, table, warehouse, app, env }, RETENTION);
    const moves = async () => {
      for (let n = 0; n < MOVES; n++) {
        // What an upload that was given up leaves behind: the collection has something to delete at each move.
        await workspace.ok("POST", `${OBJECTS}/mkdirs`, {
          path: `${root}/${n.toString(16).padStart(40, "0")}/lib`,
        });
        const path = await deploy(n % 2 === 0 ? "A" : "B", row);
        ends.push(Date.now());
        // Between the row and the job that is pinned, where somebody's collection may come at any time.
        await gc();
        const new_settings = { tasks: [pinnedTask(path)] };
        await workspace.ok("POST", `${JOBS}/update`, { job_id: pinned, new_settings });
      }
    };
    const moved = await moves().then(
      () => undefined,
      (error: unknown) => error,
    );
    const [dispatched = [], ofPinned = []] = await Promise.all(loops.map((loop) => loop.stop()));
    if (moved) throw moved as Error;

    const history = await ground.sql(
      `SELECT githash, unix_millis(moved_at) AS at FROM ${table}_moves WHERE app = '${app}' ORDER BY version`,
    );
    const times = liveTimes(
      history.map(({ githash, at }) => ({ githash: githash ?? "", at: Number(at) })),
      ends,
    );
    assert.equal(times.length, MOVES + 1);
    const reports = dispatched.map((run) => {
      const report = reportOf(run, githashes);
      assertWasLive(run, report, times);
      return report;
    });
    assert.deepEqual([...new Set(reports.map(({ versions }) => versions[0]))].sort(), ["A", "B"]);
    ofPinned.forEach((run) => reportOf(run, githashes));
    assert.ok(ofPinned.length > 0);

    const left = (await names()).filter((name) => /^[0-9a-f]{40}$/.test(name));
    assert.deepEqual(
      left.filter((name) => !Object.values(githashes).includes(name)),
      [],
    );
    await gc();
    assert.deepEqual(await names(), [`.registry.${table}`, githashes.B, "trigger"].sort(), "no run is left");
    sayNumbers(`${MOVES} moves`, dispatched, { pinned: ofPinned.length });
  });

  async function names(): Promise<string[]> {
    const route = `${OBJECTS}/list?path=${encodeURIComponent(root)}`;
    const { objects } = await ground.workspace.ok("GET", route);
    return objects.map(({ path }: { path: string }) => path.slice(root.length + 1)).sort();
  }
});

/** For whoever runs it by hand: how much was measured. */
function sayNumbers(what: string, dispatched: readonly TrafficRun[], { pinned }: { pinned: number }): void {
  if (process.env.NOTEBOOK_RELEASES_ZERO_DOWNTIME_UPS) {
    console.log(`      ${what}: ${dispatched.length} dispatched runs and ${pinned} pinned ones, none failed`);
  }
}

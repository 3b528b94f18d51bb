/** Releases come and go with the real engine: what a move collects, what `gc` and `destroy` do, what keeps a release. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { releases, type CliRun } from "../cli/cli";
import { passing, score } from "../scenarios/example";
import { poll, Scenario } from "../scenarios/scenario";
import { notebook } from "../source/support";
import { ok } from "../support/pulumi";

const DELETE = "POST /api/2.0/workspace/delete";
const OBJECTS = "/api/2.0/workspace";

/** A notebook that works until it is told to end; two minutes at most. */
const WAITING = notebook(`
import os, time
dbutils.widgets.text("go", "")
end = time.time() + 120
while not os.path.exists(dbutils.widgets.get("go")):
    assert time.time() < end, "nobody said go"
    time.sleep(0.05)
dbutils.notebook.exit("went on to the end")
`);

const CONFIG = { retention: { keep: 1, graceHours: 0 }, gate: { tests: [] } };
const FILES = { "notebooks/pipeline/wait.py": WAITING, "notebooks/tests/test_two.py": passing() };

function root(app: string): string {
  return `/Users/admin@local.workspace/releases/${app}`;
}

/** Commits another version and deploys it; answers its id and what the update said. */
async function deploy(scenario: Scenario, version: string): Promise<{ githash: string; output: string }> {
  const githash = scenario.repository.commit({ "notebooks/pipeline/score.py": score(version) });
  const { output } = ok(await scenario.stack.up());
  return { githash, output };
}

/** The commits that have a folder, in the order of `among`. */
async function existing(scenario: Scenario, among: readonly string[]): Promise<string[]> {
  const there = await Promise.all(
    among.map((githash) => scenario.exists(`${root(scenario.app)}/${githash}`)),
  );
  return among.filter((_, index) => there[index]);
}

const short = (githash: string) => githash.slice(0, 12);

function gc(scenario: Scenario, ...args: string[]): Promise<CliRun> {
  return releases(["gc", "--stack", scenario.stack.stack, ...args], { stack: scenario.stack });
}

/** `gc --yes --json`: commit → what became of it and why. */
async function collected(scenario: Scenario): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await gc(scenario, "--yes", "--json");
  assert.equal(code, 0, stdout + stderr);
  const answer = JSON.parse(stdout) as { releases: { githash: string; outcome: string; reason: string }[] };
  return Object.fromEntries(
    answer.releases.map(({ githash, outcome, reason }) => [githash, `${outcome}: ${reason}`]),
  );
}

describe("old releases", function () {
  this.timeout(240_000);
  let scenario: Scenario;
  const commits: string[] = [];
  const latest = (back = 0) => commits.at(-1 - back) as string;

  async function next(version: string): Promise<string> {
    const { githash, output } = await deploy(scenario, version);
    commits.push(githash);
    return output;
  }

  /** Starts a run that uses the live release, and answers how to let it end. */
  async function start(submit: (go: string) => Promise<{ run_id: number }>): Promise<() => Promise<void>> {
    const go = join(scenario.stack.folder, `go ${commits.length}`);
    const { run_id } = await submit(go);
    const state = async () => {
      const run = await scenario.workspace.ok("GET", `/api/2.2/jobs/runs/get?run_id=${run_id}`);
      return run.state.life_cycle_state as string;
    };
    await poll("the run works", async () => ((await state()) === "RUNNING" ? true : undefined));
    return async () => {
      writeFileSync(go, "");
      await poll("the run ends", async () => ((await state()) === "TERMINATED" ? true : undefined));
    };
  }

  const submit = (notebook_path: string, base_parameters: Record<string, string>) =>
    scenario.workspace.ok("POST", "/api/2.2/jobs/runs/submit", {
      run_name: "somebody's run",
      tasks: [{ task_key: "main", notebook_task: { notebook_path, base_parameters } }],
    });

  before(async () => {
    scenario = await Scenario.start("retained", { config: CONFIG, files: FILES });
    commits.push(scenario.repository.git("rev-parse", "HEAD"));
    ok(await scenario.stack.up());
  });
  after(async () => {
    await scenario?.workspace.ok("DELETE", "/__workspace/faults");
    scenario?.dispose();
  });

  it("go with the move after the one that replaced them; what stays is said, with the reason", async () => {
    await next("v2");
    assert.deepEqual(await existing(scenario, commits), commits);
    const third = await next("v3");
    assert.match(third, new RegExp(`deleted ${short(latest(2))}: not live any more`));
    assert.match(third, new RegExp(`kept ${short(latest(1))}: live until this move`));
    assert.deepEqual(await existing(scenario, commits), commits.slice(1));
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up("--expect-no-changes"));
    ok(result);
    const paths = requests.map(({ path }) => path);
    assert.ok(!paths.includes("/api/2.2/jobs/runs/list") && !paths.includes("/api/2.0/sql/statements"));
  });

  it("are shown and deleted by gc, with those that no state knows; it asks, and needs a terminal for that", async () => {
    const unknown = "ab".repeat(20);
    const folder = `${root("retained")}/${unknown}`;
    await scenario.workspace.ok("POST", `${OBJECTS}/mkdirs`, { path: folder });
    await scenario.editNotebook(`${folder}/half`, notebook("print('half of an upload')"));

    const asks = await gc(scenario);
    assert.equal(asks.code, 2);
    assert.match(asks.stderr, /--yes .* --dry-run/);
    const dry = await gc(scenario, "--dry-run");
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, new RegExp(`${short(latest(1))} +would delete +not live any more`));
    assert.match(dry.stdout, new RegExp(`${short(unknown)} +would delete +never live`));
    assert.match(dry.stdout, new RegExp(`${short(latest())} +kept +live in retained/test`));
    assert.deepEqual(await existing(scenario, [...commits, unknown]), [...commits.slice(1), unknown]);

    const refused = await releases(["gc", "--stack", "test"], { stack: scenario.stack, typed: "n\n" });
    assert.equal(refused.code, 0, refused.stdout);
    assert.match(refused.stdout, /Delete 2 releases of .*retained\? \[y\/N\].*Nothing was deleted/s);
    assert.deepEqual(await existing(scenario, [...commits, unknown]), [...commits.slice(1), unknown]);
    assert.deepEqual(await collected(scenario), {
      [latest(1)]: "deleted: not live any more",
      [unknown]: "deleted: never live",
      [latest()]: "kept: live in retained/test",
    });
    assert.deepEqual(await existing(scenario, [...commits, unknown]), [latest()]);
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  it("stay while a run uses them", async () => {
    const wait = `${root("retained")}/${latest()}/pipeline/wait`;
    const end = await start((go) => submit(wait, { go }));
    await next("v4");
    assert.match((await collected(scenario))[latest(1)] ?? "", /^kept: used by run \d+ \(somebody's run\)/);
    await end();
    assert.match((await collected(scenario))[latest(1)] ?? "", /^deleted/);
    assert.deepEqual(await existing(scenario, commits), [latest()]);
  });

  it("stay while a dispatching run works that began before: the trigger's own, and one that has not said yet which it runs", async () => {
    scenario.configure({
      jobs: [{ name: "retained-dispatch", mode: "dispatch", notebook: "pipeline/wait" }],
    });
    ok(await scenario.stack.up());
    const job_id = await scenario.findJob("dispatch");
    const dispatched = await start((go) =>
      scenario.workspace.ok("POST", "/api/2.2/jobs/run-now", { job_id, notebook_params: { go } }),
    );
    const copy = "/Shared/a copy of the trigger";
    await scenario.editNotebook(copy, WAITING);
    const asking = await start((go) =>
      submit(copy, { go: `${go} copy`, registry_table: scenario.table }).then((run) => ({ ...run })),
    );
    await next("v5");
    assert.match((await collected(scenario))[latest(1)] ?? "", /^kept: (perhaps )?used by run/);
    await dispatched();
    assert.match(
      (await collected(scenario))[latest(1)] ?? "",
      /^kept: perhaps used by run \d+ \(somebody's run\), which began while it was live/,
    );
    writeFileSync(join(scenario.stack.folder, `go ${commits.length - 1} copy`), "");
    await asking();
    assert.match((await collected(scenario))[latest(1)] ?? "", /^deleted/);
  });

  it("that cannot be deleted are a warning; the deployment is done", async () => {
    await next("v6");
    await scenario.workspace.ok("POST", "/__workspace/faults", { match: DELETE, status: 403, times: 0 });
    const output = await next("v7");
    assert.match(output, new RegExp(`warning: could not delete ${short(latest(2))}: .*HTTP 403`));
    await scenario.workspace.ok("DELETE", "/__workspace/faults");
    assert.equal((await scenario.row()).githash, latest());
    assert.match((await collected(scenario))[latest(2)] ?? "", /^deleted/);
    await next("v8");
    await scenario.workspace.ok("POST", "/__workspace/faults", {
      match: "GET /api/2.2/jobs/runs/list",
      status: 403,
      times: 0,
    });
    assert.match(await next("v9"), /warning: old releases were not collected: .*HTTP 403/);
    await scenario.workspace.ok("DELETE", "/__workspace/faults");
    assert.deepEqual(await existing(scenario, commits), [latest(2), latest(1), latest()]);
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  it("are no release any more where the process is killed while it deletes one; the next gc finishes", async () => {
    const doomed = `${root("retained")}/${latest(2)}`;
    // It answers late, and does nothing.
    await scenario.workspace.ok("POST", "/__workspace/faults", {
      match: DELETE,
      latencyMs: 20_000,
      status: 503,
    });
    const killed = releases(["gc", "--stack", "test", "--yes"], {
      stack: scenario.stack,
      onStart: (child) => {
        void poll("the mark is written", async () => {
          const query = `path=${encodeURIComponent(`${doomed}/.release.json`)}&format=AUTO`;
          const { status, body } = await scenario.workspace.api("GET", `${OBJECTS}/export?${query}`);
          const text = status === 200 ? Buffer.from(body.content as string, "base64").toString() : "";
          return text.includes('"deleting": true') || undefined;
        }).finally(() => child.kill("SIGKILL"));
      },
    });
    assert.equal((await killed).code, -1);
    await scenario.workspace.ok("DELETE", "/__workspace/faults");
    assert.ok(await scenario.exists(`${doomed}/pipeline/wait`), "its notebooks are there still");
    const outcomes = await collected(scenario);
    assert.match(outcomes[latest(2)] ?? "", /^deleted/);
    assert.deepEqual(await existing(scenario, commits), [latest()]);
  });

  it("go with the stack: destroy leaves nothing of it", async () => {
    await next("v10");
    assert.equal((await existing(scenario, commits)).length, 2);
    ok(await scenario.stack.destroy());
    assert.deepEqual(await existing(scenario, commits), []);
    const { objects = [] } = await scenario.workspace.ok("GET", `${OBJECTS}/list?path=${root("retained")}`);
    assert.deepEqual(objects, []);
  });
});

describe("two stacks that share a root", function () {
  this.timeout(240_000);
  let staging: Scenario;
  let prod: Scenario;
  const commits: string[] = [];

  before(async () => {
    const config = { ...CONFIG, jobs: [] };
    staging = await Scenario.start("shared-root", {
      config: { ...config, env: "staging", registry: undefined },
      files: FILES,
    });
    const registry = { warehouse: staging.workspace.warehouse_id, table: "main.shared_root.registry" };
    commits.push(staging.repository.git("rev-parse", "HEAD"));
    const source = { repository: staging.repository.directory, ref: commits[0], path: "notebooks" };
    prod = new Scenario("shared-root", staging.workspace, staging.repository, {
      config: { ...config, env: "prod", registry, source },
    });
    staging.configure({ registry });
    ok(await staging.stack.up());
    ok(await prod.stack.up());
    for (const version of ["v2", "v3"]) {
      commits.push((await deploy(staging, version)).githash);
    }
  });
  after(() => {
    prod?.stack.dispose();
    staging?.dispose();
  });

  it("never lose what the other has live, whichever of them collects", async () => {
    const [a, b, c] = commits as [string, string, string];
    assert.deepEqual(await existing(staging, commits), [a, b, c]);
    assert.deepEqual(await collected(prod), {
      [a]: "kept: live in shared-root/prod",
      [b]: "deleted: not live any more",
      [c]: "kept: live in shared-root/staging",
    });
    const again = await collected(staging);
    assert.deepEqual(Object.keys(again).sort(), [a, c].sort());
    assert.deepEqual(await existing(staging, commits), [a, c]);
  });

  it("and destroy of one leaves what the other uses; of the last one, nothing", async () => {
    const [a] = commits as [string];
    ok(await staging.stack.destroy());
    assert.deepEqual(await existing(staging, commits), [a]);
    ok(await prod.stack.up("--expect-no-changes"));
    ok(await prod.stack.destroy());
    assert.deepEqual(await existing(staging, commits), []);
  });
});

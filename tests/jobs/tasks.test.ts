/** Several tasks in one run: order, conditions, retries, limits, cancelling. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { alive } from "../support/alive";
import { byKey, eventually, startRig, task, type Answer, type Rig } from "./helper";

const after$ = (...keys: string[]) => ({ depends_on: keys.map((key) => ({ task_key: key })) });

describe("tasks of a run", () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    await rig.notebook("/Shared/ok", "x = 1");
    await rig.notebook("/Shared/fail", 'raise RuntimeError("no")');
  });
  after(() => rig.close());

  it("run in the order of their dependencies, in parallel where there are none", async () => {
    await rig.notebook(
      "/Shared/meet",
      `import os, time
mine, other = dbutils.widgets.get("mine"), dbutils.widgets.get("other")
dbutils.fs.put("dbfs:/meet/" + mine, "here")
limit = time.time() + 10
while not os.path.exists("/dbfs/meet/" + other):
    assert time.time() < limit, "the other task does not run at the same time"
    time.sleep(0.01)`,
    );
    const meet = (key: string, other: string) => ({
      task_key: key,
      notebook_task: { notebook_path: "/Shared/meet", base_parameters: { mine: key, other } },
    });
    const run = await rig.run([task("last", "/Shared/ok", after$("a", "b")), meet("a", "b"), meet("b", "a")]);
    assert.equal(run.state.result_state, "SUCCESS");
    const { a, b, last } = byKey(run);
    assert.ok(last.end_time - last.execution_duration >= Math.max(a.end_time, b.end_time));
  });

  it("obey every run_if", async () => {
    const run = await rig.run([
      task("good", "/Shared/ok"),
      task("bad", "/Shared/fail"),
      task("all_success", "/Shared/ok", { ...after$("good", "bad"), run_if: "ALL_SUCCESS" }),
      task("all_done", "/Shared/ok", { ...after$("good", "bad"), run_if: "ALL_DONE" }),
      task("one_success", "/Shared/ok", { ...after$("good", "bad"), run_if: "AT_LEAST_ONE_SUCCESS" }),
      task("none_failed", "/Shared/ok", { ...after$("good", "bad"), run_if: "NONE_FAILED" }),
      task("all_failed", "/Shared/ok", { ...after$("bad"), run_if: "ALL_FAILED" }),
      task("one_failed", "/Shared/ok", { ...after$("good", "bad"), run_if: "AT_LEAST_ONE_FAILED" }),
      task("not_failed", "/Shared/ok", { ...after$("good"), run_if: "AT_LEAST_ONE_FAILED" }),
      task("below", "/Shared/ok", after$("all_success")),
    ]);
    const results = Object.fromEntries(
      run.tasks.map((one: Answer) => [one.task_key, one.state.result_state]),
    );
    assert.deepEqual(results, {
      good: "SUCCESS",
      bad: "FAILED",
      all_success: "UPSTREAM_FAILED",
      all_done: "SUCCESS",
      one_success: "SUCCESS",
      none_failed: "UPSTREAM_FAILED",
      all_failed: "SUCCESS",
      one_failed: "SUCCESS",
      not_failed: "EXCLUDED",
      below: "UPSTREAM_FAILED",
    });
    assert.equal(run.state.result_state, "FAILED");
    assert.match(
      run.state.state_message,
      /^Task bad failed with message: Workload failed.* This caused all downstream tasks to get skipped\.$/,
    );
  });

  it("leave a run successful with failures where a later task handled the failure", async () => {
    const run = await rig.run([
      task("bad", "/Shared/fail"),
      task("tidy", "/Shared/ok", { ...after$("bad"), run_if: "ALL_DONE" }),
    ]);
    assert.equal(run.state.life_cycle_state, "TERMINATED");
    assert.equal(run.state.result_state, "SUCCESS_WITH_FAILURES");
  });

  it("are tried again as often as they say, each try with an id and an output of its own", async () => {
    await rig.notebook(
      "/Shared/third",
      `import os
os.makedirs("/dbfs/tries", exist_ok=True)
n = len(os.listdir("/dbfs/tries"))
open("/dbfs/tries/" + str(n), "w").close()
assert n == 2, f"try {n}"`,
    );
    const run = await rig.run([
      task("a", "/Shared/third", { max_retries: 3, min_retry_interval_millis: 20 }),
    ]);
    assert.equal(run.state.result_state, "SUCCESS");
    assert.deepEqual(
      run.tasks.map((one: Answer) => [one.attempt_number, one.state.result_state]),
      [
        [0, "FAILED"],
        [1, "FAILED"],
        [2, "SUCCESS"],
      ],
    );
    assert.equal((await rig.output(run.tasks[1].run_id)).error, "AssertionError: try 1");
    const once = await rig.run([task("a", "/Shared/fail", { max_retries: 1 })]);
    assert.equal(once.tasks.length, 2);
    assert.equal(once.state.result_state, "FAILED");
  });

  it("pass values on to each other, and in references", async () => {
    await rig.notebook(
      "/Shared/set",
      'dbutils.jobs.taskValues.set("n", {"a": [1, 2]})\ndbutils.jobs.taskValues.set("s", "text")',
    );
    await rig.notebook(
      "/Shared/get",
      'import json\nv = dbutils.jobs.taskValues\ndbutils.notebook.exit(json.dumps([v.get("set", "n"), v.get("set", "none", default=5), dbutils.widgets.getAll()]))',
    );
    const parameters = {
      s: "{{tasks.set.values.s}}",
      job: "{{job.id}}",
      run: "{{job.run_id}}",
      odd: "{{no.such}}",
    };
    const run = await rig.run([
      task("set", "/Shared/set"),
      {
        task_key: "get",
        ...after$("set"),
        notebook_task: { notebook_path: "/Shared/get", base_parameters: parameters },
      },
    ]);
    const { result } = (await rig.output(byKey(run).get.run_id)).notebook_output;
    assert.deepEqual(JSON.parse(result), [
      { a: [1, 2] },
      5,
      { s: "text", job: String(run.job_id), run: String(run.run_id), odd: "{{no.such}}" },
    ]);
  });

  /** A notebook that leaves a child, a detached grandchild and a daemon behind, deaf to everything but SIGKILL. */
  const stubborn = `import os, subprocess, sys, time
sleeper = "import os, signal, sys, time; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
folder = dbutils.widgets.get("folder")
os.makedirs(folder, exist_ok=True)
open(folder + "/notebook", "w").write(str(os.getpid()))
subprocess.Popen([sys.executable, "-c", sleeper, folder + "/child"])
subprocess.Popen([sys.executable, "-c", sleeper, folder + "/detached"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", sleeper, folder + "/daemon"])
    os._exit(0)
while len([n for n in os.listdir(folder) if os.path.getsize(folder + "/" + n)]) < 4:
    time.sleep(0.01)
open(folder + "/ready", "w").close()
print("waiting")
try:
    time.sleep(600)
finally:
    print("tidied up")
`;

  function pidsIn(folder: string): Promise<Record<string, number>> {
    const names = ["notebook", "child", "detached", ...(process.platform === "linux" ? ["daemon"] : [])];
    return eventually(() => {
      if (!existsSync(path.join(folder, "ready"))) return undefined;
      return Object.fromEntries(
        names.map((name) => [name, Number(readFileSync(path.join(folder, name), "utf8"))]),
      );
    }, "the notebook's processes");
  }

  async function submitStubborn(folder: string, more: object): Promise<number> {
    await rig.notebook("/Shared/stubborn", stubborn);
    const one = {
      task_key: "a",
      notebook_task: { notebook_path: "/Shared/stubborn", base_parameters: { folder } },
      ...more,
    };
    return (
      await rig.call("POST", "/api/2.2/jobs/runs/submit", {
        tasks: [one, task("next", "/Shared/ok", after$("a"))],
      })
    ).run_id;
  }

  it("end at their time limit with everything that they started", async () => {
    const folder = path.join(rig.dataDir, "pids-timeout");
    const runId = await submitStubborn(folder, { timeout_seconds: 2, max_retries: 2 });
    const pids = await pidsIn(folder);
    for (const [name, pid] of Object.entries(pids)) assert.ok(alive(pid), name);
    const run = await rig.wait(runId);
    for (const [name, pid] of Object.entries(pids)) assert.equal(alive(pid), false, `${name} lives on`);
    const { a, next } = byKey(run);
    assert.equal(a.state.result_state, "TIMEDOUT");
    assert.equal(a.state.user_cancelled_or_timedout, true);
    assert.equal(a.attempt_number, 0, "no retry without retry_on_timeout");
    assert.equal(next.state.result_state, "UPSTREAM_FAILED");
    assert.equal(run.state.result_state, "FAILED");
    const output = await rig.output(a.run_id);
    assert.match(output.logs, /waiting\ntidied up\n/);
    assert.match(output.error, /2 seconds/);
  });

  it("end when the run is cancelled, and those that wait never start", async () => {
    const folder = path.join(rig.dataDir, "pids-cancel");
    const runId = await submitStubborn(folder, { max_retries: 3 });
    const pids = await pidsIn(folder);
    await rig.call("POST", "/api/2.2/jobs/runs/cancel", { run_id: runId });
    const run = await rig.wait(runId);
    for (const [name, pid] of Object.entries(pids)) assert.equal(alive(pid), false, `${name} lives on`);
    assert.equal(run.state.life_cycle_state, "TERMINATED");
    assert.equal(run.state.result_state, "CANCELED");
    assert.deepEqual(run.status.termination_details.code, "USER_CANCELED");
    assert.deepEqual(
      run.tasks.map((one: Answer) => one.state.result_state),
      ["CANCELED", "CANCELED"],
    );
    await rig.call("POST", "/api/2.2/jobs/runs/cancel", { run_id: runId });
  });

  it("end alone when their own run is cancelled; the run's other tasks go on, no retry follows", async () => {
    await rig.notebook("/Shared/hangs", "import time\ntime.sleep(600)");
    await rig.notebook("/Shared/short", "x = 1");
    const tasks = [
      task("hangs", "/Shared/hangs", { max_retries: 2 }),
      task("waits", "/Shared/hangs", after$("hangs")),
      task("next", "/Shared/short", { ...after$("hangs"), run_if: "ALL_DONE" }),
    ];
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/runs/submit", { run_name: "one", tasks });
    const running = await rig.wait(runId, (run) => byKey(run).hangs.state.life_cycle_state === "RUNNING");
    await rig.call("POST", "/api/2.2/jobs/runs/cancel", { run_id: byKey(running).hangs.run_id });
    const { hangs, waits, next } = byKey(await rig.wait(runId));
    assert.deepEqual([hangs.state.result_state, hangs.attempt_number], ["CANCELED", 0]);
    assert.equal(waits.state.result_state, "UPSTREAM_CANCELED");
    assert.equal(next.state.result_state, "SUCCESS");
  });

  it("end with what a notebook left behind when it ended well", async () => {
    await rig.notebook(
      "/Shared/leaves",
      'import subprocess\np = subprocess.Popen(["sleep", "600"], start_new_session=True)\ndbutils.notebook.exit(str(p.pid))',
    );
    const run = await rig.run("/Shared/leaves");
    assert.equal(run.state.result_state, "SUCCESS");
    const pid = Number((await rig.output(run.tasks[0].run_id)).notebook_output.result);
    assert.ok(pid > 0);
    assert.equal(alive(pid), false);
  });

  it("end at the run's own limit", async () => {
    await rig.notebook("/Shared/sleep", "import time\ntime.sleep(600)");
    const run = await rig.run([task("a", "/Shared/sleep"), task("b", "/Shared/sleep", after$("a"))], {
      timeout_seconds: 1,
    });
    assert.equal(run.state.result_state, "TIMEDOUT");
    assert.deepEqual(
      run.tasks.map((one: Answer) => one.state.result_state),
      ["TIMEDOUT", "TIMEDOUT"],
    );
  });

  it("are tried again after their time limit with retry_on_timeout", async () => {
    const run = await rig.run([
      task("a", "/Shared/sleep", { timeout_seconds: 1, max_retries: 1, retry_on_timeout: true }),
    ]);
    assert.deepEqual(
      run.tasks.map((one: Answer) => one.state.result_state),
      ["TIMEDOUT", "TIMEDOUT"],
    );
  });

  it("wait for a place where many run at once, and can be cancelled while they wait", async () => {
    const many = Array.from({ length: 12 }, (_, index) => task(`t${index}`, "/Shared/sleep"));
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/runs/submit", { tasks: many });
    const states = (run: Answer) => run.tasks.map((one: Answer) => one.state.life_cycle_state);
    const busy = await rig.wait(
      runId,
      (run) => states(run).includes("RUNNING") && states(run).includes("QUEUED"),
    );
    assert.equal(
      busy.tasks.find((one: Answer) => one.state.life_cycle_state === "QUEUED").status.state,
      "QUEUED",
    );
    await rig.call("POST", "/api/2.2/jobs/runs/cancel", { run_id: runId });
    const run = await rig.wait(runId);
    assert.deepEqual(new Set(run.tasks.map((one: Answer) => one.state.result_state)), new Set(["CANCELED"]));
  });
});

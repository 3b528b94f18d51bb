/** A server that is killed in the middle of runs, and started again on the same data. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { alive } from "../support/alive";
import { eventually, rigOf, startRig, task, type Answer } from "./helper";

interface Server {
  readonly child: ChildProcess;
  readonly rig: ReturnType<typeof rigOf>;
}

const ROOT = path.resolve(__dirname, "..", "..");

async function startServer(dataDir: string): Promise<Server> {
  const args = [
    "--import",
    "tsx",
    path.join(ROOT, "workspace", "main.ts"),
    "--port",
    "0",
    "--data",
    dataDir,
    "--no-engines",
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], cwd: ROOT });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  const line = await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`The server ended: ${err}`);
      return out.includes("\n") ? out : undefined;
    },
    "the server",
    30_000,
  );
  const { host, token } = JSON.parse(line) as { host: string; token: string };
  return { child, rig: rigOf(host, token, dataDir) };
}

const SLEEPER = `import os, subprocess, time
p = subprocess.Popen(["sleep", "600"], start_new_session=True)
folder = dbutils.widgets.get("folder")
open(folder + "/run-token", "w").write(os.environ["DATABRICKS_TOKEN"])
open(folder + "/pids", "w").write(f"{os.getpid()} {os.getppid()} {p.pid}\\n")
while True:
    pass`;

describe("a restart", function () {
  this.timeout(60_000);
  let dataDir: string;
  let server: Server | undefined;
  before(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), "jobs restart "));
  });
  after(() => {
    server?.child.kill("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });

  it("after kill -9 finds no process of a run left, and the runs marked; finished ones are as they were", async () => {
    server = await startServer(dataDir);
    let { rig } = server;
    await rig.notebook("/Shared/done", 'print("kept")\n===\ndbutils.notebook.exit("done")');
    await rig.notebook("/Shared/sleeper", SLEEPER);
    const done = await rig.run("/Shared/done", { idempotency_token: "one" });
    const sleeper = {
      task_key: "a",
      notebook_task: { notebook_path: "/Shared/sleeper", base_parameters: { folder: dataDir } },
    };
    const later = task("later", "/Shared/done", { depends_on: [{ task_key: "a" }] });
    const submit = { tasks: [{ ...sleeper, max_retries: 3 }, later] };
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/runs/submit", submit);
    const file = path.join(dataDir, "pids");
    const text = await eventually(
      () =>
        existsSync(file) && /\n/.test(readFileSync(file, "utf8")) ? readFileSync(file, "utf8") : undefined,
      "pids",
    );
    const pids = text.trim().split(" ").map(Number);
    assert.ok(pids.every(alive));

    server.child.kill("SIGKILL");
    await eventually(() => (pids.some(alive) ? undefined : true), `the end of ${pids.join(", ")}`);

    server = await startServer(dataDir);
    ({ rig } = server);
    const run = await rig.wait(runId);
    assert.equal(run.state.life_cycle_state, "INTERNAL_ERROR");
    assert.equal(run.state.result_state, "FAILED");
    assert.equal(run.state.state_message, "The local workspace was stopped while this run was active.");
    assert.deepEqual(
      run.tasks.map((one: Answer) => one.state.life_cycle_state),
      ["INTERNAL_ERROR", "INTERNAL_ERROR"],
    );
    assert.equal(run.status.termination_details.code, "INTERNAL_ERROR");
    assert.equal((await rig.output(run.tasks[0].run_id)).error, run.state.state_message);
    const token = readFileSync(path.join(dataDir, "run-token"), "utf8");
    assert.equal((await rig.raw("GET", "/api/2.0/secrets/scopes/list", undefined, token)).status, 403);

    const output = await rig.output(done.tasks[0].run_id);
    assert.deepEqual([output.notebook_output.result, output.logs], ["done", "kept\n"]);
    const again = await rig.call("POST", "/api/2.2/jobs/runs/submit", {
      tasks: [task("x", "/Shared/done")],
      idempotency_token: "one",
    });
    assert.equal(again.run_id, done.run_id);
    const next = await rig.run("/Shared/done");
    assert.ok(next.run_id > runId);
  });

  it("in good order ends what runs, too", async () => {
    const rig = await startRig();
    await rig.notebook("/Shared/sleeper", SLEEPER);
    const sleeper = {
      task_key: "a",
      notebook_task: { notebook_path: "/Shared/sleeper", base_parameters: { folder: rig.dataDir } },
    };
    await rig.call("POST", "/api/2.2/jobs/runs/submit", { tasks: [sleeper] });
    const file = path.join(rig.dataDir, "pids");
    const text = await eventually(
      () =>
        existsSync(file) && /\n/.test(readFileSync(file, "utf8")) ? readFileSync(file, "utf8") : undefined,
      "pids",
    );
    await rig.close();
    for (const pid of text.trim().split(" ").map(Number)) assert.equal(alive(pid), false);
  });
});

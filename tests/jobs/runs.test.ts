/** Runs of notebooks through the REST API: results, outputs, errors, idempotency, lists. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { byKey, startRig, task, type Answer, type Rig } from "./helper";

describe("runs", () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    await rig.notebook(
      "/Shared/exit",
      'print("printed")\n===\ndbutils.notebook.exit("value of " + dbutils.widgets.get("x"))',
    );
    await rig.notebook("/Shared/ok", "x = 1");
  });
  after(() => rig.close());

  it("gives back the exit value, the states in both forms, and what was printed", async () => {
    const run = await rig.run([
      { task_key: "a", notebook_task: { notebook_path: "/Shared/exit", base_parameters: { x: "é✓" } } },
    ]);
    assert.deepEqual(run.state, {
      life_cycle_state: "TERMINATED",
      result_state: "SUCCESS",
      state_message: "",
      user_cancelled_or_timedout: false,
    });
    assert.deepEqual(run.status, {
      state: "TERMINATED",
      termination_details: { code: "SUCCESS", type: "SUCCESS", message: "" },
    });
    assert.equal(run.run_type, "SUBMIT_RUN");
    const output = await rig.output(run.tasks[0].run_id);
    assert.deepEqual(output.notebook_output, { result: "value of é✓", truncated: false });
    assert.equal(output.logs, "printed\n");
    assert.equal(output.metadata.run_id, run.tasks[0].run_id);
    assert.equal(output.metadata.job_run_id, run.run_id);
    const text = readFileSync(
      path.join(rig.dataDir, "runs", String(run.tasks[0].run_id), "output.txt"),
      "utf8",
    );
    assert.match(text, /\/Shared\/exit cell 1\nprinted\n/);
    assert.equal(existsSync(path.join(rig.dataDir, "runs", String(run.tasks[0].run_id), "work")), false);
  });

  it("shows an error with its cell, line and source", async () => {
    await rig.notebook("/Shared/bad", 'x = 1\n===\ndef f():\n    raise ValueError("bad x")\n\nf()');
    const run = await rig.run("/Shared/bad");
    assert.equal(run.state.life_cycle_state, "INTERNAL_ERROR");
    assert.equal(run.state.result_state, "FAILED");
    assert.equal(
      run.state.state_message,
      "Task main failed with message: Workload failed, see run output for details.",
    );
    assert.equal(run.status.termination_details.code, "RUN_EXECUTION_ERROR");
    assert.equal(run.tasks[0].state.life_cycle_state, "TERMINATED");
    const output = await rig.output(run.tasks[0].run_id);
    assert.equal(output.error, "ValueError: bad x");
    assert.equal(
      output.error_trace,
      "Traceback (most recent call last):\n" +
        '  File "/Shared/bad (cell 2)", line 4, in <module>\n    f()\n' +
        '  File "/Shared/bad (cell 2)", line 2, in f\n    raise ValueError("bad x")\n' +
        "ValueError: bad x\n",
    );
  });

  it("shows a syntax error's line", async () => {
    await rig.notebook("/Shared/syntax", "a = 1\nb = = 2");
    const output = await rig.output((await rig.run("/Shared/syntax")).tasks[0].run_id);
    assert.match(output.error, /^SyntaxError: invalid syntax \(\/Shared\/syntax \(cell 1\), line 2\)$/);
    assert.match(output.error_trace, /b = = 2/);
  });

  it("fails with a clear message where the notebook does not exist", async () => {
    const run = await rig.run("/Shared/missing");
    assert.match(
      run.tasks[0].state.state_message,
      /^Unable to access the notebook "\/Shared\/missing"\. Either it does not exist/,
    );
    assert.equal(run.tasks[0].status.termination_details.code, "RESOURCE_NOT_FOUND");
  });

  it("reports a notebook process that dies", async () => {
    await rig.notebook("/Shared/dies", "import os\nprint('before', flush=True)\nos.kill(os.getpid(), 9)");
    const output = await rig.output((await rig.run("/Shared/dies")).tasks[0].run_id);
    assert.match(output.error, /ended unexpectedly: it was killed by signal 9/);
    assert.equal(output.logs, "before\n");
  });

  it("gives the same run for the same idempotency token, also when both come at once", async () => {
    const body = { tasks: [task("a", "/Shared/ok")], idempotency_token: "t".repeat(64) };
    const answers = await Promise.all(
      [1, 2, 3].map(() => rig.call("POST", "/api/2.2/jobs/runs/submit", body)),
    );
    assert.equal(new Set(answers.map((answer) => answer.run_id)).size, 1);
    await rig.wait(answers[0].run_id);
    assert.equal((await rig.call("POST", "/api/2.1/jobs/runs/submit", body)).run_id, answers[0].run_id);
    const long = await rig.raw("POST", "/api/2.2/jobs/runs/submit", {
      ...body,
      idempotency_token: "t".repeat(65),
    });
    assert.deepEqual([long.status, long.body.error_code], [400, "INVALID_PARAMETER_VALUE"]);
  });

  it("refuses wrong submits with Databricks' errors", async () => {
    const cases: [object, string, RegExp][] = [
      [{}, "INVALID_PARAMETER_VALUE", /needs at least one task/],
      [{ tasks: [task("a b", "/x")] }, "INVALID_PARAMETER_VALUE", /Invalid task_key "a b"/],
      [{ tasks: [task("a", "/x"), task("a", "/x")] }, "INVALID_PARAMETER_VALUE", /unique: a/],
      [
        { tasks: [task("a", "/x", { depends_on: [{ task_key: "b" }] })] },
        "INVALID_PARAMETER_VALUE",
        /depends on b, which does not exist/,
      ],
      [{ tasks: [task("a", "/x", { depends_on: [{ task_key: "a" }] })] }, "INVALID_PARAMETER_VALUE", /cycle/],
      [
        { tasks: [task("a", "/x", { run_if: "SOMETIMES" })] },
        "INVALID_PARAMETER_VALUE",
        /run_if must be one of/,
      ],
      [{ tasks: [task("a", "/x", { timeout_seconds: -1 })] }, "INVALID_PARAMETER_VALUE", /timeout_seconds/],
      [{ tasks: [{ task_key: "a", spark_jar_task: {} }] }, "NOT_IMPLEMENTED", /runs notebook_task only/],
      [
        { tasks: Array.from({ length: 101 }, (_, i) => task(`t${i}`, "/x")) },
        "INVALID_PARAMETER_VALUE",
        /101\) exceeds the limit of 100/,
      ],
    ];
    for (const [body, code, message] of cases) {
      const answer = await rig.raw("POST", "/api/2.2/jobs/runs/submit", body);
      assert.equal(answer.body.error_code, code, JSON.stringify(body).slice(0, 200));
      assert.match(answer.body.message, message);
    }
    const unknown = await rig.raw("GET", "/api/2.2/jobs/runs/get?run_id=123");
    assert.deepEqual(
      [unknown.status, unknown.body],
      [400, { error_code: "INVALID_PARAMETER_VALUE", message: "Run 123 does not exist." }],
    );
  });

  it("gives output per task only, where there are several", async () => {
    const run = await rig.run([task("a", "/Shared/ok"), task("b", "/Shared/ok")]);
    const answer = await rig.raw("GET", `/api/2.2/jobs/runs/get-output?run_id=${run.run_id}`);
    assert.equal(answer.status, 400);
    assert.match(answer.body.message, /^Retrieving the output of runs with multiple tasks is not supported/);
    const single = await rig.call("GET", `/api/2.2/jobs/runs/get?run_id=${byKey(run).b.run_id}`);
    assert.deepEqual([single.job_run_id, single.tasks.length], [run.run_id, 1]);
  });

  it("cuts an exit value at 5 MB and keeps an empty one", async () => {
    await rig.notebook("/Shared/long", 'dbutils.notebook.exit("é" * 3_000_000)');
    const long = (await rig.output((await rig.run("/Shared/long")).tasks[0].run_id)).notebook_output;
    assert.equal(long.truncated, true);
    assert.equal(Buffer.byteLength(long.result), 5 * 1024 * 1024);
    await rig.notebook("/Shared/empty", 'dbutils.notebook.exit("")');
    const empty = (await rig.output((await rig.run("/Shared/empty")).tasks[0].run_id)).notebook_output;
    assert.deepEqual(empty, { result: "", truncated: false });
  });

  it("lists runs newest first, in pages, by filters", async () => {
    const since = Date.now();
    const ids: number[] = [];
    for (let index = 0; index < 5; index++) ids.unshift((await rig.run("/Shared/ok")).run_id);
    const seen: number[] = [];
    let token = "";
    do {
      const page = await rig.call(
        "GET",
        `/api/2.2/jobs/runs/list?limit=2&start_time_from=${since}&page_token=${token}`,
      );
      assert.ok(page.runs.length <= 2);
      assert.equal(page.runs[0].tasks, undefined);
      seen.push(...page.runs.map((run: Answer) => run.run_id));
      token = page.next_page_token ?? "";
      assert.equal(page.has_more, token !== "");
    } while (token);
    assert.deepEqual(seen, ids);
    const expanded = await rig.call(
      "GET",
      "/api/2.2/jobs/runs/list?limit=1&expand_tasks=true&completed_only=true",
    );
    assert.equal(expanded.runs[0].tasks.length, 1);
    assert.deepEqual(await rig.call("GET", "/api/2.2/jobs/runs/list?active_only=true"), { has_more: false });
    assert.equal((await rig.raw("GET", "/api/2.2/jobs/runs/list?limit=26")).status, 400);
  });

  it("deletes a run", async () => {
    const run = await rig.run("/Shared/ok");
    await rig.call("POST", "/api/2.2/jobs/runs/delete", { run_id: run.run_id });
    assert.equal((await rig.raw("GET", `/api/2.2/jobs/runs/get?run_id=${run.run_id}`)).status, 400);
    assert.equal(existsSync(path.join(rig.dataDir, "runs", String(run.tasks[0].run_id))), false);
  });

  it("exports the notebook with its outputs, escaped", async () => {
    await rig.notebook(
      "/Shared/page",
      '# DBTITLE 1,A <title>\nprint("<script>")\n===\ndisplay([{"a": 1, "b": 2}])',
    );
    const run = await rig.run("/Shared/page");
    const { views } = await rig.call("GET", `/api/2.2/jobs/runs/export?run_id=${run.tasks[0].run_id}`);
    assert.equal(views[0].name, "page");
    assert.match(views[0].content, /A &lt;title&gt;/);
    assert.match(views[0].content, /&lt;script&gt;\n/);
    assert.match(views[0].content, /a {2}b\n1 {2}2/);
  });
});

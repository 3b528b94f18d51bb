/** Jobs through the REST API: settings, defaults, run-now. */
import assert from "node:assert/strict";
import { issueToken } from "../../workspace/auth";
import { ensureUser } from "../../workspace/identities";
import { byKey, startRig, task, type Answer, type Rig } from "./helper";

describe("jobs", () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    await rig.notebook(
      "/Shared/echo",
      "import json\ndbutils.notebook.exit(json.dumps(dbutils.widgets.getAll()))",
    );
  });
  after(() => rig.close());

  const create = async (settings: object): Promise<number> =>
    (await rig.call("POST", "/api/2.2/jobs/create", settings)).job_id;
  const get = (jobId: number): Promise<Answer> => rig.call("GET", `/api/2.2/jobs/get?job_id=${jobId}`);

  it("show their settings as they were given, with Databricks' defaults", async () => {
    const given = {
      name: "daily",
      description: "what it does",
      tasks: [
        {
          task_key: "a",
          notebook_task: { notebook_path: "/Shared/echo", base_parameters: { x: "1" } },
          environment_key: "default",
          max_retries: 2,
          min_retry_interval_millis: 1000,
          retry_on_timeout: true,
          timeout_seconds: 60,
        },
        task("b", "/Shared/echo", {
          depends_on: [{ task_key: "a" }],
          run_if: "ALL_DONE",
          job_cluster_key: "small",
          libraries: [{ whl: "/Workspace/x.whl" }],
        }),
      ],
      environments: [{ environment_key: "default", spec: { client: "2" } }],
      job_clusters: [{ job_cluster_key: "small", new_cluster: { num_workers: 1 } }],
      schedule: {
        quartz_cron_expression: "0 0 6 * * ?",
        timezone_id: "Europe/London",
        pause_status: "PAUSED",
      },
      parameters: [{ name: "env", default: "prod" }],
      tags: { team: "data" },
      queue: { enabled: true },
    };
    const job = await get(await create(given));
    assert.equal(job.creator_user_name, "admin@local.workspace");
    assert.equal(job.run_as_user_name, "admin@local.workspace");
    const shared = { email_notifications: {}, webhook_notifications: {} };
    assert.deepEqual(job.settings, {
      ...given,
      ...shared,
      format: "MULTI_TASK",
      max_concurrent_runs: 1,
      timeout_seconds: 0,
      tasks: [
        {
          ...given.tasks[0],
          ...shared,
          run_if: "ALL_SUCCESS",
          notebook_task: { ...(given.tasks[0] as Answer).notebook_task, source: "WORKSPACE" },
        },
        {
          ...given.tasks[1],
          ...shared,
          timeout_seconds: 0,
          notebook_task: { notebook_path: "/Shared/echo", source: "WORKSPACE" },
        },
      ],
    });
  });

  it("are reset, updated field by field, and deleted", async () => {
    const jobId = await create({
      name: "old",
      tags: { a: "1" },
      tasks: [task("a", "/Shared/echo"), task("b", "/Shared/echo")],
    });
    await rig.call("POST", "/api/2.2/jobs/update", {
      job_id: jobId,
      new_settings: { name: "new", tasks: [task("b", "/Shared/other"), task("c", "/Shared/echo")] },
      fields_to_remove: ["tags", "tasks/a"],
    });
    let { settings } = await get(jobId);
    assert.deepEqual(
      [
        settings.name,
        settings.tags,
        settings.tasks.map((one: Answer) => [one.task_key, one.notebook_task.notebook_path]),
      ],
      [
        "new",
        undefined,
        [
          ["b", "/Shared/other"],
          ["c", "/Shared/echo"],
        ],
      ],
    );
    await rig.call("POST", "/api/2.1/jobs/reset", {
      job_id: jobId,
      new_settings: { name: "reset", max_concurrent_runs: 3 },
    });
    ({ settings } = await get(jobId));
    assert.deepEqual([settings.name, settings.max_concurrent_runs, settings.tasks], ["reset", 3, undefined]);
    await rig.call("POST", "/api/2.2/jobs/delete", { job_id: jobId });
    const gone = await rig.raw("GET", `/api/2.2/jobs/get?job_id=${jobId}`);
    assert.deepEqual(
      [gone.status, gone.body],
      [400, { error_code: "INVALID_PARAMETER_VALUE", message: `Job ${jobId} does not exist.` }],
    );
  });

  it("refuse wrong settings, and keep the old ones", async () => {
    const jobId = await create({ name: "kept" });
    const cases: [object, RegExp][] = [
      [
        { schedule: { quartz_cron_expression: "* *", timezone_id: "UTC" } },
        /quartz cron expression: "\* \*"/,
      ],
      [{ schedule: { quartz_cron_expression: "0 0 6 * * ?", timezone_id: "Mars" } }, /timezone_id: "Mars"/],
      [
        {
          parameters: [
            { name: "a", default: "1" },
            { name: "a", default: "2" },
          ],
        },
        /a is defined more than once/,
      ],
      [{ max_concurrent_runs: -1 }, /max_concurrent_runs/],
      [{ tasks: [{ task_key: "a" }] }, /exactly one task type/],
      [{ run_as: { user_name: "nobody@x" } }, /nobody@x does not exist/],
    ];
    for (const [settings, message] of cases) {
      const answer = await rig.raw("POST", "/api/2.2/jobs/update", { job_id: jobId, new_settings: settings });
      assert.deepEqual([answer.status, answer.body.error_code], [400, "INVALID_PARAMETER_VALUE"]);
      assert.match(answer.body.message, message);
    }
    assert.equal((await get(jobId)).settings.name, "kept");
    assert.match(
      (await rig.raw("POST", "/api/2.2/jobs/run-now", { job_id: jobId })).body.message,
      /has no tasks/,
    );
  });

  it("are listed newest first, by name, in pages, with tasks only when asked", async () => {
    const ids = [];
    for (const name of ["x", "Twin", "twin"])
      ids.unshift(await create({ name, tasks: [task("a", "/Shared/echo")] }));
    const twins = await rig.call("GET", "/api/2.2/jobs/list?name=TWIN");
    assert.deepEqual(
      twins.jobs.map((job: Answer) => job.job_id),
      ids.slice(0, 2),
    );
    assert.equal(twins.jobs[0].settings.tasks, undefined);
    const first = await rig.call("GET", "/api/2.2/jobs/list?limit=2&expand_tasks=true");
    assert.deepEqual(
      first.jobs.map((job: Answer) => job.job_id),
      ids.slice(0, 2),
    );
    assert.equal(first.jobs[0].settings.tasks.length, 1);
    assert.equal(first.has_more, true);
    const second = await rig.call("GET", `/api/2.2/jobs/list?limit=1&page_token=${first.next_page_token}`);
    assert.equal(second.jobs[0].job_id, ids[2]);
    assert.equal((await rig.raw("GET", "/api/2.2/jobs/list?page_token=nonsense")).status, 400);
    assert.deepEqual(await rig.call("GET", "/api/2.2/jobs/list?name=nothing"), { has_more: false });
  });

  it("run with their parameters, overridden ones and references, once for each token", async () => {
    const jobId = await create({
      name: "with parameters",
      parameters: [
        { name: "env", default: "prod" },
        { name: "day", default: "today" },
      ],
      tasks: [
        {
          task_key: "a",
          notebook_task: {
            notebook_path: "/Shared/echo",
            base_parameters: { own: "{{job.parameters.env}}/{{job.id}}/{{job.run_id}}", env: "loses" },
          },
        },
      ],
    });
    const body = { job_id: jobId, job_parameters: { env: "staging" }, idempotency_token: "once" };
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/run-now", body);
    const run = await rig.wait(runId);
    assert.equal(run.run_type, "JOB_RUN");
    assert.deepEqual(run.job_parameters, [
      { name: "env", default: "prod", value: "staging" },
      { name: "day", default: "today", value: "today" },
    ]);
    const { result } = (await rig.output(byKey(run).a.run_id)).notebook_output;
    assert.deepEqual(JSON.parse(result), { own: `staging/${jobId}/${runId}`, env: "staging", day: "today" });
    assert.equal((await rig.call("POST", "/api/2.2/jobs/run-now", body)).run_id, runId);
    const listed = await rig.call("GET", `/api/2.2/jobs/runs/list?job_id=${jobId}`);
    assert.deepEqual(
      listed.runs.map((one: Answer) => one.run_id),
      [runId],
    );
    const unknown = await rig.raw("POST", "/api/2.2/jobs/run-now", {
      job_id: jobId,
      job_parameters: { odd: "1" },
    });
    assert.match(unknown.body.message, /odd is not defined in the job; its parameters: env, day/);
  });

  it("take notebook_params over base_parameters where they have no parameters", async () => {
    const tasks = [
      {
        task_key: "a",
        notebook_task: { notebook_path: "/Shared/echo", base_parameters: { a: "1", b: "2" } },
      },
    ];
    const jobId = await create({ name: "plain", tasks });
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/run-now", {
      job_id: jobId,
      notebook_params: { b: "3" },
    });
    const run = await rig.wait(runId);
    assert.deepEqual(run.overriding_parameters, { notebook_params: { b: "3" } });
    assert.deepEqual(JSON.parse((await rig.output(run.tasks[0].run_id)).notebook_output.result), {
      a: "1",
      b: "3",
    });
  });

  it("skip or queue a run where as many as allowed are active", async () => {
    await rig.notebook(
      "/Shared/until",
      'import os, time\nwhile not os.path.exists("/dbfs/go"):\n    time.sleep(0.01)',
    );
    const tasks = [task("a", "/Shared/until")];
    const [skips, queues] = [
      await create({ name: "skips", tasks }),
      await create({ name: "queues", tasks, queue: { enabled: true } }),
    ];
    const runs: number[] = [];
    for (const jobId of [skips, skips, queues, queues])
      runs.push((await rig.call("POST", "/api/2.2/jobs/run-now", { job_id: jobId })).run_id);
    const skipped = await rig.wait(runs[1]!);
    assert.equal(skipped.state.life_cycle_state, "SKIPPED");
    assert.equal(skipped.status.termination_details.code, "MAX_CONCURRENT_RUNS_EXCEEDED");
    const queued = await rig.wait(runs[3]!, () => true);
    assert.equal(queued.state.life_cycle_state, "QUEUED");
    await rig.call("POST", "/api/2.0/workspace/mkdirs", { path: "/Shared" });
    await rig.notebook("/Shared/go", 'dbutils.fs.put("dbfs:/go", "")');
    await rig.run("/Shared/go");
    for (const index of [0, 2, 3]) assert.equal((await rig.wait(runs[index]!)).state.result_state, "SUCCESS");
  });

  it("are for those who have permission", async () => {
    const { store } = rig.running.workspace;
    ensureUser(store, "other@local.workspace");
    const token = issueToken(store, "other@local.workspace");
    const jobId = await create({ name: "mine", tasks: [task("a", "/Shared/echo")] });
    const as = (method: "GET" | "POST", route: string, body?: object) => rig.raw(method, route, body, token);
    assert.equal((await as("GET", `/api/2.2/jobs/get?job_id=${jobId}`)).body.error_code, "PERMISSION_DENIED");
    assert.equal(
      (await as("POST", "/api/2.2/jobs/run-now", { job_id: jobId })).body.error_code,
      "PERMISSION_DENIED",
    );
    assert.deepEqual((await as("GET", "/api/2.2/jobs/list?name=mine")).body, { has_more: false });
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/run-now", { job_id: jobId });
    assert.equal(
      (await as("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`)).body.error_code,
      "PERMISSION_DENIED",
    );
    assert.equal(
      (await as("POST", "/api/2.2/jobs/runs/cancel", { run_id: runId })).body.error_code,
      "PERMISSION_DENIED",
    );
    const acl = [{ user_name: "other@local.workspace", permission_level: "CAN_VIEW" }];
    await rig.call("POST", "/api/2.2/jobs/reset", {
      job_id: jobId,
      new_settings: { name: "mine", tasks: [task("a", "/Shared/echo")], access_control_list: acl },
    });
    assert.equal((await as("GET", `/api/2.2/jobs/get?job_id=${jobId}`)).status, 200);
    assert.equal((await as("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`)).status, 200);
    assert.equal(
      (await as("POST", "/api/2.2/jobs/run-now", { job_id: jobId })).body.error_code,
      "PERMISSION_DENIED",
    );
    await rig.wait(runId);
  });

  it("run as whom they say, if an administrator said so", async () => {
    await rig.notebook(
      "/Shared/who",
      "c = dbutils.notebook.entry_point.getDbutils().notebook().getContext()\ndbutils.notebook.exit(c.userName().get())",
    );
    ensureUser(rig.running.workspace.store, "service@local.workspace");
    const jobId = await create({
      name: "as",
      tasks: [task("a", "/Shared/who")],
      run_as: { user_name: "service@local.workspace" },
    });
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/run-now", { job_id: jobId });
    const run = await rig.wait(runId);
    assert.equal((await rig.output(run.tasks[0].run_id)).notebook_output.result, "service@local.workspace");
    const token = issueToken(rig.running.workspace.store, "service@local.workspace");
    const answer = await rig.raw(
      "POST",
      "/api/2.2/jobs/create",
      { name: "x", run_as: { user_name: "admin@local.workspace" } },
      token,
    );
    assert.equal(answer.body.error_code, "PERMISSION_DENIED");
  });
});

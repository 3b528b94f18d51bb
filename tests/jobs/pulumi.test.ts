/** The real `@pulumi/databricks` Job resource against the local workspace: create, no change, update, refresh, delete. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, PulumiStack } from "../support/pulumi";
import { startRig, type Answer, type Rig } from "./helper";

const PROGRAM = `
const databricks = require("@pulumi/databricks");
const settings = require("./settings.json");
const jobs = settings.map((each, index) => new databricks.Job("job" + index, each));
exports.ids = jobs.map((job) => job.id);
`;

const RICH = {
  name: "rich",
  description: "a job with much in it",
  tags: { team: "data", release: "abc" },
  maxConcurrentRuns: 2,
  timeoutSeconds: 3600,
  queue: { enabled: true },
  parameters: [{ name: "env", default: "prod" }],
  schedule: { quartzCronExpression: "0 0 6 * * ?", timezoneId: "UTC", pauseStatus: "PAUSED" },
  environments: [{ environmentKey: "default", spec: { environmentVersion: "2", dependencies: ["pytest"] } }],
  emailNotifications: { onFailures: ["a@example.com"] },
  tasks: [
    {
      taskKey: "features",
      notebookTask: { notebookPath: "/Shared/features", baseParameters: { x: "{{job.parameters.env}}" } },
      environmentKey: "default",
    },
    {
      taskKey: "train",
      dependsOns: [{ taskKey: "features" }],
      runIf: "ALL_DONE",
      notebookTask: { notebookPath: "/Shared/train" },
      environmentKey: "default",
      maxRetries: 2,
      minRetryIntervalMillis: 1000,
      retryOnTimeout: true,
      timeoutSeconds: 60,
    },
  ],
};
const PLAIN = { name: "plain", tasks: [{ taskKey: "only", notebookTask: { notebookPath: "/Shared/only" } }] };
const CLUSTER = {
  name: "cluster",
  jobClusters: [
    {
      jobClusterKey: "small",
      newCluster: { sparkVersion: "15.4.x-scala2.12", nodeTypeId: "m5.large", numWorkers: 1 },
    },
  ],
  tasks: [
    {
      taskKey: "a",
      jobClusterKey: "small",
      notebookTask: { notebookPath: "/Shared/a" },
      libraries: [{ whl: "/Workspace/Shared/x.whl" }, { pypi: { package: "pytest" } }],
    },
  ],
};

describe("databricks.Job of Pulumi", function () {
  this.timeout(180_000);
  let rig: Rig;
  let stack: PulumiStack;
  before(async () => {
    rig = await startRig();
    stack = new PulumiStack({
      links: ["node_modules"],
      env: { DATABRICKS_HOST: rig.running.host, DATABRICKS_TOKEN: rig.running.token },
    });
    writeFileSync(
      join(stack.program, "Pulumi.yaml"),
      "name: jobs-test\nmain: index.js\nruntime: { name: nodejs, options: { typescript: false } }\n",
    );
    writeFileSync(
      join(stack.program, "package.json"),
      JSON.stringify({ name: "jobs-test", dependencies: { "@pulumi/pulumi": "*" } }),
    );
    writeFileSync(join(stack.program, "index.js"), PROGRAM);
  });
  after(async () => {
    stack?.dispose();
    await rig?.close();
  });

  const use = (...settings: object[]): void =>
    writeFileSync(join(stack.program, "settings.json"), JSON.stringify(settings));
  const jobs = async (): Promise<Answer[]> =>
    (await rig.call("GET", "/api/2.2/jobs/list?expand_tasks=true")).jobs ?? [];

  it("is created, and then there is nothing to change, also after a refresh", async () => {
    use(RICH, PLAIN, CLUSTER);
    ok(await stack.up());
    assert.deepEqual((await jobs()).map((job) => job.settings.name).sort(), ["cluster", "plain", "rich"]);
    ok(await stack.preview("--expect-no-changes", "--diff"));
    ok(await stack.refresh("--expect-no-changes", "--diff"));
  });

  it("is updated in place", async () => {
    const before = (await jobs()).find((job) => job.settings.name === "rich");
    use(
      { ...RICH, tags: { team: "data" }, tasks: RICH.tasks.slice(0, 1), schedule: undefined },
      PLAIN,
      CLUSTER,
    );
    ok(await stack.up());
    const changed = (await jobs()).find((job) => job.settings.name === "rich");
    assert.equal(changed.job_id, before.job_id);
    assert.deepEqual(
      [changed.settings.tags, changed.settings.tasks.length, changed.settings.schedule],
      [{ team: "data" }, 1, undefined],
    );
    ok(await stack.preview("--expect-no-changes", "--diff"));
  });

  it("shows a change made elsewhere, and puts it back", async () => {
    const plain = (await jobs()).find((job) => job.settings.name === "plain");
    await rig.call("POST", "/api/2.2/jobs/update", {
      job_id: plain.job_id,
      new_settings: { max_concurrent_runs: 9 },
    });
    const refreshed = ok(await stack.refresh("--diff"));
    assert.match(refreshed.output, /~ 1 updated/);
    ok(await stack.up());
    assert.equal(
      (await rig.call("GET", `/api/2.2/jobs/get?job_id=${plain.job_id}`)).settings.max_concurrent_runs,
      1,
    );
  });

  it("is deleted, and one that is gone already is found gone", async () => {
    const plain = (await jobs()).find((job) => job.settings.name === "plain");
    await rig.call("POST", "/api/2.2/jobs/delete", { job_id: plain.job_id });
    assert.match(ok(await stack.refresh()).output, /- 1 deleted/);
    ok(await stack.destroy());
    assert.deepEqual(await jobs(), []);
  });
});

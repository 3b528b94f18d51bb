/** The components with Pulumi's mocks: which resources they declare, with which inputs, after what. */
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";

interface Declared {
  readonly type: string;
  readonly name: string;

  readonly inputs: any;
}
const declared: Declared[] = [];

// Before anything that makes resources is imported: the first import decides.
void pulumi.runtime.setMocks(
  {
    newResource: ({ type, name, inputs }) => {
      declared.push({ type, name, inputs: inputs as unknown });
      const computed: Record<string, unknown> = {
        "pulumi-nodejs:dynamic/notebook-releases:Workspace": { workspaceId: "42", userName: "ada@acme.com" },
        "pulumi-nodejs:dynamic/notebook-releases:MlflowExperiment": { experimentId: "7" },
        "pulumi-nodejs:dynamic/notebook-releases:DeploymentRun": {
          deploymentId: "run-1",
          deploymentUrl: "https://w/run-1",
        },
        "pulumi-nodejs:dynamic/notebook-releases:DigestKey": { key: "a2V5" },
      };
      return {
        id: `${name}-id`,
        state: { ...(inputs as object), ...(computed[type] as object | undefined) },
      };
    },
    call: () => ({}),
  },
  "notebook-releases",
  "staging",
);

import * as components from "../../components";
import { jobMarks } from "../../components/job";
import type { Source } from "../../source";

const GITHASH = "0123456789abcdef0123456789abcdef01234567";
const source = {
  commit: { repository: "https://github.com/acme/churn", githash: GITHASH, ref: "main" },
  files: ["pipeline/score", "tests/test_score", "tests/unit/test_features"]
    .map((target) => ({
      path: `${target}.py`,
      target,
      kind: "notebook",
      language: "PYTHON",
      blob: "b",
      size: 1,
    }))
    .concat([{ path: "lib/a.py", target: "lib/a.py", kind: "file", language: "", blob: "c", size: 1 }]),
  digest: "d1",
} as unknown as Source;
const address = { table: "main.deployments.registry", warehouse: "w1", app: "churn", env: "staging" };

/** All declared so far of a type, once the engine has them. */
async function resources(type: string, count: number): Promise<Declared[]> {
  const found = () => declared.filter((resource) => resource.type.endsWith(type));
  for (let turn = 0; found().length < count && turn < 1000; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found();
}

function deploy() {
  declared.length = 0;
  const workspace = new components.Workspace("workspace", { host: "https://adb-42.azuredatabricks.net" });
  const experiment = new components.Experiment("experiment", { workspace, path: "/Shared/churn" });
  const gateSettings = { timeoutSeconds: 60, retries: 1, parallel: 2, parameters: {}, compute: {} };
  const tests = components.selectTests(source, ["tests/**"]);
  const deployment = new components.Deployment("deployment", {
    workspace,
    experiment,
    app: "churn",
    env: "staging",
    source,
    gate: components.gateRequirements(tests, gateSettings),
    note: "first",
  });
  const spec = { repository: source.commit.repository, ref: "main", path: "notebooks", exclude: ["**/*.md"] };
  const release = new components.NotebookRelease("release", {
    workspace,
    deployment,
    spec,
    source,
    releaseRoot: "/Shared/releases",
    readers: [{ groupName: "jobs" }],
    registry: address,
  });
  const gate = new components.Gate("gate", {
    workspace,
    experiment,
    deployment,
    release,
    registry: address,
    tests,
    settings: gateSettings,
  });
  const registry = new components.Registry("registry", { workspace, address, deployment, release, gate });
  const trigger = new components.Trigger("trigger", { workspace, releaseRoot: "/Shared/releases" });
  return { workspace, release, registry, trigger };
}

describe("the components", () => {
  it("give every dynamic resource its place, and one explicit, empty provider", async () => {
    deploy();
    await resources(":RegistryRow", 1);
    const providers = declared.filter(({ type }) => type === "pulumi:providers:pulumi-nodejs");
    assert.deepEqual(
      providers.map(({ inputs }) => Object.keys(inputs as object)),
      [[]],
    );
    const dynamic = declared.filter(
      ({ type }) => type.startsWith("pulumi-nodejs:dynamic/") && !type.endsWith(":Workspace"),
    );
    assert.equal(dynamic.length, 5);
    for (const { name, inputs } of dynamic) {
      assert.equal(inputs.host, "https://adb-42.azuredatabricks.net", name);
      assert.equal(inputs.workspaceId, "42", name);
    }
  });

  it("deploy one commit: the same githash and digest in run, release and row", async () => {
    deploy();
    const [run] = await resources(":DeploymentRun", 1);
    const [directory] = await resources(":ReleaseDirectory", 1);
    const [row] = await resources(":RegistryRow", 1);
    for (const resource of [run, directory, row]) {
      assert.equal(resource?.inputs.githash, GITHASH);
      assert.equal(resource?.inputs.digest, "d1");
    }
    assert.equal(run?.inputs.experimentId, "7");
    assert.equal(run?.inputs.note, "first");
    assert.equal(directory?.inputs.path, `/Shared/releases/${GITHASH}`);
    assert.deepEqual(directory?.inputs.readers, [{ groupName: "jobs" }]);
    assert.deepEqual(directory?.inputs.exclude, ["**/*.md"]);
    assert.equal(row?.inputs.releasePath, directory?.inputs.path);
    assert.equal(row?.inputs.deploymentId, "run-1");
    assert.equal(row?.inputs.table, address.table);
  });

  it("hand the gate the release's test notebooks and its settings", async () => {
    deploy();
    const [gate] = await resources(":NotebookTestRun", 1);
    assert.deepEqual(gate?.inputs.tests, ["tests/test_score", "tests/unit/test_features"]);
    assert.equal(gate?.inputs.settings.timeoutSeconds, 60);
    assert.equal(gate?.inputs.deploymentId, "run-1");
  });

  const MARKS = { app: "churn", env: "staging", registry: "a74d51ba595e81d4" };
  const jobNamed = (name: string) =>
    declared.find((resource) => resource.type.endsWith("job:Job") && resource.name === name)?.inputs;

  it("pin a job to the release, or dispatch it by the trigger", async () => {
    const { workspace, release, registry, trigger } = deploy();
    const common = { workspace, release, registry, trigger };
    new components.ReleaseJob("weekly", {
      ...common,
      mode: "pinned",
      tasks: [
        { taskKey: "features", notebook: "pipeline/features" },
        { taskKey: "train", notebook: "pipeline/train", dependsOn: ["features"], parameters: { day: "1" } },
      ],
    });
    new components.ReleaseJob("daily", {
      ...common,
      mode: "dispatch",
      tasks: [{ taskKey: "main", notebook: "pipeline/score", parameters: { day: "1" } }],
      settings: { tags: { team: "growth" } },
    });
    await resources("job:Job", 2);
    const weekly = jobNamed("weekly");
    assert.deepEqual(weekly.tags, { ...MARKS, githash: GITHASH });
    assert.equal(weekly.tasks[1].notebookTask.notebookPath, `/Shared/releases/${GITHASH}/pipeline/train`);
    assert.deepEqual(weekly.tasks[1].notebookTask.baseParameters, {
      day: "1",
      app: "churn",
      env: "staging",
      githash: GITHASH,
      deployment_id: "run-1",
      release_path: `/Shared/releases/${GITHASH}`,
    });
    assert.deepEqual(weekly.tasks[1].dependsOns, [{ taskKey: "features" }]);
    const daily = jobNamed("daily");
    assert.deepEqual(daily.tags, { team: "growth", ...MARKS });
    assert.equal(daily.tasks[0].notebookTask.notebookPath, "/Shared/releases/trigger");
    assert.deepEqual(daily.tasks[0].notebookTask.baseParameters, {
      day: "1",
      registry_table: address.table,
      app: "churn",
      env: "staging",
      notebook: "pipeline/score",
    });
  });

  it("give a job its compute where a task names none, Databricks' own settings, and its permissions", async () => {
    const { workspace, release, registry, trigger } = deploy();
    const settings = {
      schedule: { quartzCronExpression: "0 0 6 * * ?", timezoneId: "UTC", pauseStatus: "PAUSED" },
      runAs: { servicePrincipalName: "churn-jobs" },
      emailNotifications: { onFailures: ["team@acme.com"] },
      jobClusters: [{ jobClusterKey: "small", newCluster: { sparkVersion: "15.4.x-scala2.12" } }],
      parameters: [{ name: "day", default: "1" }],
    };
    new components.ReleaseJob("clustered", {
      ...{ workspace, release, registry, trigger, mode: "pinned", settings },
      compute: { existingClusterId: "0123-abc" },
      permissions: [
        { groupName: "analysts", level: "CAN_MANAGE_RUN" },
        { userName: "ada@acme.com", level: "IS_OWNER" },
      ],
      tasks: [
        { taskKey: "own", notebook: "pipeline/score", jobClusterKey: "small" },
        { taskKey: "stacks", notebook: "pipeline/score", maxRetries: 2 },
      ],
    });
    const [permissions] = await resources("permissions:Permissions", 1);
    const job = jobNamed("clustered");
    for (const [key, value] of Object.entries(settings)) {
      assert.deepEqual(job[key], value, key);
    }
    const [own, stacks] = job.tasks;
    assert.deepEqual([own.jobClusterKey, own.existingClusterId], ["small", undefined]);
    assert.deepEqual([stacks.existingClusterId, stacks.maxRetries], ["0123-abc", 2]);
    assert.deepEqual(permissions?.inputs, {
      jobId: "clustered-id",
      accessControls: [
        { groupName: "analysts", permissionLevel: "CAN_MANAGE_RUN" },
        { userName: "ada@acme.com", permissionLevel: "IS_OWNER" },
      ],
    });
  });

  it("name a job's owner, where nobody is the owner: the deployer", async () => {
    const { workspace, release, registry, trigger } = deploy();
    new components.ReleaseJob("owned", {
      ...{ workspace, release, registry, trigger, mode: "pinned" },
      permissions: [{ groupName: "analysts", level: "CAN_VIEW" }],
      tasks: [{ taskKey: "own", notebook: "pipeline/score" }],
    });
    const [permissions] = await resources("permissions:Permissions", 1);
    assert.deepEqual(permissions?.inputs.accessControls, [
      { groupName: "analysts", permissionLevel: "CAN_VIEW" },
      { userName: "ada@acme.com", permissionLevel: "IS_OWNER" },
    ]);
  });

  it("mark the jobs of one table's row alike, however it is spelled, and of another one otherwise", () => {
    const { registry: mark } = jobMarks(address);
    assert.equal(jobMarks({ ...address, table: "`Main`.deployments.REGISTRY" }).registry, mark);
    assert.notEqual(jobMarks({ ...address, table: "main.deployments.other" }).registry, mark);
  });

  it("ship the trigger notebook", async () => {
    deploy();
    const [trigger] = await resources("notebook:Notebook", 1);
    const content = Buffer.from(trigger?.inputs.contentBase64 as string, "base64").toString();
    assert.match(content, /^# Databricks notebook source/);
    assert.match(content, /registry_table/);
  });

  it("declare a scope, its keys by where their values come from, and its ACLs; never a value", async () => {
    process.env.CHURN_TOKEN = "sesame open";
    declared.length = 0;
    const workspace = new components.Workspace("workspace", { host: "https://adb-42.azuredatabricks.net" });
    new components.SecretScope("secrets", {
      workspace,
      scope: "churn",
      keys: { "api-token": { env: "CHURN_TOKEN" } },
      acls: [{ principal: "churn-jobs", permission: "READ" }],
    });
    await resources(":SecretPermission", 1);
    const [key] = await resources(":SecretValue", 1);
    assert.deepEqual(key?.inputs.from, { env: "CHURN_TOKEN" });
    assert.equal(key?.inputs.scope, "churn");
    assert.doesNotMatch(JSON.stringify(declared), /sesame open/);
    delete process.env.CHURN_TOKEN;
  });

  it("refuse keys that differ only by case, and globs that match no notebook", () => {
    const workspace = new components.Workspace("workspace", { host: "https://adb-42.azuredatabricks.net" });
    const keys = { token: { env: "A" }, Token: { env: "B" } };
    assert.throws(
      () => new components.SecretScope("secrets", { workspace, scope: "churn", keys }),
      /differ only by case: Token/,
    );
    assert.throws(
      () => components.selectTests(source, ["tests/**", "tets/**"]),
      /"tets\/\*\*" matches no notebook/,
    );
  });
});

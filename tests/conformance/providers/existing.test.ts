/** Things that were there before the stack: used, and left alone when it goes. And the ground: which workspace, whose token. */
import assert from "node:assert/strict";
import { startLocalWorkspace, type LocalWorkspace } from "../../support/localWorkspace";
import { row } from "./cases";
import { Resource } from "./engine";
import { Ground, unique } from "./ground";

describe("what was there before", function () {
  this.timeout(60_000);
  let ground: Ground;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  it("a scope is used with its keys, and not deleted", async () => {
    const scope = unique("existing");
    await ground.workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope });
    await ground.workspace.ok("POST", "/api/2.0/secrets/put", { scope, key: "theirs", string_value: "v" });
    const resource = new Resource("SecretScope");
    await resource.up({ ...ground.place, scope });
    assert.equal(resource.outs.created, false);
    await resource.delete();
    await ground.workspace.ok("GET", `/api/2.0/secrets/get?scope=${scope}&key=theirs`);
  });

  it("a scope that two stacks make at once is made once, and both have it", async () => {
    const scope = unique("shared");
    const resources = Array.from({ length: 4 }, () => new Resource("SecretScope"));
    await Promise.all(resources.map((resource) => resource.up({ ...ground.place, scope })));
    assert.equal(resources.filter(({ outs }) => outs.created === true).length, 1);
  });

  it("an experiment is used with its runs; a deleted one is restored; two at once find the same", async () => {
    const path = `/Shared/existing experiments/${unique("experiment")}`;
    const resources = Array.from({ length: 4 }, () => new Resource("MlflowExperiment"));
    await Promise.all(resources.map((resource) => resource.up({ ...ground.place, path })));
    const ids = new Set(resources.map(({ outs }) => outs.experimentId));
    assert.equal(ids.size, 1);
    const [experimentId] = ids;
    await ground.workspace.ok("POST", "/api/2.0/mlflow/runs/create", {
      experiment_id: experimentId,
      start_time: Date.now(),
    });
    await ground.workspace.ok("POST", "/api/2.0/mlflow/experiments/delete", { experiment_id: experimentId });
    const again = new Resource("MlflowExperiment");
    await again.up({ ...ground.place, path });
    assert.equal(again.outs.experimentId, experimentId);
    const { runs } = await ground.workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [experimentId],
    });
    assert.equal(runs.length, 1);
  });

  it("an experiment whose folder is a notebook is refused with the workspace's words", async () => {
    const path = `/Shared/${unique("notebook")}`;
    await ground.workspace.ok("POST", "/api/2.0/workspace/import", {
      path,
      content: "",
      format: "SOURCE",
      language: "PYTHON",
    });
    await assert.rejects(
      new Resource("MlflowExperiment").up({ ...ground.place, path: `${path}/experiment` }),
      /RESOURCE_ALREADY_EXISTS|INVALID|DIRECTORY/,
    );
  });
});

describe("the ground", function () {
  this.timeout(60_000);
  let ground: Ground;
  let other: LocalWorkspace;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  // A workspace of the test's own: who we are is asked once a process and workspace.
  beforeEach(async () => {
    other = await startLocalWorkspace({ engines: false });
    process.env.DATABRICKS_TOKEN = other.token;
  });
  afterEach(async () => {
    process.env.DATABRICKS_TOKEN = ground.workspace.token;
    await other.stop();
  });
  after(() => ground?.leave());

  /** A rollback: no hold is looked for. */
  const inputsFor = (host: string) => ({
    host,
    expectedWorkspaceId: "",
    move: { ...row(ground), githash: ground.githash, isRollback: true, stack: "test" },
  });

  it("remembers the first deployment's workspace and deployer, whoever deploys later", async () => {
    const resource = new Resource("Workspace");
    const inputs = inputsFor(ground.place.host);
    process.env.DATABRICKS_TOKEN = ground.workspace.token;
    await resource.up(inputs);
    assert.deepEqual(
      [resource.id, resource.outs.userName],
      [ground.place.workspaceId, "admin@local.workspace"],
    );
    resource.inputs.userName = "somebody.else@example.com";
    assert.equal((await resource.checked(inputs)).userName, "somebody.else@example.com");
  });

  it("is refused where the host leads to another workspace than the first deployment's", async () => {
    const resource = new Resource("Workspace");
    await resource.up(inputsFor(other.host));
    const id = resource.outs.workspaceId;
    process.env.DATABRICKS_TOKEN = ground.workspace.token;
    const { failures } = await resource.check(inputsFor(ground.place.host));
    assert.match(
      failures[0]?.reason ?? "",
      new RegExp(
        `is workspace ${ground.place.workspaceId}, but this stack was deployed to workspace ${id}\\. Nothing was changed`,
      ),
    );
  });

  it("names DATABRICKS_TOKEN where the token is wrong or missing, and never shows one; the next try is a new one", async () => {
    const inputs = { host: other.host, expectedWorkspaceId: "" };
    const resource = new Resource("Workspace");
    process.env.DATABRICKS_TOKEN = "dapi-wrong-token-4711";
    const wrong = await resource.check(inputs);
    assert.equal(wrong.failures[0]?.property, "host");
    assert.match(wrong.failures[0]?.reason ?? "", /refused the credentials\. Check DATABRICKS_TOKEN/);
    assert.ok(!JSON.stringify(wrong).includes("4711"));

    const file = process.env.DATABRICKS_CONFIG_FILE;
    delete process.env.DATABRICKS_TOKEN;
    process.env.DATABRICKS_CONFIG_FILE = "/nowhere/.databrickscfg";
    try {
      const missing = await resource.check(inputs);
      assert.match(missing.failures[0]?.reason ?? "", /^No Databricks credentials\. Set DATABRICKS_TOKEN/);
    } finally {
      if (file === undefined) delete process.env.DATABRICKS_CONFIG_FILE;
      else process.env.DATABRICKS_CONFIG_FILE = file;
    }
    process.env.DATABRICKS_TOKEN = other.token;
    assert.deepEqual((await resource.check(inputs)).failures, []);
  });

  it("is refused where the server does not say which workspace it is", async () => {
    const server = (await import("node:http")).createServer((_, response) => response.end("{}"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const host = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
      const { failures } = await new Resource("Workspace").check({ host, expectedWorkspaceId: "" });
      assert.match(failures[0]?.reason ?? "", /did not say which workspace it is \(no X-Databricks-Org-Id\)/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

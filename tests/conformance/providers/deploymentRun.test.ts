/** A deployment's MLflow run: what it holds, and when it takes another one to try again. */
import assert from "node:assert/strict";
import { asStepOf } from "../../../providers/deployment";
import { Client } from "../../../databricks/client";
import { cases } from "./cases";
import { fails, Resource, type Values } from "./engine";
import { Ground } from "./ground";

const entry = cases.find(({ type }) => type === "DeploymentRun")!;
const CI = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"] as const;

describe("DeploymentRun", function () {
  this.timeout(60_000);
  let ground: Ground;
  const ci = CI.map((name) => [name, process.env[name]] as const);

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  beforeEach(() => CI.forEach((name) => delete process.env[name]));
  afterEach(() => ground.clearFaults());
  after(async () => {
    for (const [name, value] of ci) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await ground?.leave();
  });

  async function opened(more: Values = {}): Promise<{ resource: Resource; inputs: Values }> {
    const inputs = { ...(await entry.inputs(ground)), ...more };
    const resource = new Resource("DeploymentRun");
    await resource.up(inputs);
    return { resource, inputs };
  }

  it("holds the contract's parameters and the tag `running`; its id is the deployment's", async () => {
    const { resource } = await opened();
    assert.equal(resource.id, resource.outs.deploymentId);
    const { status, params, tags } = await ground.mlflowRun(resource.id);
    assert.deepEqual(params, {
      app: "churn",
      env: "test",
      githash: ground.githash,
      pipeline_id: "manual",
      deploy_note: "a note",
      source: ground.repository.directory,
    });
    assert.equal(status, "RUNNING");
    assert.equal(tags.status, "running");
    assert.equal(tags.ci_run, undefined);
    assert.equal(tags["mlflow.runName"], `churn test ${ground.githash.slice(0, 12)}`);
  });

  it("has an address that leads to MLflow's page of it", async () => {
    const { resource, inputs } = await opened();
    const page = await fetch(resource.outs.deploymentUrl, { redirect: "manual" });
    assert.match(
      page.headers.get("location") ?? "",
      new RegExp(`#/experiments/${inputs.experimentId}/runs/${resource.id}$`),
    );
  });

  it("names the CI run that deploys", async () => {
    Object.assign(process.env, {
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_REPOSITORY: "acme/churn",
      GITHUB_RUN_ID: "42",
    });
    const { resource } = await opened();
    assert.equal(
      (await ground.mlflowRun(resource.id)).tags.ci_run,
      "https://github.com/acme/churn/actions/runs/42",
    );
  });

  it("takes notes of any length and alphabet, within MLflow's 500 bytes", async () => {
    const { resource } = await opened({ note: "Änderung 😀 ".repeat(100) });
    const note = (await ground.mlflowRun(resource.id)).params.deploy_note ?? "";
    assert.ok(
      Buffer.byteLength(note) <= 500 && Buffer.byteLength(note) > 490 && note.startsWith("Änderung 😀 "),
    );
  });

  it("is replaced by a new one once it has failed, was killed, or is gone; not while it runs or is live", async () => {
    const { resource, inputs } = await opened();
    const tag = (value: string) =>
      ground.workspace.ok("POST", "/api/2.0/mlflow/runs/set-tag", {
        run_id: resource.id,
        key: "status",
        value,
      });
    for (const status of ["running", "tested", "live", "superseded"]) {
      await tag(status);
      assert.equal(await resource.up(inputs), "same", status);
    }
    await tag("failed");
    const failed = resource.id;
    assert.equal(await resource.up(inputs), "replace");
    assert.notEqual(resource.id, failed);
    assert.equal((await ground.mlflowRun(failed)).tags.status, "failed", "the old run is kept");

    await ground.workspace.ok("POST", "/api/2.0/mlflow/runs/update", {
      run_id: resource.id,
      status: "KILLED",
    });
    assert.equal(await resource.up(inputs), "replace");
    await ground.workspace.ok("POST", "/api/2.0/mlflow/runs/delete", { run_id: resource.id });
    assert.equal(await resource.up(inputs), "replace");
    assert.equal(await resource.up(inputs), "same");
  });

  it("that could not be filled is closed as failed", async () => {
    const inputs = await entry.inputs(ground);
    await ground.fault({
      match: "POST /api/2.0/mlflow/runs/log-batch",
      status: 400,
      message: "no parameters today",
      times: 1,
    });
    await fails(new Resource("DeploymentRun").up(inputs), /no parameters today/);
    const { runs } = await ground.workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [inputs.experimentId],
    });
    assert.deepEqual(
      runs.map(({ info }: { info: { status: string } }) => info.status),
      ["FAILED"],
    );
  });

  it("that is live stays so where a later repair of it fails; one under way fails with the message", async () => {
    const client = new Client({ host: ground.place.host });
    for (const [before, after] of [
      ["live", "live"],
      ["superseded", "superseded"],
      ["running", "failed"],
      ["tested", "failed"],
    ] as const) {
      const { deploymentId } = await ground.deployment(before);
      await fails(
        asStepOf(client, deploymentId, () => Promise.reject(new Error("the step broke"))),
        /^the step broke$/,
      );
      const { tags } = await ground.mlflowRun(deploymentId);
      assert.equal(tags.status, after);
      assert.equal(tags.message, after === "failed" ? "the step broke" : undefined);
    }
  });

  it("says the failure itself where MLflow cannot be told of it", async () => {
    const client = new Client({ host: ground.place.host });
    const { deploymentId } = await ground.deployment();
    await ground.fault({ match: "GET /api/2.0/mlflow/runs/get", status: 400, message: "MLflow is away" });
    await fails(
      asStepOf(client, deploymentId, () => Promise.reject(new Error("the step broke"))),
      /^the step broke$/,
    );
    assert.match(
      ground.said.join(""),
      /could not mark the deployment .* as failed in MLflow: .*MLflow is away/,
    );
  });
});

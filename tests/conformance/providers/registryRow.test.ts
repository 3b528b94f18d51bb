/** The registry's row: one of several wins, the others learn who; nobody's row is taken by accident. */
import assert from "node:assert/strict";
import { fails, Resource } from "./engine";
import { finishRelease } from "./finished";
import { Ground, unique } from "./ground";
import { RegistryRig, rowCase } from "./registry";

describe("RegistryRow", function () {
  this.timeout(60_000);
  let ground: Ground;
  let registry: RegistryRig;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
    registry = new RegistryRig(ground);
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  it("is one line for each move, in the row and in the history, with who, when, from and to", async () => {
    const { resource, inputs, next } = await registry.deployed();
    await resource.up(next);
    const [row, ...none] = await registry.rows(inputs);
    assert.deepEqual(none, []);
    assert.equal(row?.githash, ground.githash);
    assert.equal(row?.deployment_id, next.deploymentId);
    assert.equal(row?.version, "2");
    assert.equal(row?.deployed_by, "admin@local.workspace");
    assert.equal(row?.previous_githash, ground.githash);
    assert.equal(row?.note, "a note");
    assert.equal(row?.hold, null);
    const history = await registry.moves(inputs);
    assert.deepEqual(
      history.map(({ version, kind, from_githash, githash, deployment_id }) => ({
        version,
        kind,
        from_githash,
        githash,
        deployment_id,
      })),
      [
        {
          version: "1",
          kind: "deploy",
          from_githash: "",
          githash: ground.githash,
          deployment_id: inputs.deploymentId,
        },
        {
          version: "2",
          kind: "deploy",
          from_githash: ground.githash,
          githash: ground.githash,
          deployment_id: next.deploymentId,
        },
      ],
    );
    assert.equal(history[1]?.move_id, row?.move_id);
    assert.equal(history[1]?.moved_at, row?.deployed_at);
  });

  it("makes the deployment live in MLflow, and the one before superseded", async () => {
    const { resource, inputs, next } = await registry.deployed();
    const live = await ground.mlflowRun(inputs.deploymentId);
    assert.deepEqual([live.tags.status, live.status], ["live", "FINISHED"]);
    await resource.up(next);
    assert.equal((await ground.mlflowRun(inputs.deploymentId)).tags.status, "superseded");
    assert.equal((await ground.mlflowRun(next.deploymentId)).tags.status, "live");
  });

  it("shows in a preview what the deployment adds, changes and removes, against what this stack had live", async () => {
    const { resource, inputs, next } = await registry.deployed();
    assert.equal(resource.outs.previousGithash, "");
    assert.deepEqual(resource.outs.changes.changed, []);
    assert.ok(resource.outs.changes.added.includes("pipeline/score"));
    ground.repository.git("switch", "--quiet", "--create", unique("branch"));
    const githash = ground.repository.commit({
      "nb/pipeline/score.py": "# Databricks notebook source\nprint(2)\n",
      "nb/data/zones.csv": null,
    });
    ground.repository.git("switch", "--quiet", "main");
    const { inputs: source } = await ground.source(githash);
    await finishRelease(ground.workspace, next.releasePath, source.digest);
    const checked = await resource.checked({ ...next, ...source });
    assert.equal(checked.previousGithash, inputs.githash);
    assert.deepEqual(checked.changes, {
      added: [],
      changed: ["pipeline/score"],
      removed: ["data/zones.csv"],
    });
    await resource.up({ ...next, ...source });
    assert.deepEqual(
      (await resource.checked({ ...next, ...source })).changes,
      checked.changes,
      "the same on every later up",
    );
  });

  it("goes to exactly one of two first deployments at once; the other learns who was quicker", async () => {
    for (const tables of ["there", "there", "new"]) {
      const inputs = await rowCase.inputs(ground);
      if (tables === "new") inputs.table = `${unique("new").replaceAll("-", "_")}.registry`;
      const other = {
        ...inputs,
        ...(await registry.tested()),
        ...(await registry.another(inputs, "other")),
      };
      const resources = [new Resource("RegistryRow"), new Resource("RegistryRow")];
      const results = await Promise.allSettled([resources[0]!.up(inputs), resources[1]!.up(other)]);
      const refused = results.filter((result) => result.status === "rejected");
      assert.equal(refused.length, 1, JSON.stringify(results));
      assert.match(
        String(refused[0]?.reason),
        /(was moved by somebody else: |deployed by )admin@local\.workspace at 20\d\d-\d\d-\d\d/,
      );
      assert.equal((await registry.rows(inputs)).length, 1);
      assert.equal((await registry.moves(inputs)).length, 1);
      const loser = results[0]?.status === "rejected" ? inputs : other;
      assert.equal((await ground.mlflowRun(loser.deploymentId)).tags.status, "failed");
    }
  });

  it("goes to exactly one of several updates at once", async () => {
    const { resource, inputs } = await registry.deployed();
    const stacks = await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        const { deploymentId } = await ground.deployment("tested");
        return {
          resource: registry.copyOf(resource),
          news: { ...inputs, deploymentId, ...(await registry.another(inputs, String(i))) },
        };
      }),
    );
    const results = await Promise.allSettled(stacks.map(({ resource: one, news }) => one.up(news)));
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    assert.deepEqual(await registry.versions(inputs), [1, 2]);
    const winner = stacks[results.findIndex(({ status }) => status === "fulfilled")];
    assert.equal((await registry.rows(inputs))[0]?.deployment_id, winner?.news.deploymentId);
  });

  it("is refused with who, when, from what to what, where somebody moved it since; after a refresh it moves", async () => {
    const { resource, inputs, next } = await registry.deployed();
    const mine = registry.copyOf(resource);
    await resource.up(next);
    const { deploymentId } = await ground.deployment("tested");
    const news = { ...inputs, deploymentId, ...(await registry.another(inputs, "mine")) };
    const short = ground.githash.slice(0, 12);
    await fails(
      mine.up(news),
      new RegExp(
        `${inputs.app}/test in .* was moved by somebody else: admin@local\\.workspace at 20.*, from ${short} to ${short}`,
      ),
      /version 2, we expected 1\)\. Our move was not done\. Run pulumi refresh/,
    );
    assert.equal((await ground.mlflowRun(deploymentId)).tags.status, "failed");
    assert.equal((await registry.rows(inputs))[0]?.deployment_id, next.deploymentId);
    assert.equal(await mine.refresh(), true);
    const again = { ...news, ...(await registry.tested()) };
    assert.equal(await mine.up(again), "update");
    assert.equal((await registry.rows(inputs))[0]?.version, "3");
  });

  it("is refused where somebody deleted it since", async () => {
    const { resource, inputs, next } = await registry.deployed();
    await rowCase.vanish!(ground, inputs);
    await fails(
      resource.up(next),
      /is gone: somebody deleted it\. Our move was not done\. Run pulumi refresh/,
    );
    assert.deepEqual(await registry.rows(inputs), []);
  });

  it("that another wrote before the first deployment is refused, and taken over where that is asked for", async () => {
    const { inputs, next } = await registry.deployed();
    const stranger = new Resource("RegistryRow");
    await fails(
      stranger.up(next),
      new RegExp(
        `already has ${inputs.app}/test: ${ground.githash.slice(0, 12)}, deployed by admin@local\\.workspace at 20`,
      ),
      /It was left as it is\. To take it over, set registry\.adopt: true/,
    );
    assert.equal((await registry.rows(inputs))[0]?.deployment_id, inputs.deploymentId);
    const { deploymentId } = await ground.deployment("tested");
    assert.equal(await stranger.up({ ...next, deploymentId, adopt: true }), "create");
    assert.deepEqual(
      (await registry.rows(inputs)).map(({ version, deployment_id }) => [version, deployment_id]),
      [["2", deploymentId]],
    );
    assert.deepEqual(await registry.versions(inputs), [1, 2]);
  });

  it("is deleted with a line in the history; another's row stays", async () => {
    const { resource, inputs, next } = await registry.deployed();
    const old = registry.copyOf(resource);
    await resource.up(next);
    await old.delete();
    assert.equal((await registry.rows(inputs))[0]?.deployment_id, next.deploymentId);
    assert.match(
      ground.said.join(""),
      /the row is somebody else's by now \(admin@local\.workspace\); it stays/,
    );
    await resource.delete();
    assert.deepEqual(await registry.rows(inputs), []);
    assert.deepEqual(
      (await registry.moves(inputs)).map(({ kind }) => kind),
      ["deploy", "deploy", "destroy"],
    );
    await resource.delete();
    assert.equal((await registry.moves(inputs)).length, 3);
  });

  it("stands beside rows of other apps and environments, which it never touches", async () => {
    const { inputs } = await registry.deployed();
    const prod = new Resource("RegistryRow");
    const { deploymentId } = await ground.deployment("tested");
    await prod.up({ ...inputs, env: "prod", deploymentId });
    await prod.delete();
    assert.deepEqual(
      (await registry.rows(inputs)).map(({ env }) => env),
      ["test"],
    );
  });

  it("keeps quotes, statements and other alphabets in its values as they are", async () => {
    const inputs = { ...(await rowCase.inputs(ground)), note: `it's "new"; DROP TABLE x; -- \\ 😀 :note` };
    const resource = new Resource("RegistryRow");
    await resource.up(inputs);
    assert.equal((await registry.rows(inputs))[0]?.note, inputs.note);
    assert.equal((await registry.moves(inputs))[0]?.note, inputs.note);
  });
});

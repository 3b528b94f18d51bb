/** A release that exists: taken over without sending it again, repaired sparingly, kept while it is needed. */
import assert from "node:assert/strict";
import { cases, edit } from "./cases";
import { fails, Resource, type Values } from "./engine";
import { finishRelease } from "./finished";
import { Ground, unique } from "./ground";
import { COMPLETE, IMPORT, releaseCase, ReleaseRig } from "./release";

describe("ReleaseDirectory, once it exists", function () {
  this.timeout(60_000);
  let ground: Ground;
  let release: ReleaseRig;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
    release = new ReleaseRig(ground);
  });
  afterEach(() => ground.clearFaults());
  after(() => ground?.leave());

  it("that is complete is taken over without sending anything", async () => {
    const { inputs } = await release.released();
    const { deploymentId } = await release.running();
    const other = new Resource("ReleaseDirectory");
    assert.equal(await release.importsOf(() => other.up({ ...inputs, deploymentId })), 0);
    assert.deepEqual(other.outs.files, { notebooks: 3, files: 2 });
    assert.match(ground.said.join(""), /is complete and unedited: nothing to upload/);
  });

  it("that is complete but edited is repaired when it is taken over", async () => {
    const { inputs } = await release.released();
    await edit(ground, `${inputs.path}/pipeline/score`, "print('edited')");
    const { deploymentId } = await release.running();
    await new Resource("ReleaseDirectory").up({ ...inputs, deploymentId });
    assert.match(await release.source(`${inputs.path}/pipeline/score`), /print\('score'\)/);
  });

  it("is repaired by sending only what is wrong, and the manifest", async () => {
    const { resource, inputs } = await release.released();
    await edit(ground, `${inputs.path}/pipeline/score`, "print('edited')");
    await edit(ground, `${inputs.path}/pipeline/surprise`, "print('added')");
    await release.remove(`${inputs.path}/lib/helper.py`);
    await resource.refresh();
    assert.deepEqual(resource.outs.drift, [
      "missing lib/helper.py",
      "edited pipeline/score",
      "added pipeline/surprise",
    ]);
    assert.equal(await release.importsOf(() => resource.up(inputs)), 3);
    assert.deepEqual(await release.listing(inputs.path), COMPLETE);
    assert.equal((await release.content(`${inputs.path}/lib/helper.py`)).toString(), "VALUE = 1\n");
  });

  it("has its own kind of object put back where another took the name", async () => {
    const { resource, inputs } = await release.released();
    const path = `${inputs.path}/lib/helper.py`;
    await release.remove(path);
    await edit(ground, path, "print('a notebook of that name')");
    await release.remove(`${inputs.path}/pipeline/train`);
    await ground.workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${inputs.path}/pipeline/train` });
    await edit(ground, `${inputs.path}/pipeline/train/inside`, "print('inside')");
    await resource.refresh();
    assert.deepEqual(resource.outs.drift, [
      "edited lib/helper.py",
      "edited pipeline/train",
      "added pipeline/train/inside",
    ]);
    assert.equal(await resource.up(inputs), "update");
    assert.deepEqual(await release.listing(inputs.path), COMPLETE);
  });

  it("whose repair broke off is drifted still, and repaired by the next up", async () => {
    const { resource, inputs } = await release.released();
    await edit(ground, `${inputs.path}/pipeline/score`, "print('edited')");
    await edit(ground, `${inputs.path}/pipeline/train`, "print('edited')");
    await resource.refresh();
    await ground.fault({ match: IMPORT, status: 400, after: 1, times: 0 });
    await fails(resource.up(inputs), /HTTP 400/);
    await ground.clearFaults();
    await resource.refresh();
    assert.equal(resource.outs.drift.length, 1);
    assert.equal(await resource.up(inputs), "update");
    assert.deepEqual(await release.listing(inputs.path), COMPLETE);
    await resource.refresh();
    assert.deepEqual(resource.outs.drift, []);
  });

  it("is made by two at once without harm", async () => {
    const inputs = await releaseCase.inputs(ground);
    const { deploymentId } = await release.running();
    const [one, two] = [new Resource("ReleaseDirectory"), new Resource("ReleaseDirectory")];
    await Promise.all([one.up(inputs), two.up({ ...inputs, deploymentId })]);
    assert.deepEqual(await release.listing(inputs.path), COMPLETE);
    for (const resource of [one, two]) {
      await resource.refresh();
      assert.deepEqual(resource.outs.drift, []);
    }
  });

  describe("when its resource is deleted", () => {
    async function live(releasePath: string, row: Values): Promise<Resource> {
      const registry = cases.find(({ type }) => type === "RegistryRow")!;
      const resource = new Resource("RegistryRow");
      await resource.up({ ...(await registry.inputs(ground)), ...row, releasePath });
      return resource;
    }
    const exists = (inputs: Values) => releaseCase.exists!(ground, inputs);

    it("stays while its environment has a row, whichever release is live", async () => {
      const { resource, inputs } = await release.released();
      await finishRelease(ground.workspace, "/Shared/another release", inputs.digest);
      const row = await live("/Shared/another release", {
        table: inputs.table,
        app: inputs.app,
        env: inputs.env,
      });
      await resource.delete();
      assert.ok(await exists(inputs));
      await row.delete();
      await resource.delete();
      assert.ok(!(await exists(inputs)));
    });

    it("stays while another environment has it live", async () => {
      const { resource, inputs } = await release.released();
      const row = await live(inputs.path, { table: inputs.table });
      await resource.delete();
      assert.ok(await exists(inputs));
      await row.delete();
      await resource.delete();
      assert.ok(!(await exists(inputs)));
    });

    it("goes where there was never a registry", async () => {
      const { resource, inputs } = await release.released();
      resource.outs = { ...resource.outs, table: `conformance.${unique("never").replaceAll("-", "_")}` };
      await resource.delete();
      assert.ok(!(await exists(inputs)));
    });
  });
});

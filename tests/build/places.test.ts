/** Artifacts in a volume and on DBFS: shared by the stacks that name the same folder, kept while one of them needs them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Client } from "../../databricks/client";
import { storeOf } from "../../providers/build/store";
import { deleteArtifacts } from "../../providers/build/stored";
import { failed, ok } from "../support/pulumi";
import { sharedWorkspace } from "../support/localWorkspace";
import { BuildRig, sha256 } from "./rig";
import { BUILD, WHEEL } from "./wheel";

describe("places of artifacts", function () {
  this.timeout(600_000);

  describe("each API", () => {
    for (const folder of [
      "/Volumes/main/default/artifacts/a b/c",
      "dbfs:/FileStore/a b/c",
      "/Workspace/Shared/a b/c",
    ])
      it(`writes, lists, reads and removes in ${folder}`, async () => {
        const { host, token } = await sharedWorkspace();
        const client = new Client({ host, credentials: () => ({ kind: "token", token }) });
        const store = storeOf(client, folder);
        assert.equal(await store.list(folder), undefined);
        await store.makeFolder(folder);
        // More than one block of DBFS, and more than JSON takes.
        const large = randomBytes(11 * 1024 * 1024);
        await store.write(`${folder}/old.jar`, Buffer.from("old"));
        await store.write(`${folder}/old.jar`, large);
        await store.write(`${folder}/é 1.whl`, Buffer.alloc(0));
        const listing = await store.list(folder);
        assert.deepEqual([...listing!.keys()].sort(), ["old.jar", "é 1.whl"]);
        assert.equal(listing!.get("old.jar")?.size, large.length);
        assert.ok(Math.abs((listing!.get("old.jar")?.modifiedAt ?? 0) - Date.now()) < 60_000);
        assert.ok((await store.read(`${folder}/old.jar`)).equals(large));
        assert.equal((await store.read(`${folder}/é 1.whl`)).length, 0);
        for (const name of ["old.jar", "é 1.whl", "never there"]) await store.remove(`${folder}/${name}`);
        assert.equal((await store.list(folder))?.size ?? 0, 0);
        await store.removeFolder(folder);
        await store.removeFolder(folder);
        assert.equal(await store.list(folder), undefined);
        await client.close();
      });
  });

  describe("a volume that two stacks share", () => {
    const TO = "/Volumes/main/default/artifacts/shared";
    let staging: BuildRig;
    let prod: BuildRig;
    // Not the same bytes each time, as many tools have it.
    const build = {
      command: `${BUILD.command} && head -c 16 /dev/urandom > dist/noise.bin`,
      artifacts: ["dist/*"],
      to: TO,
    };
    before(async () => {
      const newCluster = { sparkVersion: "16.4.x-scala2.12", nodeTypeId: "i3.xlarge", numWorkers: 1 };
      staging = await BuildRig.start("volstaging", { build, compute: { newCluster } });
      prod = await BuildRig.start("volprod", { build });
    });
    after(() => {
      staging?.scenario.dispose();
      prod?.scenario.dispose();
    });

    it("the first one builds, the second takes over the very same files", async () => {
      ok(await staging.scenario.stack.up());
      assert.deepEqual((await staging.job()).tasks[0].libraries, [{ whl: `${TO}/${staging.head}/${WHEEL}` }]);
      ok(await staging.scenario.stack.up("--expect-no-changes"));
      assert.equal(
        await staging.scenario.runJob("pinned"),
        `good day ${TO}/${staging.head}/${WHEEL},${TO}/${staging.head}/noise.bin`,
      );
      assert.equal(prod.head, staging.head, "the same commit");
      assert.match(ok(await prod.scenario.stack.up()).output, /nothing to build/);
      const [one, other] = [await staging.lastRun(), await prod.lastRun()];
      assert.equal(one.tags["artifact.noise.bin"], other.tags["artifact.noise.bin"]);
      assert.deepEqual((await staging.manifest()).artifacts, (await prod.manifest()).artifacts);
      ok(await prod.scenario.stack.up("--expect-no-changes"));
    });

    it("a repair that builds something else is refused, with what to do", async () => {
      const client = clientOf(prod);
      const store = storeOf(client, TO);
      const file = `${TO}/${prod.head}/noise.bin`;
      const content = await store.read(file);
      await store.remove(file);
      assert.match(ok(await prod.scenario.stack.refresh()).output, /missing noise\.bin/);
      const output = failed(await prod.scenario.stack.up());
      assert.match(output, /made other artifacts than before, and a release does not change/);
      assert.ok(output.includes(sha256(content)));
      assert.equal((await prod.scenario.row()).githash, prod.head);
      await store.write(file, content);
      ok(await prod.scenario.stack.up("--refresh"));
      ok(await prod.scenario.stack.up("--expect-no-changes"));
      await client.close();
    });

    it("another build of the commit in the same folder is refused while a release needs it", async () => {
      const third = await BuildRig.start("volthird", { build: { ...build, command: "true" } });
      const output = failed(await third.scenario.stack.up());
      assert.match(
        output,
        /artifacts of another build, which \/Users\/.*vol(staging|prod)\/[0-9a-f]{40} uses/,
      );
      third.scenario.dispose();
    });

    it("artifacts go with the last release that needs them", async () => {
      const client = clientOf(prod);
      const folder = `${TO}/${prod.head}`;
      const { artifacts } = await prod.manifest();
      await deleteArtifacts(client, staging.release(), artifacts);
      assert.equal((await storeOf(client, folder).list(folder))?.size, 3);
      await deleteArtifacts(client, prod.release(), artifacts);
      await deleteArtifacts(client, prod.release(), artifacts);
      assert.equal(await storeOf(client, folder).list(folder), undefined);
      await client.close();
    });
  });

  it("DBFS, with a word on the runtimes that refuse it; libraries on a cluster", async () => {
    const rig = await BuildRig.start("ondbfs", {
      build: { ...BUILD, to: "dbfs:/FileStore/builds" },
      compute: { existingClusterId: "1234-567890-abcde123" },
      gate: { tests: [] },
    });
    const { output } = ok(await rig.scenario.stack.up());
    assert.match(output, /runtimes 15\.1 and newer take no libraries from the DBFS root/);
    const { tasks, environments } = await rig.job();
    assert.deepEqual(tasks[0].libraries, [{ whl: `dbfs:/FileStore/builds/${rig.head}/${WHEEL}` }]);
    assert.equal(environments, undefined);
    ok(await rig.scenario.stack.up("--expect-no-changes"));
    rig.scenario.dispose();
  });
});

function clientOf({ scenario: { workspace } }: BuildRig): Client {
  return new Client({ host: workspace.host, credentials: () => ({ kind: "token", token: workspace.token }) });
}

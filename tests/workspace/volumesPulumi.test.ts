/** Volumes, their files and DBFS through the resources of `@pulumi/databricks`: created, found unchanged, changed, gone. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { ok, PulumiStack } from "../support/pulumi";

const PROGRAM = `
const databricks = require("@pulumi/databricks");
const source = "content.txt";
const volume = new databricks.Volume("things", {
  catalogName: "main", schemaName: "pulumi", name: "things", volumeType: "MANAGED", comment: "of a stack",
});
const path = volume.volumePath.apply((folder) => folder + "/sub dir/content.txt");
new databricks.File("file", { source, path });
// Replaced for new contents; with the new one made first, the old one's deletion would take the same path away.
new databricks.DbfsFile("dbfs", { source, path: "/pulumi/content.txt" }, { deleteBeforeReplace: true });
`;

describe("workspace: volumes under Pulumi", function () {
  this.timeout(180_000);
  let local: LocalWorkspace;
  let stack: PulumiStack;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
    stack = new PulumiStack({
      links: ["node_modules"],
      env: { DATABRICKS_HOST: local.host, DATABRICKS_TOKEN: local.token },
    });
    const write = (name: string, text: string) => writeFileSync(join(stack.program, name), text);
    write(
      "Pulumi.yaml",
      "name: volumes-test\nmain: index.js\nruntime: { name: nodejs, options: { typescript: false } }\n",
    );
    write("package.json", JSON.stringify({ name: "volumes-test", dependencies: { "@pulumi/pulumi": "*" } }));
    write("index.js", PROGRAM);
    write("content.txt", "first");
  });
  after(async () => {
    stack?.dispose();
    await local?.stop();
  });

  const FILE = "/api/2.0/fs/files/Volumes/main/pulumi/things/sub%20dir/content.txt";
  const dbfs = async () => {
    const { data } = await local.ok("GET", "/api/2.0/dbfs/read?path=/pulumi/content.txt");
    return Buffer.from(data, "base64").toString();
  };

  it("are created, and then there is nothing to change, also after a refresh", async () => {
    ok(await stack.up());
    assert.deepEqual([await local.ok("GET", FILE), await dbfs()], ["first", "first"]);
    const volume = await local.ok("GET", "/api/2.1/unity-catalog/volumes/main.pulumi.things");
    assert.equal(volume.comment, "of a stack");
    ok(await stack.preview("--expect-no-changes", "--diff"));
    ok(await stack.refresh("--expect-no-changes", "--diff"));
  });

  it("follow their source", async () => {
    writeFileSync(join(stack.program, "content.txt"), "second, longer");
    ok(await stack.up());
    assert.deepEqual([await local.ok("GET", FILE), await dbfs()], ["second, longer", "second, longer"]);
  });

  it("are deleted", async () => {
    ok(await stack.destroy());
    await local.fails(404, "NOT_FOUND", "GET", "/api/2.1/unity-catalog/volumes/main.pulumi.things");
    await local.fails(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      "GET",
      "/api/2.0/dbfs/get-status?path=/pulumi/content.txt",
    );
  });
});

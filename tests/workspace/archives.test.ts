/** Folders imported as one archive: as documented, and in each way in which a workspace may deviate. */
import assert from "node:assert/strict";
import { zipSync, strToU8 } from "fflate";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import type { ArchiveMode } from "../../workspace/options";

const FILES = {
  "a.py": "# Databricks notebook source\n1",
  "data.csv": "a,b",
  "folder/b.sql": "-- Databricks notebook source\nselect 1",
  "folder/module.py": "x = 1",
  "folder/j.ipynb": JSON.stringify({
    cells: [{ cell_type: "code", source: "1" }],
    metadata: {},
    nbformat: 4,
  }),
};

describe("workspace: archives", () => {
  const zip = (files: Record<string, string | Uint8Array>) =>
    Buffer.from(
      zipSync(
        Object.fromEntries(
          Object.entries(files).map(([name, text]) => [
            name,
            typeof text === "string" ? strToU8(text) : text,
          ]),
        ),
      ),
    ).toString("base64");
  let local: LocalWorkspace;
  afterEach(() => local.stop());

  const start = async (archiveMode?: ArchiveMode, archiveMsPerObject = 0) => {
    local = await startLocalWorkspace({ engines: false, archiveMode, archiveMsPerObject });
  };
  const unpack = (
    path: string,
    files: Record<string, string | Uint8Array> = FILES,
    more: object = { format: "SOURCE" },
  ) => local.api("POST", "/api/2.0/workspace/import", { path, content: zip(files), ...more });
  const walk = async (path: string): Promise<string[]> => {
    const { objects = [] } = await local.ok(
      "GET",
      `/api/2.0/workspace/list?path=${encodeURIComponent(path)}`,
    );
    const below = await Promise.all(
      objects.map(async (object: any) =>
        object.object_type === "DIRECTORY" ? walk(object.path) : [`${object.path} ${object.object_type}`],
      ),
    );
    return below.flat();
  };

  it("unpacks SOURCE without a language under the path: notebooks by header or format, files as they are", async () => {
    await start();
    assert.equal((await unpack("/Shared/r")).status, 200);
    assert.deepEqual(await walk("/Shared/r"), [
      "/Shared/r/a NOTEBOOK",
      "/Shared/r/data.csv FILE",
      "/Shared/r/folder/b NOTEBOOK",
      "/Shared/r/folder/j NOTEBOOK",
      "/Shared/r/folder/module.py FILE",
    ]);
  });

  it("unpacks a .zip in AUTO as a folder, and keeps it a file in RAW", async () => {
    await start();
    assert.equal((await unpack("/Shared/auto.zip", FILES, { format: "AUTO" })).status, 200);
    assert.equal((await walk("/Shared/auto")).length, 5);
    assert.equal((await unpack("/Shared/raw.zip", FILES, { format: "RAW" })).status, 200);
    assert.deepEqual(await walk("/Shared/raw.zip"), ["/Shared/raw.zip FILE"]);
  });

  it("never merges into a folder that is there, and needs the parent", async () => {
    await start();
    await unpack("/Shared/r");
    const again = await unpack("/Shared/r", FILES, { format: "SOURCE", overwrite: true });
    assert.deepEqual([again.status, again.body.error_code], [400, "RESOURCE_ALREADY_EXISTS"]);
    const orphan = await unpack("/Shared/none/r");
    assert.deepEqual([orphan.status, orphan.body.error_code], [404, "RESOURCE_DOES_NOT_EXIST"]);
  });

  it("leaves nothing of an archive that it cannot take whole", async () => {
    await start();
    const bad: [string, Record<string, string | Uint8Array>][] = [
      ["RESOURCE_ALREADY_EXISTS", { "a.py": FILES["a.py"], "a.sql": FILES["folder/b.sql"] }],
      ["RESOURCE_ALREADY_EXISTS", { "0.txt": "0", "a.py": FILES["a.py"], "a/x.txt": "x" }],
      ["INVALID_PARAMETER_VALUE", { "0.txt": "0", "../x.txt": "x" }],
      ["INVALID_PARAMETER_VALUE", { "0.txt": "0", "inner.zip": "PK" }],
      ["INVALID_PARAMETER_VALUE", { "0.txt": "0", "x.ipynb": "{" }],
    ];
    for (const [code, files] of bad) {
      const answer = await unpack("/Shared/bad", files);
      assert.deepEqual([answer.status, answer.body.error_code], [400, code], JSON.stringify(answer.body));
      assert.equal((await local.api("GET", "/api/2.0/workspace/get-status?path=/Shared/bad")).status, 404);
    }
    const damaged = Buffer.from(zip(FILES), "base64");
    damaged.fill(0, 30, damaged.length - 200);
    const answer = await local.api("POST", "/api/2.0/workspace/import", {
      path: "/Shared/bad",
      content: damaged.toString("base64"),
      format: "SOURCE",
    });
    assert.equal(answer.status, 400);
  });

  it("takes the time of each object in it", async () => {
    await start("unpack", 40);
    const started = performance.now();
    await unpack("/Shared/slow");
    assert.ok(performance.now() - started >= 195, "5 objects at 40 ms");
  });

  it("deviates as told", async () => {
    await start("refuse");
    assert.equal((await unpack("/Shared/r")).status, 400);
    assert.deepEqual(await walk("/Shared"), []);
    await local.stop();
    await start("top-folder");
    await unpack("/Shared/r");
    assert.ok((await walk("/Shared/r")).includes("/Shared/r/r/folder/b NOTEBOOK"));
    await local.stop();
    await start("drop");
    assert.equal((await unpack("/Shared/r")).status, 200);
    assert.equal((await walk("/Shared/r")).length, 4);
    await local.stop();
    await start("modules-as-notebooks");
    await unpack("/Shared/r");
    assert.ok((await walk("/Shared/r")).includes("/Shared/r/folder/module NOTEBOOK"));
  });
});

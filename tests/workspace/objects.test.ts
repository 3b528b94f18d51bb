/** Notebooks, files and folders of the local workspace: import, export, list, get-status, delete. */
import assert from "node:assert/strict";
import { unzipSync } from "fflate";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

const HEADER = "# Databricks notebook source";

describe("workspace: objects", () => {
  let local: LocalWorkspace;
  let base: string;
  let count = 0;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
  });
  after(() => local.stop());
  beforeEach(async () => {
    base = `/Users/admin@local.workspace/t${++count}`;
    await local.ok("POST", "/api/2.0/workspace/mkdirs", { path: base });
  });

  const b64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
  const put = (path: string, text: string | Uint8Array, more: object = { format: "AUTO" }) =>
    local.ok("POST", "/api/2.0/workspace/import", { path, content: b64(text), ...more });
  const status = (path: string) =>
    local.ok("GET", `/api/2.0/workspace/get-status?path=${encodeURIComponent(path)}`);
  const list = async (path: string) =>
    (await local.ok("GET", `/api/2.0/workspace/list?path=${encodeURIComponent(path)}`)).objects ?? [];
  const exported = async (path: string, format = "SOURCE") => {
    const answer = await local.ok(
      "GET",
      `/api/2.0/workspace/export?path=${encodeURIComponent(path)}&format=${format}`,
    );
    return { ...answer, text: Buffer.from(answer.content, "base64").toString() };
  };
  const importFails = (code: string, body: object) =>
    local.fails(
      code === "RESOURCE_DOES_NOT_EXIST" ? 404 : 400,
      code,
      "POST",
      "/api/2.0/workspace/import",
      body,
    );

  it("makes notebooks of source files with the header, without their extension, and files of all else", async () => {
    await put(`${base}/a.py`, `${HEADER}\nprint(1)\n`);
    await put(`${base}/b.scala`, "// Databricks notebook source\nprintln(1)");
    await put(`${base}/c.sql`, "-- Databricks notebook source\r\nselect 1\r\n");
    await put(`${base}/d.R`, "# Databricks notebook source\nprint(1)");
    await put(`${base}/module.py`, "x = 1\n");
    await put(`${base}/almost.py`, "# Databricks notebook sources\n");
    await put(`${base}/data.csv`, "a,b\n");
    await put(`${base}/raw.py`, `${HEADER}\n1`, { format: "RAW" });
    const seen = (await list(base)).map((object: any) => [
      object.path.slice(base.length + 1),
      object.object_type,
      object.language,
    ]);
    assert.deepEqual(seen, [
      ["a", "NOTEBOOK", "PYTHON"],
      ["almost.py", "FILE", undefined],
      ["b", "NOTEBOOK", "SCALA"],
      ["c", "NOTEBOOK", "SQL"],
      ["d", "NOTEBOOK", "R"],
      ["data.csv", "FILE", undefined],
      ["module.py", "FILE", undefined],
      ["raw.py", "FILE", undefined],
    ]);
    assert.equal((await exported(`${base}/c`)).text, "-- Databricks notebook source\nselect 1");
    assert.equal((await exported(`${base}/raw.py`)).text, `${HEADER}\n1`);
  });

  it("keeps the path as given for SOURCE with a language, and exports with the header", async () => {
    await put(`${base}/plain.py`, "print(2)\n\n", { format: "SOURCE", language: "PYTHON" });
    const object = await status(`${base}/plain.py`);
    assert.deepEqual([object.object_type, object.language], ["NOTEBOOK", "PYTHON"]);
    const answer = await exported(`${base}/plain.py`);
    assert.deepEqual([answer.text, answer.file_type], [`${HEADER}\nprint(2)`, "py"]);
    assert.match(
      await importFails("INVALID_PARAMETER_VALUE", { path: `${base}/x`, content: b64("x") }),
      /language/,
    );
  });

  it("gives size and dates of files only, unless told otherwise", async () => {
    await put(`${base}/f.txt`, "12345");
    await put(`${base}/n.py`, HEADER);
    const [file, notebook, folder] = [
      await status(`${base}/f.txt`),
      await status(`${base}/n`),
      await status(base),
    ];
    assert.equal(file.size, 5);
    assert.ok(file.created_at > 1e12 && file.modified_at >= file.created_at);
    for (const other of [notebook, folder]) assert.ok(!("modified_at" in other) && !("size" in other));
    assert.equal(folder.object_type, "DIRECTORY");
    assert.equal(folder.resource_id, String(folder.object_id));

    const dated = await startLocalWorkspace({ engines: false, notebookModifiedAt: true });
    await dated.ok("POST", "/api/2.0/workspace/import", {
      path: "/Shared/n.py",
      content: b64(HEADER),
      format: "AUTO",
    });
    const shown = await dated.ok("GET", "/api/2.0/workspace/get-status?path=/Shared/n");
    await dated.stop();
    assert.ok(shown.modified_at > 1e12);
  });

  it("overwrites only when told to, keeps the id, and never turns one type into another", async () => {
    const { object_id: imported } = await put(`${base}/n.py`, `${HEADER}\n1`);
    const { object_id: id } = await status(`${base}/n`);
    assert.equal(imported, id);
    const again = { path: `${base}/n.py`, content: b64(`${HEADER}\n2`), format: "AUTO" };
    assert.match(await importFails("RESOURCE_ALREADY_EXISTS", again), new RegExp(`${base}/n\\)`));
    await put(again.path, `${HEADER}\n2`, { format: "AUTO", overwrite: true });
    assert.equal((await status(`${base}/n`)).object_id, id);
    assert.equal((await exported(`${base}/n`)).text, `${HEADER}\n2`);
    await importFails("RESOURCE_ALREADY_EXISTS", {
      path: `${base}/n`,
      content: b64("x"),
      format: "RAW",
      overwrite: true,
    });
    await importFails("RESOURCE_ALREADY_EXISTS", {
      path: base,
      content: b64("x"),
      format: "RAW",
      overwrite: true,
    });
    await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", "/api/2.0/workspace/mkdirs", {
      path: `${base}/n/deeper`,
    });
  });

  it("refuses what Databricks refuses: no parent, relative paths, bad content, protected folders", async () => {
    const content = b64("x");
    assert.match(
      await importFails("RESOURCE_DOES_NOT_EXIST", { path: `${base}/no/x.txt`, content, format: "AUTO" }),
      /parent folder .*\/no\) does not exist/,
    );
    for (const path of ["x.txt", "/Users/../x", "/Users/a\nb"])
      await importFails("INVALID_PARAMETER_VALUE", { path, content, format: "AUTO" });
    await importFails("INVALID_PARAMETER_VALUE", { path: `${base}/x`, content: "!!!", format: "AUTO" });
    await importFails("INVALID_PARAMETER_VALUE", {
      path: `${base}/x.py`,
      content: b64(Buffer.from([0xff])),
      format: "SOURCE",
      language: "PYTHON",
    });
    await importFails("INVALID_PARAMETER_VALUE", {
      path: `${base}/x.ipynb`,
      content: b64("{}"),
      format: "AUTO",
    });
    await importFails("DIRECTORY_PROTECTED", { path: "/Users/x.txt", content, format: "AUTO" });
    await local.fails(400, "DIRECTORY_PROTECTED", "POST", "/api/2.0/workspace/mkdirs", {
      path: "/Users/other@example.com",
    });
    for (const path of ["/", "/Users", "/Shared", "/Users/admin@local.workspace"]) {
      await local.fails(400, "DIRECTORY_PROTECTED", "POST", "/api/2.0/workspace/delete", {
        path,
        recursive: true,
      });
    }
    await local.fails(501, "NOT_IMPLEMENTED", "POST", "/api/2.0/workspace/import", {
      path: `${base}/x`,
      content,
      format: "DBC",
    });
  });

  it("refuses more than 10 MB in a notebook or in JSON, and takes it as a form for a file", async () => {
    const big = Buffer.alloc(10 * 1024 * 1024 + 1, "a");
    await importFails("MAX_NOTEBOOK_SIZE_EXCEEDED", {
      path: `${base}/big.bin`,
      content: b64(big),
      format: "AUTO",
    });
    const form = (path: string, fields: Record<string, string>) => {
      const data = new FormData();
      for (const [name, value] of Object.entries({ path, ...fields })) data.set(name, value);
      data.set("content", new Blob([big]));
      return data;
    };
    await local.ok("POST", "/api/2.0/workspace/import", form(`${base}/big.bin`, { format: "AUTO" }));
    assert.equal((await status(`${base}/big.bin`)).size, big.byteLength);
    const notebook = form(`${base}/big.py`, { format: "SOURCE", language: "PYTHON" });
    await local.fails(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "POST", "/api/2.0/workspace/import", notebook);
  });

  it("takes forms and the older raw upload", async () => {
    const data = new FormData();
    data.set("path", `${base}/form.py`);
    data.set("format", "AUTO");
    data.set("overwrite", "true");
    data.set("content", new Blob([`${HEADER}\n1`]));
    await local.ok("POST", "/api/2.0/workspace/import", data);
    assert.equal((await status(`${base}/form`)).object_type, "NOTEBOOK");
    const route = `/api/2.0/workspace-files/import-file${encodeURI(`${base}/r w.txt`)}`;
    await local.ok("POST", route, Buffer.from("raw"));
    await local.fails(409, "RESOURCE_ALREADY_EXISTS", "POST", route, Buffer.from("raw"));
    await local.ok("POST", `${route}?overwrite=true`, Buffer.from("raw 2"));
    assert.equal((await exported(`${base}/r w.txt`)).text, "raw 2");
    // The official CLI escapes the slashes, too, and tells notebooks that exist by status and message.
    const escaped = `/api/2.0/workspace-files/import-file/${encodeURIComponent(`${base.slice(1)}/n.py`)}?overwrite=false`;
    await local.ok("POST", escaped, Buffer.from(HEADER));
    const message = await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", escaped, Buffer.from(HEADER));
    assert.equal(message, `Path (${base}/n) already exists.`);
    const info = await local.ok(
      "GET",
      `/api/2.0/workspace/get-status?path=${base}/n&return_export_info=true`,
    );
    assert.equal(info.repos_export_format, "SOURCE");
  });

  it("lists one folder without its folders' contents, and names with spaces and Unicode", async () => {
    await local.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${base}/ä folder/deep/er` });
    await put(`${base}/ä folder/näme 1.txt`, "1");
    await put(`${base}/ä folder-2.txt`, "neighbour");
    assert.deepEqual(
      (await list(base)).map((object: any) => object.path),
      [`${base}/ä folder`, `${base}/ä folder-2.txt`],
    );
    assert.deepEqual(
      (await list(`${base}/ä folder`)).map((object: any) => object.path),
      [`${base}/ä folder/deep`, `${base}/ä folder/näme 1.txt`],
    );
    assert.deepEqual(
      await local.ok("GET", `/api/2.0/workspace/list?path=${encodeURIComponent(`${base}/ä folder/deep/er`)}`),
      {},
    );
    assert.equal((await list(`${base}/ä folder/näme 1.txt`)).length, 1);
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `/api/2.0/workspace/list?path=${base}/nope`);
  });

  it("takes /Workspace in front of a path for the same path", async () => {
    await put(`/Workspace${base}/same.txt`, "1");
    assert.equal((await status(`/Workspace/${base}/same.txt/`)).path, `${base}/same.txt`);
  });

  it("deletes folders that are not empty only recursively, with all in them", async () => {
    await local.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${base}/d/e` });
    await put(`${base}/d/e/n.py`, HEADER);
    await put(`${base}/d2.txt`, "stays");
    await local.fails(400, "DIRECTORY_NOT_EMPTY", "POST", "/api/2.0/workspace/delete", { path: `${base}/d` });
    await local.ok("POST", "/api/2.0/workspace/delete", { path: `${base}/d`, recursive: true });
    await local.fails(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      "GET",
      `/api/2.0/workspace/get-status?path=${base}/d/e/n`,
    );
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "POST", "/api/2.0/workspace/delete", {
      path: `${base}/d`,
    });
    assert.deepEqual(
      (await list(base)).map((object: any) => object.path),
      [`${base}/d2.txt`],
    );
  });

  it("exports a folder as a zip: everything in AUTO, notebooks in SOURCE", async () => {
    await local.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${base}/sub` });
    await put(`${base}/sub/n.scala`, "// Databricks notebook source\n1");
    await put(`${base}/f.txt`, "file");
    const names = async (format: string) => {
      const route = `/api/2.0/workspace/export?path=${base}&format=${format}&direct_download=true`;
      const response = await fetch(local.host + route, {
        headers: { Authorization: `Bearer ${local.token}` },
      });
      return Object.keys(unzipSync(new Uint8Array(await response.arrayBuffer()))).filter(
        (name) => !name.endsWith("/"),
      );
    };
    assert.deepEqual((await names("AUTO")).sort(), ["f.txt", "sub/n.scala"]);
    assert.deepEqual(await names("SOURCE"), ["sub/n.scala"]);
    assert.deepEqual(await names("JUPYTER"), ["sub/n.ipynb"]);
  });

  it("converts Jupyter notebooks both ways", async () => {
    const cells = [
      { cell_type: "markdown", source: ["# Title\n", "text"] },
      { cell_type: "code", source: "%sql\nselect 1", outputs: [] },
      { cell_type: "code", source: ["x = 1\n", "print(x)"] },
    ];
    const notebook = JSON.stringify({ cells, metadata: { kernelspec: { language: "python" } }, nbformat: 4 });
    await put(`${base}/j.ipynb`, notebook);
    const expected = [
      `${HEADER}\n# MAGIC %md\n# MAGIC # Title\n# MAGIC text`,
      "# MAGIC %sql\n# MAGIC select 1",
      "x = 1\nprint(x)",
    ].join("\n\n# COMMAND ----------\n\n");
    assert.equal((await exported(`${base}/j`)).text, expected);
    const back = JSON.parse((await exported(`${base}/j`, "JUPYTER")).text);
    assert.deepEqual(
      back.cells.map((cell: any) => [cell.cell_type, cell.source.join("")]),
      [
        ["markdown", "# Title\ntext"],
        ["code", "%sql\nselect 1"],
        ["code", "x = 1\nprint(x)"],
      ],
    );
    await put(`${base}/k.ipynb`, JSON.stringify(back));
    assert.equal((await exported(`${base}/k`)).text, expected);
  });
});

/** DBFS of the local workspace: `/api/2.0/dbfs/*` as documented, and as Databricks' own SDK uses it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

const DBFS = "/api/2.0/dbfs";
const MB = 1024 * 1024;

describe("workspace: DBFS", () => {
  let local: LocalWorkspace;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
  });
  after(() => local.stop());

  const b64 = (content: string | Uint8Array) => Buffer.from(content).toString("base64");
  const put = (file: string, content: string | Uint8Array, more: object = {}) =>
    local.ok("POST", `${DBFS}/put`, { path: file, contents: b64(content), ...more });
  const ask = (what: string, file: string, more = "") =>
    local.ok("GET", `${DBFS}/${what}?path=${encodeURIComponent(file)}${more}`);
  const text = async (file: string, more = "") =>
    Buffer.from((await ask("read", file, more)).data, "base64").toString();

  it("puts, shows, lists and reads files", async () => {
    await put("/a b/é.txt", "héllo");
    await put("dbfs:/a b/z.bin", randomBytes(10));
    await local.ok("POST", `${DBFS}/mkdirs`, { path: "/a b/sub/deep" });
    const { modification_time: modified, ...status } = await ask("get-status", "dbfs:/a b/é.txt");
    assert.deepEqual(status, { path: "/a b/é.txt", is_dir: false, file_size: 6 });
    assert.ok(Math.abs(modified - Date.now()) < 60_000);
    const { files } = await ask("list", "/a b");
    assert.deepEqual(
      files.map((one: any) => [one.path, one.is_dir, one.file_size]),
      [
        ["/a b/sub", true, 0],
        ["/a b/z.bin", false, 10],
        ["/a b/é.txt", false, 6],
      ],
    );
    assert.equal((await ask("list", "/a b/é.txt")).files[0].path, "/a b/é.txt");
    assert.deepEqual(await ask("list", "/a b/sub/deep"), {});
    assert.equal((await ask("get-status", "/")).is_dir, true);
    assert.deepEqual(await ask("read", "/a b/é.txt", "&offset=3&length=2"), {
      bytes_read: 2,
      data: b64("ll"),
    });
    assert.deepEqual(await ask("read", "/a b/é.txt", "&offset=100"), { bytes_read: 0, data: "" });
    const file = path.join(local.dataDir, "dbfs", "a b", "é.txt");
    assert.equal(readFileSync(file, "utf8"), "héllo");
  });

  it("keeps what is there unless it is told to overwrite", async () => {
    await put("/over/f", "one");
    const body = { path: "/over/f", contents: b64("two") };
    assert.match(
      await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${DBFS}/put`, body),
      /\/over\/f already exists/,
    );
    await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${DBFS}/create`, body);
    assert.equal(await text("/over/f"), "one");
    await put("/over/f", "two", { overwrite: true });
    assert.equal(await text("/over/f"), "two");
    for (const place of ["/over", "/over/f/below"]) {
      const wanted = { path: place, contents: "", overwrite: true };
      await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${DBFS}/put`, wanted);
    }
    await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${DBFS}/mkdirs`, { path: "/over/f" });
    await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${DBFS}/mkdirs`, { path: "/over/f/x" });
  });

  it("takes 1 MB a request, and any size through a handle", async () => {
    const limit = randomBytes(MB);
    await put("/limit", limit);
    const more = { path: "/more", contents: b64(Buffer.concat([limit, Buffer.from("x")])) };
    assert.match(
      await local.fails(400, "MAX_BLOCK_SIZE_EXCEEDED", "POST", `${DBFS}/put`, more),
      /1048577 bytes, more than the limit of 1048576/,
    );
    const { handle } = await local.ok("POST", `${DBFS}/create`, { path: "/big/file" });
    await local.ok("POST", `${DBFS}/add-block`, { handle, data: b64(limit) });
    const wrong = { handle, data: more.contents };
    await local.fails(400, "MAX_BLOCK_SIZE_EXCEEDED", "POST", `${DBFS}/add-block`, wrong);
    await local.ok("POST", `${DBFS}/add-block`, { handle, data: b64("end") });
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `${DBFS}/get-status?path=/big/file`);
    await local.ok("POST", `${DBFS}/close`, { handle });
    assert.equal((await ask("get-status", "/big/file")).file_size, MB + 3);
    assert.equal(await text("/big/file", `&offset=${MB}`), "end");
    for (const call of ["add-block", "close"])
      await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "POST", `${DBFS}/${call}`, {
        handle,
        data: "" + b64("x"),
      });
    assert.equal((await ask("read", "/big/file")).bytes_read, MB / 2);
    assert.equal((await ask("read", "/big/file", `&length=${MB}`)).bytes_read, MB);
    const route = `${DBFS}/read?path=/big/file`;
    await local.fails(400, "MAX_READ_SIZE_EXCEEDED", "GET", `${route}&length=${MB + 1}`);
    await local.fails(400, "INVALID_PARAMETER_VALUE", "GET", `${route}&offset=-1`);
    await local.fails(400, "INVALID_PARAMETER_VALUE", "GET", `${DBFS}/read?path=/big`);
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `${DBFS}/read?path=/none`);
    assert.deepEqual(readdirSync(path.join(local.dataDir, "uploads")), []);
  });

  it("takes a form with the file in it, as Databricks' CLI sends it", async () => {
    const form = new FormData();
    form.set("path", "/form/f.bin");
    form.set("overwrite", "False");
    const content = randomBytes(2 * MB);
    form.set("contents", new Blob([content]), "");
    await local.ok("POST", `${DBFS}/put`, form);
    assert.equal((await ask("get-status", "/form/f.bin")).file_size, 2 * MB);
    await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${DBFS}/put`, form);
    form.set("overwrite", "True");
    await local.ok("POST", `${DBFS}/put`, form);
  });

  it("deletes and moves", async () => {
    for (const name of ["/tree/a", "/tree/sub/b", "/tree/sub/c"]) await put(name, name);
    await local.fails(400, "IO_ERROR", "POST", `${DBFS}/delete`, { path: "/tree/sub" });
    await local.ok("POST", `${DBFS}/move`, { source_path: "/tree/sub", destination_path: "/tree/new/place" });
    assert.equal(await text("/tree/new/place/b"), "/tree/sub/b");
    const taken = { source_path: "/tree/a", destination_path: "/tree/new/place/b" };
    await local.fails(400, "RESOURCE_ALREADY_EXISTS", "POST", `${DBFS}/move`, taken);
    const absent = { source_path: "/tree/none", destination_path: "/tree/x" };
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "POST", `${DBFS}/move`, absent);
    const into = { source_path: "/tree", destination_path: "/tree/new/tree" };
    await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", `${DBFS}/move`, into);
    await local.ok("POST", `${DBFS}/delete`, { path: "/tree", recursive: true });
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `${DBFS}/list?path=/tree`);
    await local.ok("POST", `${DBFS}/delete`, { path: "/tree" });
    await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", `${DBFS}/delete`, {
      path: "/",
      recursive: true,
    });
  });

  it("refuses paths that lead elsewhere, and what is no base64", async () => {
    for (const bad of [
      "relative",
      "/a/../../b",
      "dbfs:a",
      "/Volumes/main/default/artifacts/x",
      "/a\u0000b",
    ]) {
      const body = { path: bad, contents: b64("x") };
      await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", `${DBFS}/put`, body);
    }
    await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", `${DBFS}/put`, { path: "/x", contents: "%%" });
    await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", `${DBFS}/put`, { contents: b64("x") });
    await local.fails(400, "MALFORMED_REQUEST", "POST", `${DBFS}/close`, { handle: "one" });
  });

  it("serves Databricks' Python SDK", async () => {
    const script = `
import io, json, os, sys
from databricks.sdk import WorkspaceClient
w = WorkspaceClient(host=sys.argv[1], token=sys.argv[2], auth_type="pat")
data = os.urandom(2_500_000)
w.dbfs.upload("/sdk/täglich/a.bin", io.BytesIO(data))
seen = [w.dbfs.download("/sdk/täglich/a.bin").read() == data]
seen.append([[f.path, f.is_dir, f.file_size] for f in w.dbfs.list("/sdk", recursive=True)])
w.dbfs.move_("/sdk/täglich", "/sdk/moved")
seen.append([w.dbfs.exists("/sdk/täglich/a.bin"), w.dbfs.exists("/sdk/moved/a.bin")])
w.dbfs.delete("/sdk", recursive=True)
seen.append(w.dbfs.exists("/sdk"))
print(json.dumps(seen))
`;
    const run = promisify(execFile);
    const { stdout } = await run(
      local.workspace.settings.python,
      ["-W", "ignore", "-c", script, local.host, local.token],
      { env: { PATH: process.env.PATH, HOME: local.dataDir } },
    );
    assert.deepEqual(JSON.parse(stdout), [
      true,
      [["/sdk/täglich/a.bin", false, 2_500_000]],
      [false, true],
      false,
    ]);
  }).timeout(60_000);
});

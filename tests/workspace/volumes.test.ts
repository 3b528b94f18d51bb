/** Volumes and the Files API of the local workspace, asked as the documentation says and by Databricks' own SDK. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { promisify } from "node:util";
import { eventually } from "../jobs/helper";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

const VOLUMES = "/api/2.1/unity-catalog/volumes";
const FILES = "/api/2.0/fs/files";
const DIRECTORIES = "/api/2.0/fs/directories";
const ROOT = "/Volumes/main/default/artifacts";

describe("workspace: volumes", () => {
  let local: LocalWorkspace;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
  });
  after(() => local.stop());

  const put = (file: string, content: string | Uint8Array, query = "") =>
    local.api("PUT", FILES + encodeURI(file) + query, Buffer.from(content));
  const get = (file: string, headers: Record<string, string> = {}) =>
    fetch(local.host + FILES + encodeURI(file), {
      headers: { Authorization: `Bearer ${local.token}`, ...headers },
    });
  const list = (folder: string, query = "") =>
    local.ok("GET", DIRECTORIES + encodeURI(folder) + query) as Promise<{
      contents?: any[];
      next_page_token?: string;
    }>;

  it("exist from the start as main.default.artifacts, and can be made, listed, described and deleted", async () => {
    const first = await local.ok("GET", `${VOLUMES}/main.default.artifacts`);
    assert.equal(first.volume_type, "MANAGED");
    assert.equal(first.owner, "admin@local.workspace");
    const wanted = { catalog_name: "main", schema_name: "Ml", name: "Wheels", volume_type: "MANAGED" };
    const made = await local.ok("POST", VOLUMES, { ...wanted, comment: "built things" });
    assert.deepEqual(
      [made.full_name, made.schema_name, made.name, made.comment],
      ["main.ml.wheels", "ml", "wheels", "built things"],
    );
    assert.match(
      await local.fails(409, "ALREADY_EXISTS", "POST", VOLUMES, { ...wanted, name: "wheels" }),
      /main\.ml\.wheels/,
    );
    const listed = await local.ok("GET", `${VOLUMES}?catalog_name=main&schema_name=ml`);
    assert.deepEqual(
      listed.volumes.map((one: any) => one.full_name),
      ["main.ml.wheels"],
    );
    assert.deepEqual(await local.ok("GET", `${VOLUMES}?catalog_name=main&schema_name=none`), {});
    const changed = await local.ok("PATCH", `${VOLUMES}/main.ml.wheels`, { comment: "new" });
    assert.equal(changed.comment, "new");

    await put("/Volumes/main/ml/wheels/a.txt", "a");
    const other = await local.user("volumes-other@local.workspace");
    assert.match(
      await local.fails(403, "PERMISSION_DENIED", "DELETE", `${VOLUMES}/main.ml.wheels`, undefined, {
        token: other,
      }),
      /does not own the volume/,
    );
    await local.ok("DELETE", `${VOLUMES}/main.ml.wheels`);
    await local.fails(404, "NOT_FOUND", "GET", `${VOLUMES}/main.ml.wheels`);
    await local.fails(404, "NOT_FOUND", "GET", `${FILES}/Volumes/main/ml/wheels/a.txt`);
  });

  it("refuse what they cannot be", async () => {
    const wanted = { catalog_name: "main", schema_name: "ml", name: "x", volume_type: "MANAGED" };
    for (const name of ["a/b", "a.b", "..", "a b", "x".repeat(300)])
      await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", VOLUMES, { ...wanted, name });
    await local.fails(501, "NOT_IMPLEMENTED", "POST", VOLUMES, { ...wanted, volume_type: "EXTERNAL" });
    await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", VOLUMES, { ...wanted, volume_type: undefined });
  });

  it("keep files byte for byte, with the folders above them made on the way", async () => {
    const content = randomBytes(3_000_000);
    const file = `${ROOT}/new/deeper/größe 100% ok+&#.bin`;
    const encoded = file.split("/").map(encodeURIComponent).join("/");
    const answer = await local.api("PUT", FILES + encoded, content);
    assert.deepEqual([answer.status, answer.body], [204, ""]);
    const headers = { Authorization: `Bearer ${local.token}` };
    const got = await fetch(local.host + FILES + encoded, { headers });
    assert.deepEqual(
      [got.status, got.headers.get("content-type"), got.headers.get("content-length")],
      [200, "application/octet-stream", "3000000"],
    );
    assert.ok(Math.abs(Date.parse(got.headers.get("last-modified")!) - Date.now()) < 60_000);
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(content));
    // The Go SDK sends the slashes encoded too.
    const whole = await fetch(`${local.host}${FILES}/${encodeURIComponent(file.slice(1))}`, { headers });
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(content));
    const head = await fetch(local.host + FILES + encoded, { headers, method: "HEAD" });
    assert.deepEqual(
      [head.status, head.headers.get("content-length"), head.headers.get("last-modified")],
      [200, "3000000", got.headers.get("last-modified")],
    );
    assert.equal((await local.api("DELETE", FILES + encoded)).status, 204);
    assert.equal((await fetch(local.host + FILES + encoded, { headers, method: "HEAD" })).status, 404);
    await local.fails(404, "NOT_FOUND", "DELETE", FILES + encoded);
  });

  it("replace a file unless they are told not to", async () => {
    const file = `${ROOT}/over.txt`;
    assert.equal((await put(file, "one", "?overwrite=false")).status, 204);
    const message = await local.fails(
      409,
      "ALREADY_EXISTS",
      "PUT",
      `${FILES}${file}?overwrite=false`,
      randomBytes(5_000_000),
    );
    assert.match(message, /\/Volumes\/main\/default\/artifacts\/over\.txt already exists/);
    assert.equal(await (await get(file)).text(), "one");
    assert.equal((await put(file, "two")).status, 204);
    assert.equal((await put(file, "three", "?overwrite=true")).status, 204);
    assert.equal(await (await get(file)).text(), "three");
    assert.equal((await put(file, "")).status, 204);
    assert.deepEqual(
      [await (await get(file)).text(), (await get(file)).headers.get("content-length")],
      ["", "0"],
    );
  });

  it("let exactly one of several uploads at once make a file that may not be there", async () => {
    const contents = ["a", "b", "c", "d", "e"].map((letter) => letter.repeat(1_000_000));
    const file = `${ROOT}/once.txt`;
    const answers = await Promise.all(contents.map((content) => put(file, content, "?overwrite=false")));
    const made = answers.findIndex(({ status }) => status === 204);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 409, 409, 409, 409]);
    assert.equal(await (await get(file)).text(), contents[made]);
  });

  it("give parts of a file, only while it is the same", async () => {
    const file = `${ROOT}/range.txt`;
    await put(file, "0123456789");
    const seen: unknown[] = [];
    for (const range of ["bytes=2-4", "bytes=7-", "bytes=-2", "bytes=8-99", "lines=1-2"]) {
      const answer = await get(file, { Range: range });
      seen.push([answer.status, await answer.text(), answer.headers.get("content-range")]);
    }
    assert.deepEqual(seen, [
      [206, "234", "bytes 2-4/10"],
      [206, "789", "bytes 7-9/10"],
      [206, "89", "bytes 8-9/10"],
      [206, "89", "bytes 8-9/10"],
      [200, "0123456789", null],
    ]);
    assert.equal((await get(file, { Range: "bytes=10-" })).status, 416);
    const modified = (await get(file)).headers.get("last-modified")!;
    assert.equal((await get(file, { "If-Unmodified-Since": modified })).status, 200);
    const earlier = new Date(Date.parse(modified) - 1000).toUTCString();
    assert.equal((await get(file, { "If-Unmodified-Since": earlier })).status, 412);
  });

  it("list directories by pages, by name", async () => {
    const folder = `${ROOT}/pages`;
    await local.api("PUT", `${DIRECTORIES}${folder}/sub`);
    for (const name of ["b", "a", "ä", "c"]) await put(`${folder}/${name}.txt`, name);
    const { contents } = await list(folder);
    assert.deepEqual(
      contents!.map((one) => [one.path, one.name, one.is_directory, one.file_size]),
      [
        [`${folder}/a.txt`, "a.txt", false, 1],
        [`${folder}/b.txt`, "b.txt", false, 1],
        [`${folder}/c.txt`, "c.txt", false, 1],
        [`${folder}/sub`, "sub", true, undefined],
        [`${folder}/ä.txt`, "ä.txt", false, 2],
      ],
    );
    assert.ok(contents!.every((one) => Math.abs(one.last_modified - Date.now()) < 60_000));
    const names: string[] = [];
    let pages = 0;
    for (let token: string | undefined = ""; token !== undefined; pages++) {
      const page: Awaited<ReturnType<typeof list>> = await list(folder, `?page_size=2&page_token=${token}`);
      names.push(...page.contents!.map((one) => one.name));
      token = page.next_page_token;
    }
    assert.deepEqual([pages, names], [3, ["a.txt", "b.txt", "c.txt", "sub", "ä.txt"]]);
    assert.deepEqual(await list(`${folder}/sub`), {});
    await local.fails(400, "INVALID_PARAMETER_VALUE", "GET", `${DIRECTORIES}${folder}?page_token=bad`);
    await local.fails(400, "INVALID_PARAMETER_VALUE", "GET", `${DIRECTORIES}${folder}?page_size=-1`);
    await local.fails(404, "NOT_FOUND", "GET", `${DIRECTORIES}${folder}/none`);
    await local.fails(404, "NOT_FOUND", "GET", `${DIRECTORIES}${folder}/a.txt`);
  });

  it("make, find and delete directories; only empty ones, and no volume", async () => {
    const folder = `${ROOT}/dirs/x`;
    for (let time = 0; time < 2; time++)
      assert.equal((await local.api("PUT", DIRECTORIES + folder)).status, 204);
    assert.equal((await local.api("HEAD", DIRECTORIES + folder)).status, 200);
    await put(`${folder}/f`, "f");
    assert.equal((await local.api("HEAD", `${DIRECTORIES}${folder}/f`)).status, 404);
    const refused = await local.api("DELETE", DIRECTORIES + folder);
    assert.deepEqual([refused.status, refused.body.error_code], [400, "INVALID_PARAMETER_VALUE"]);
    assert.equal(refused.body.details[0].reason, "FILES_API_DIRECTORY_IS_NOT_EMPTY");
    await local.fails(404, "NOT_FOUND", "GET", FILES + folder);
    await local.fails(404, "NOT_FOUND", "DELETE", FILES + folder);
    await local.fails(409, "ALREADY_EXISTS", "PUT", FILES + folder, "no file");
    await local.fails(409, "ALREADY_EXISTS", "PUT", `${DIRECTORIES}${folder}/f`);
    await local.fails(409, "ALREADY_EXISTS", "PUT", `${DIRECTORIES}${folder}/f/below`);
    await local.fails(409, "ALREADY_EXISTS", "PUT", `${FILES}${folder}/f/below`, "x");
    await local.ok("DELETE", `${FILES}${folder}/f`);
    assert.equal((await local.api("DELETE", DIRECTORIES + folder)).status, 204);
    await local.fails(404, "NOT_FOUND", "DELETE", DIRECTORIES + folder);
    assert.match(
      await local.fails(400, "INVALID_PARAMETER_VALUE", "DELETE", DIRECTORIES + ROOT),
      /is a volume/,
    );
  });

  it("keep to themselves: other paths, volumes that are not there, links and climbing are refused", async () => {
    await local.fails(404, "NOT_FOUND", "PUT", `${FILES}/Volumes/main/default/none/a`, "x");
    await local.fails(404, "NOT_FOUND", "GET", `${DIRECTORIES}/Volumes/main/default/none`);
    for (const bad of [
      "/tmp/a",
      "/Volumes/main/default",
      "/Workspace/a",
      "/volumes/main/default/artifacts/a",
    ])
      await local.fails(400, "INVALID_PARAMETER_VALUE", "PUT", FILES + bad, "x");
    await local.fails(400, "INVALID_PARAMETER_VALUE", "GET", `${FILES}${ROOT}/a%00b`);
    await local.fails(400, "INVALID_PARAMETER_VALUE", "PUT", `${FILES}${ROOT}/${"x".repeat(256)}`, "x");
    for (const climbing of ["/../../../../token", "/%2e%2e/%2e%2e/x", "/a/..%2f..%2f..%2f..%2ftoken"]) {
      const { status, body } = await raw(local, "GET", `${FILES}${ROOT}${climbing}`);
      assert.ok([400, 404, 501].includes(status) && !body.includes("dapi"), `${climbing}: ${status} ${body}`);
    }
    assert.equal((await raw(local, "GET", `${FILES}${ROOT}/%zz`)).status, 400);
    const folder = path.join(local.dataDir, "volumes", "main", "default", "artifacts");
    symlinkSync(local.dataDir, path.join(folder, "out"));
    await local.fails(403, "PERMISSION_DENIED", "GET", `${FILES}${ROOT}/out/token`);
    await local.fails(403, "PERMISSION_DENIED", "PUT", `${FILES}${ROOT}/out/new/file`, "x");
    assert.equal((await local.api("GET", `${FILES}${ROOT}/over.txt`, undefined, { token: "" })).status, 401);
  });

  it("refuse files over 5 GiB before they are sent, and keep nothing of a broken upload", async () => {
    const refused = await raw(local, "PUT", `${FILES}${ROOT}/huge.bin`, {
      "Content-Length": String(5 * 1024 ** 3 + 1),
    });
    assert.match(refused.body, /larger than the limit of 5368709120 bytes \(5 GiB\)/);
    await put(`${ROOT}/kept.bin`, "before");
    await assert.rejects(
      raw(local, "PUT", `${FILES}${ROOT}/kept.bin`, { "Content-Length": "1000" }, "half", true),
    );
    const uploads = path.join(local.dataDir, "uploads");
    await eventually(() => readdirSync(uploads).length === 0 || undefined, "the broken upload's file");
    assert.equal(await (await get(`${ROOT}/kept.bin`)).text(), "before");
  });

  it("can be made to fail: before the upload, or with its answer lost", async () => {
    const match = `PUT ${FILES}/Volumes/main/default/artifacts/fault.bin`;
    const file = `${ROOT}/fault.bin`;
    const content = randomBytes(4_000_000);
    await local.ok("POST", "/__workspace/faults", { match, status: 503 });
    assert.equal((await put(file, content)).status, 503);
    assert.equal((await get(file)).status, 404);
    await local.ok("POST", "/__workspace/faults", { match, drop: "after" });
    await assert.rejects(put(file, content));
    assert.ok(Buffer.from(await (await get(file)).arrayBuffer()).equals(content));
    await local.ok("DELETE", "/__workspace/faults");
  });

  it("stay, with all files, when the server starts again; what was half sent goes", async () => {
    const dataDir = path.join(local.dataDir, "again");
    const first = await startLocalWorkspace({ engines: false, dataDir });
    await first.ok("DELETE", `${VOLUMES}/main.default.artifacts`);
    await first.ok("POST", VOLUMES, {
      catalog_name: "c",
      schema_name: "s",
      name: "v",
      volume_type: "MANAGED",
    });
    await first.ok("PUT", `${FILES}/Volumes/c/s/v/a b.txt`, "kept");
    await first.stop();
    mkdirSync(path.join(dataDir, "uploads"), { recursive: true });
    writeFileSync(path.join(dataDir, "uploads", "half"), "half");
    const second = await startLocalWorkspace({ engines: false, dataDir });
    try {
      assert.equal(await second.ok("GET", `${FILES}/Volumes/c/s/v/a%20b.txt`), "kept");
      await second.fails(404, "NOT_FOUND", "GET", `${VOLUMES}/main.default.artifacts`);
      assert.ok(!readdirSync(dataDir).includes("uploads"));
    } finally {
      await second.stop();
    }
  });

  it("serve Databricks' Python SDK", async () => {
    const script = `
import hashlib, io, json, sys
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import AlreadyExists, NotFound
from databricks.sdk.service.catalog import VolumeType
w = WorkspaceClient(host=sys.argv[1], token=sys.argv[2], auth_type="pat")
seen = {}
v = w.volumes.create("main", "sdk", "things", VolumeType.MANAGED)
seen["names"] = [one.full_name for one in w.volumes.list("main", "sdk")]
root = "/Volumes/main/sdk/things/täglich 1"
data = bytes(range(256)) * 5000
w.files.upload(root + "/a.bin", io.BytesIO(data), overwrite=False)
try:
    w.files.upload(root + "/a.bin", io.BytesIO(b""), overwrite=False)
except AlreadyExists as error:
    seen["twice"] = type(error).__name__
seen["same"] = w.files.download(root + "/a.bin").contents.read() == data
meta = w.files.get_metadata(root + "/a.bin")
seen["meta"] = [meta.content_length, meta.content_type]
w.files.create_directory(root + "/sub")
seen["list"] = [[e.name, e.is_directory, e.file_size] for e in w.files.list_directory_contents(root)]
w.dbutils.fs.cp("dbfs:" + root + "/a.bin", "dbfs:/from-volume.bin")
seen["dbfs"] = hashlib.sha256(w.dbfs.open("/from-volume.bin", read=True).read()).hexdigest()
w.files.delete(root + "/a.bin")
w.files.delete_directory(root + "/sub")
try:
    w.files.get_metadata(root + "/a.bin")
except NotFound as error:
    seen["gone"] = type(error).__name__
w.volumes.delete(v.full_name)
print(json.dumps(seen))
`;
    const data = Buffer.from(Array.from({ length: 256 * 5000 }, (_, index) => index % 256));
    assert.deepEqual(await python(local, script), {
      names: ["main.sdk.things"],
      twice: "AlreadyExists",
      same: true,
      meta: [data.byteLength, "application/octet-stream"],
      list: [
        ["a.bin", false, data.byteLength],
        ["sub", true, null],
      ],
      dbfs: createHash("sha256").update(data).digest("hex"),
      gone: "NotFound",
    });
  }).timeout(60_000);

  it("are folders of the workspace's data, the same that notebooks see", async () => {
    await put(`${ROOT}/shared.txt`, "seen");
    const file = path.join(local.dataDir, "volumes", "main", "default", "artifacts", "shared.txt");
    assert.equal(readFileSync(file, "utf8"), "seen");
  });
});

/** A program with Databricks' SDK, which comes with MLflow; it prints what it saw as JSON. */
async function python(local: LocalWorkspace, script: string): Promise<unknown> {
  const run = promisify(execFile);
  const { stdout } = await run(
    local.workspace.settings.python,
    ["-W", "ignore", "-c", script, local.host, local.token],
    { env: { PATH: process.env.PATH, HOME: local.dataDir } },
  );
  return JSON.parse(stdout) as unknown;
}

/** A request whose path is sent as it stands. `broken` closes the connection after the first bytes of the body. */
function raw(
  local: LocalWorkspace,
  method: string,
  route: string,
  headers: Record<string, string> = {},
  body?: string,
  broken = false,
): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(local.host);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        method,
        path: route,
        headers: { Authorization: `Bearer ${local.token}`, ...headers },
      },
      (answer) => {
        let text = "";
        answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
        answer.on("end", () => {
          resolve({ status: answer.statusCode ?? 0, body: text });
          sent.destroy();
        });
      },
    );
    sent.on("error", reject);
    if (broken) sent.write(body, () => sent.destroy());
    else if (headers["Content-Length"] === undefined) sent.end(body);
    else sent.flushHeaders();
  });
}

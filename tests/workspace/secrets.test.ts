/** Secret scopes of the local workspace: names, values, permissions, limits, and that no value gets out. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

describe("workspace: secrets", () => {
  let local: LocalWorkspace;
  let scope: string;
  let count = 0;
  const logged: string[] = [];
  before(async () => {
    local = await startLocalWorkspace({ engines: false, log: (line) => logged.push(line) });
  });
  after(() => local.stop());
  beforeEach(async () => {
    scope = `scope-${++count}`;
    await local.ok("POST", "/api/2.0/secrets/scopes/create", { scope });
  });

  const put = (key: string, value: string, token?: string) =>
    local.api(
      "POST",
      "/api/2.0/secrets/put",
      { scope, key, string_value: value },
      token ? { token } : undefined,
    );
  const get = (key: string, token?: string) =>
    local.api(
      "GET",
      `/api/2.0/secrets/get?scope=${scope}&key=${key}`,
      undefined,
      token ? { token } : undefined,
    );
  const decoded = async (key: string) => Buffer.from((await get(key)).body.value, "base64").toString();

  it("keeps values, ignores the case of keys, takes text and bytes", async () => {
    await put("Api-Key", "one");
    await put("api-key", "two ü");
    assert.equal(await decoded("API-KEY"), "two ü");
    const { secrets } = await local.ok("GET", `/api/2.0/secrets/list?scope=${scope}`);
    assert.deepEqual(
      secrets.map((secret: any) => secret.key),
      ["Api-Key"],
    );
    assert.ok(secrets[0].last_updated_timestamp > 1e12);
    await local.ok("POST", "/api/2.0/secrets/put", {
      scope,
      key: "b",
      bytes_value: Buffer.from([0, 255]).toString("base64"),
    });
    assert.deepEqual([...Buffer.from((await get("b")).body.value, "base64")], [0, 255]);
    await local.ok("POST", "/api/2.0/secrets/delete", { scope, key: "API-key" });
    assert.equal((await get("api-key")).body.error_code, "RESOURCE_DOES_NOT_EXIST");
  });

  it("gives Databricks' errors", async () => {
    const post = (route: string, body: object, code: string, status = 400) =>
      local.fails(status, code, "POST", `/api/2.0/secrets/${route}`, body);
    await post("scopes/create", { scope }, "RESOURCE_ALREADY_EXISTS");
    await post("scopes/create", { scope: "no spaces" }, "INVALID_PARAMETER_VALUE");
    await post("scopes/create", { scope: "x".repeat(129) }, "INVALID_PARAMETER_VALUE");
    await post("scopes/create", { scope: "s", initial_manage_principal: "me" }, "INVALID_PARAMETER_VALUE");
    await post("scopes/delete", { scope: "none" }, "RESOURCE_DOES_NOT_EXIST", 404);
    await post("put", { scope: "none", key: "k", string_value: "v" }, "RESOURCE_DOES_NOT_EXIST", 404);
    await post("put", { scope, key: "a/b", string_value: "v" }, "INVALID_PARAMETER_VALUE");
    await post("put", { scope, key: "k" }, "MALFORMED_REQUEST");
    await post("put", { scope, key: "k", string_value: "v", bytes_value: "dg==" }, "MALFORMED_REQUEST");
    await post(
      "put",
      { scope, key: "k", string_value: "v".repeat(128 * 1024 + 1) },
      "INVALID_PARAMETER_VALUE",
    );
    await post("delete", { scope, key: "none" }, "RESOURCE_DOES_NOT_EXIST", 404);
    await post("acls/put", { scope, principal: "users", permission: "OWN" }, "INVALID_PARAMETER_VALUE");
    await post(
      "acls/put",
      { scope, principal: "nobody", permission: "READ" },
      "RESOURCE_DOES_NOT_EXIST",
      404,
    );
    await post("acls/delete", { scope, principal: "users" }, "RESOURCE_DOES_NOT_EXIST", 404);
    await local.fails(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      "GET",
      `/api/2.0/secrets/acls/get?scope=${scope}&principal=users`,
    );
  });

  it("holds at most 1,000 secrets a scope, and still takes new values for those", async () => {
    for (let start = 0; start < 1_000; start += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => put(`k${start + index}`, "v")),
      );
      assert.ok(answers.every((answer) => answer.status === 200));
    }
    assert.equal((await put("one-more", "v")).body.error_code, "RESOURCE_LIMIT_EXCEEDED");
    assert.equal((await put("K7", "new")).status, 200);
    assert.equal(await decoded("k7"), "new");
    await local.ok("POST", "/api/2.0/secrets/delete", { scope, key: "k7" });
    assert.equal((await put("one-more", "v")).status, 200);
  });

  it("asks for READ, WRITE and MANAGE, given to users and through groups", async () => {
    const [reader, writer] = [await local.user("reader@example.com"), await local.user("writer@example.com")];
    const me = await local.ok("GET", "/api/2.0/preview/scim/v2/Me", undefined, { token: writer });
    const group = `writers-${count}`;
    await local.ok("POST", "/api/2.0/preview/scim/v2/Groups", {
      displayName: group,
      members: [{ value: me.id }],
    });
    const allow = (principal: string, permission: string) =>
      local.ok("POST", "/api/2.0/secrets/acls/put", { scope, principal, permission });
    await put("k", "v");
    assert.equal((await get("k", reader)).status, 403);
    await allow("reader@example.com", "READ");
    await allow(group, "WRITE");
    assert.equal((await get("k", reader)).status, 200);
    assert.equal((await put("k", "w", reader)).body.error_code, "PERMISSION_DENIED");
    assert.equal((await put("k", "w", writer)).status, 200);
    await local.fails(
      403,
      "PERMISSION_DENIED",
      "GET",
      `/api/2.0/secrets/acls/list?scope=${scope}`,
      undefined,
      { token: writer },
    );
    const { items } = await local.ok("GET", `/api/2.0/secrets/acls/list?scope=${scope}`);
    assert.deepEqual(
      new Map(items.map((item: any) => [item.principal, item.permission])),
      new Map([
        ["admin@local.workspace", "MANAGE"],
        ["reader@example.com", "READ"],
        [group, "WRITE"],
      ]),
    );
    await local.ok("POST", "/api/2.0/secrets/acls/delete", { scope, principal: "reader@example.com" });
    assert.equal((await get("k", reader)).status, 403);
  });

  it("gives a scope's creator MANAGE, or everybody where asked", async () => {
    const [token, other] = [await local.user("maker@example.com"), await local.user("other@example.com")];
    const create = (name: string, more: object) =>
      local.ok("POST", "/api/2.0/secrets/scopes/create", { scope: name, ...more }, { token });
    await create(`own-${count}`, {});
    await create(`open-${count}`, { initial_manage_principal: "users" });
    await local.fails(
      403,
      "PERMISSION_DENIED",
      "POST",
      "/api/2.0/secrets/scopes/delete",
      { scope: `own-${count}` },
      { token: other },
    );
    await local.ok("POST", "/api/2.0/secrets/scopes/delete", { scope: `open-${count}` }, { token: other });
    await local.ok("POST", "/api/2.0/secrets/scopes/delete", { scope: `own-${count}` }, { token });
  });

  it("deletes a scope with all in it", async () => {
    await put("k", "v");
    await local.ok("POST", "/api/2.0/secrets/scopes/delete", { scope });
    await local.ok("POST", "/api/2.0/secrets/scopes/create", { scope });
    assert.deepEqual(await local.ok("GET", `/api/2.0/secrets/list?scope=${scope}`), {});
  });

  it("is never without a value while it is rotated", async () => {
    await put("k", "v0");
    let rotating = true;
    const rotation = (async () => {
      for (let index = 1; index <= 100; index++) await put("k", `v${index}`);
      rotating = false;
    })();
    let reads = 0;
    for (; rotating; reads++) assert.match(await decoded("k"), /^v\d+$/);
    await rotation;
    assert.ok(reads > 10);
  });

  it("lets no value out: not to the disk, the log or the list of requests", async () => {
    const value = "needle-3f1c9b7a";
    await put("k", value);
    await get("k");
    const requests = JSON.stringify(await local.ok("GET", "/__workspace/requests"));
    const log = logged.join("\n");
    const entries = await readdir(local.dataDir, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    assert.ok(files.includes(path.join(local.dataDir, "workspace.lmdb")));
    for (const needle of [value, Buffer.from(value).toString("base64").replace(/=+$/, "")]) {
      assert.ok(!requests.includes(needle));
      assert.ok(!log.includes(needle));
      for (const file of files) {
        assert.ok(!(await readFile(file)).includes(needle), `${file} has the value`);
      }
    }
    assert.ok(!requests.includes(local.token) && !log.includes(local.token));
  });
});

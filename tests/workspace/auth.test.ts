/** Who may call the local workspace, and what it says of itself. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

describe("workspace: authentication and identity", () => {
  let local: LocalWorkspace;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
  });
  after(() => local.stop());

  it("answers 401 without a token and 403 with a wrong one, naming the problem", async () => {
    const none = await local.fails(401, "401", "GET", "/api/2.0/secrets/scopes/list", undefined, {
      token: "",
    });
    assert.match(none, /Credential was not sent/);
    const basic = { token: "", headers: { Authorization: "Basic abc" } };
    await local.fails(401, "401", "GET", "/api/2.0/secrets/scopes/list", undefined, basic);
    const wrong = { token: "dapi0000" };
    assert.equal(
      await local.fails(403, "403", "GET", "/api/2.0/secrets/scopes/list", undefined, wrong),
      "Invalid access token.",
    );
  });

  it("tells where it is without a token", async () => {
    const config = await local.ok("GET", "/.well-known/databricks-config", undefined, { token: "" });
    assert.equal(config.oidc_endpoint, `${local.host}/oidc`);
    assert.match(config.workspace_id, /^\d+$/);
  });

  it("says who is calling, with the workspace's numeric id in a header", async () => {
    const me = await local.api("GET", "/api/2.0/preview/scim/v2/Me");
    assert.match(me.headers.get("X-Databricks-Org-Id") ?? "", /^\d+$/);
    assert.equal(me.body.userName, "admin@local.workspace");
    assert.deepEqual(me.body.groups.map((group: { display: string }) => group.display).sort(), [
      "admins",
      "users",
    ]);
    const token = await local.user("me@example.com");
    assert.equal(
      (await local.ok("GET", "/api/2.0/preview/scim/v2/Me", undefined, { token })).userName,
      "me@example.com",
    );
  });

  it("lets a user have several tokens, each valid until it is taken back", async () => {
    const [first, second] = [await local.user("two@example.com"), await local.user("two@example.com")];
    assert.notEqual(first, second);
    await local.ok("DELETE", "/__workspace/tokens", { token: first });
    await local.fails(403, "403", "GET", "/api/2.0/preview/scim/v2/Me", undefined, { token: first });
    const me = await local.ok("GET", "/api/2.0/preview/scim/v2/Me", undefined, { token: second });
    assert.equal(me.userName, "two@example.com");
  });

  it("answers 501 that names what it lacks, and logs it", async () => {
    const lines: string[] = [];
    const other = await startLocalWorkspace({ engines: false, log: (line) => lines.push(line) });
    try {
      const message = await other.fails(501, "NOT_IMPLEMENTED", "PUT", "/api/2.0/no/such/thing?secret=1", {});
      assert.match(message, /local workspace lacks this: PUT \/api\/2\.0\/no\/such\/thing/);
      assert.ok(lines.some((line) => line.includes("PUT /api/2.0/no/such/thing")));
      assert.ok(!lines.some((line) => line.includes("secret=1")));
    } finally {
      await other.stop();
    }
  });

  it("answers malformed requests with 400", async () => {
    await local.fails(400, "MALFORMED_REQUEST", "POST", "/api/2.0/workspace/mkdirs", "{");
    await local.fails(400, "MALFORMED_REQUEST", "POST", "/api/2.0/workspace/mkdirs", "[1]");
    await local.fails(400, "MALFORMED_REQUEST", "POST", "/api/2.0/workspace/mkdirs", { path: 7 });
    assert.match(
      await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", "/api/2.0/workspace/mkdirs", {}),
      /path/,
    );
    assert.match(await local.fails(400, "INVALID_PARAMETER_VALUE", "GET", "/api/2.0/workspace/list"), /path/);
  });

  it("keeps its own routes for administrators", async () => {
    const token = await local.user("nobody@example.com");
    for (const [method, route] of [
      ["GET", "requests"],
      ["GET", "faults"],
      ["POST", "users"],
    ] as const) {
      await local.fails(
        403,
        "PERMISSION_DENIED",
        method,
        `/__workspace/${route}`,
        method === "POST" ? {} : undefined,
        { token },
      );
    }
    await local.fails(401, "401", "GET", "/__workspace/requests", undefined, { token: "" });
  });

  it("keeps token, workspace id and users across restarts, the token readable for its owner only", async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), "kept "));
    try {
      const first = await startLocalWorkspace({ engines: false, dataDir });
      const userToken = await first.user("kept@example.com");
      const id = (await first.ok("GET", "/.well-known/databricks-config")).workspace_id;
      await first.stop();
      assert.equal((await stat(path.join(dataDir, "token"))).mode & 0o777, 0o600);
      assert.equal((await stat(path.join(dataDir, "workspace.lmdb"))).mode & 0o777, 0o600);
      const second = await startLocalWorkspace({ engines: false, dataDir });
      assert.equal(second.token, first.token);
      assert.equal((await second.ok("GET", "/.well-known/databricks-config")).workspace_id, id);
      const me = await second.ok("GET", "/api/2.0/preview/scim/v2/Me", undefined, { token: userToken });
      assert.equal(me.userName, "kept@example.com");
      await second.stop();
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe("workspace: SCIM", () => {
  let local: LocalWorkspace;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
  });
  after(() => local.stop());
  const root = "/api/2.0/preview/scim/v2";

  it("makes, finds and deletes users, service principals and groups", async () => {
    const user = await local.ok("POST", `${root}/Users`, { userName: "ann@example.com", displayName: "Ann" });
    const principal = await local.ok("POST", `${root}/ServicePrincipals`, { displayName: "robot" });
    assert.match(principal.applicationId, /^[0-9a-f-]{36}$/);
    const filter = encodeURIComponent('userName eq "ann@example.com"');
    const found = await local.ok("GET", `${root}/Users?filter=${filter}`);
    assert.deepEqual([found.totalResults, found.Resources[0].id], [1, user.id]);
    await local.fails(409, "RESOURCE_ALREADY_EXISTS", "POST", `${root}/Users`, {
      userName: "ann@example.com",
    });

    const members = [{ value: user.id }, { value: principal.id }];
    const group = await local.ok("POST", `${root}/Groups`, { displayName: "team", members });
    const remove = [{ op: "remove", path: `members[value eq "${user.id}"]` }];
    const patched = await local.ok("PATCH", `${root}/Groups/${group.id}`, { Operations: remove });
    assert.deepEqual(
      patched.members.map((member: { value: string }) => member.value),
      [principal.id],
    );
    assert.equal((await local.api("DELETE", `${root}/Groups/${group.id}`)).status, 204);
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `${root}/Groups/${group.id}`);
    assert.equal((await local.api("DELETE", `${root}/Users/${user.id}`)).status, 204);
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `${root}/Users/${user.id}`);
  });

  it("pages, and refuses filters that it does not know", async () => {
    const page = await local.ok("GET", `${root}/Groups?startIndex=2&count=1`);
    assert.deepEqual([page.startIndex, page.itemsPerPage], [2, 1]);
    assert.ok(page.totalResults >= 2);
    await local.fails(
      400,
      "INVALID_PARAMETER_VALUE",
      "GET",
      `${root}/Groups?filter=${encodeURIComponent("(x")}`,
    );
  });

  it("makes administrators by their membership of admins", async () => {
    const token = await local.user("late@example.com");
    const me = await local.ok("GET", `${root}/Me`, undefined, { token });
    await local.fails(403, "PERMISSION_DENIED", "POST", `${root}/Groups`, { displayName: "x" }, { token });
    const admins = (await local.ok("GET", `${root}/Groups`)).Resources.find(
      (group: any) => group.displayName === "admins",
    );
    await local.ok("PATCH", `${root}/Groups/${admins.id}`, {
      Operations: [{ op: "add", value: { members: [{ value: me.id }] } }],
    });
    await local.ok("POST", `${root}/Groups`, { displayName: "x" }, { token });
  });
});

/** Permissions of the local workspace: what is set, inherited and enforced. */
import assert from "node:assert/strict";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

describe("workspace: permissions", () => {
  let local: LocalWorkspace;
  let token: string;
  const folder = "/Users/admin@local.workspace/app";
  let id: number;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
    token = await local.user("reader@example.com");
    await local.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${folder}/release` });
    await write(`${folder}/release/n.py`, "# Databricks notebook source\n1");
    id = (await local.ok("GET", `/api/2.0/workspace/get-status?path=${folder}`)).object_id;
  });
  after(() => local.stop());

  const write = (path: string, text: string, as?: string) =>
    local.ok(
      "POST",
      "/api/2.0/workspace/import",
      { path, content: Buffer.from(text).toString("base64"), format: "AUTO", overwrite: true },
      as ? { token: as } : undefined,
    );
  const grant = (entries: object[], method = "PUT") =>
    local.ok(method, `/api/2.0/permissions/directories/${id}`, { access_control_list: entries });
  const asReader = (method: string, route: string, body?: unknown) =>
    local.api(method, route, body, { token });

  it("lets others read only what they were given, and what is below it", async () => {
    const notebook = `/api/2.0/workspace/export?path=${folder}/release/n`;
    assert.equal((await asReader("GET", notebook)).body.error_code, "PERMISSION_DENIED");
    assert.deepEqual(
      (await asReader("GET", "/api/2.0/workspace/list?path=/Users")).body.objects.map((o: any) => o.path),
      ["/Users/reader@example.com"],
    );
    await grant([{ group_name: "users", permission_level: "CAN_READ" }]);
    assert.equal((await asReader("GET", notebook)).status, 200);
    assert.equal((await asReader("GET", `/api/2.0/workspace/list?path=${folder}`)).body.objects.length, 1);
    const overwrite = {
      path: `${folder}/release/n`,
      content: "MQ==",
      format: "SOURCE",
      language: "PYTHON",
      overwrite: true,
    };
    assert.equal(
      (await asReader("POST", "/api/2.0/workspace/import", overwrite)).body.error_code,
      "PERMISSION_DENIED",
    );
    const remove = { path: `${folder}/release`, recursive: true };
    assert.equal((await asReader("POST", "/api/2.0/workspace/delete", remove)).status, 403);
    assert.equal((await asReader("PUT", `/api/2.0/permissions/directories/${id}`, {})).status, 403);
    await grant([]);
    assert.equal((await asReader("GET", notebook)).status, 403);
  });

  it("gives everybody their home and /Shared", async () => {
    await write("/Users/reader@example.com/own.txt", "1", token);
    await write("/Shared/reader.txt", "1", token);
    await write("/Shared/reader.txt", "2");
    await local.ok("POST", "/api/2.0/workspace/delete", { path: "/Shared/reader.txt" }, { token });
    assert.equal((await asReader("POST", "/api/2.0/workspace/mkdirs", { path: "/elsewhere" })).status, 403);
  });

  it("shows own and inherited entries, replaces with PUT and adds with PATCH", async () => {
    await grant([{ user_name: "reader@example.com", permission_level: "CAN_RUN" }]);
    await grant([{ group_name: "users", permission_level: "CAN_READ" }], "PATCH");
    const shown = await grant([{ user_name: "reader@example.com", permission_level: "CAN_READ" }], "PATCH");
    assert.deepEqual([shown.object_id, shown.object_type], [`/directories/${id}`, "directory"]);
    const levels = (list: any[]) =>
      Object.fromEntries(
        list.map((item) => [
          item.user_name ?? item.group_name,
          item.all_permissions.map((p: any) => [p.permission_level, p.inherited]),
        ]),
      );
    assert.deepEqual(levels(shown.access_control_list), {
      users: [["CAN_READ", false]],
      "reader@example.com": [["CAN_READ", false]],
      "admin@local.workspace": [["CAN_MANAGE", true]],
      admins: [["CAN_MANAGE", true]],
    });
    const { object_id: notebook } = await local.ok(
      "GET",
      `/api/2.0/workspace/get-status?path=${folder}/release/n`,
    );
    const below = await local.ok("GET", `/api/2.0/permissions/notebooks/${notebook}`);
    const inherited = below.access_control_list.find((item: any) => item.group_name === "users");
    assert.deepEqual(inherited.all_permissions, [
      { permission_level: "CAN_READ", inherited: true, inherited_from_object: [`/directories/${id}`] },
    ]);
  });

  it("takes a service principal by its application id, as a user's name too", async () => {
    const { applicationId } = await local.ok("POST", "/api/2.0/preview/scim/v2/ServicePrincipals", {});
    for (const field of ["service_principal_name", "user_name"]) {
      const shown = await grant([{ [field]: applicationId, permission_level: "CAN_READ" }]);
      assert.equal(shown.access_control_list[0].service_principal_name, applicationId, field);
    }
    const reader = { service_principal_name: "reader@example.com", permission_level: "CAN_READ" };
    const path = `/api/2.0/permissions/directories/${id}`;
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "PUT", path, { access_control_list: [reader] });
  });

  it("forgets the permissions of what was deleted", async () => {
    await local.ok("POST", "/api/2.0/workspace/mkdirs", { path: `${folder}/gone` });
    const gone = (await local.ok("GET", `/api/2.0/workspace/get-status?path=${folder}/gone`)).object_id;
    await local.ok("PUT", `/api/2.0/permissions/directories/${gone}`, {
      access_control_list: [{ group_name: "users", permission_level: "CAN_READ" }],
    });
    await local.ok("POST", "/api/2.0/workspace/delete", { path: `${folder}/gone` });
    await local.fails(404, "RESOURCE_DOES_NOT_EXIST", "GET", `/api/2.0/permissions/directories/${gone}`);
  });

  it("refuses unknown levels, principals and kinds", async () => {
    const put = (type: string, entry: object) => [type, { access_control_list: [entry] }] as const;
    const fails = (status: number, code: string, [type, body]: readonly [string, object]) =>
      local.fails(status, code, "PUT", `/api/2.0/permissions/${type}`, body);
    const directory = `directories/${id}`;
    await fails(
      400,
      "INVALID_PARAMETER_VALUE",
      put(directory, { group_name: "users", permission_level: "CAN_VIEW" }),
    );
    await fails(400, "INVALID_PARAMETER_VALUE", put(directory, { permission_level: "CAN_READ" }));
    await fails(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      put(directory, { group_name: "nobody", permission_level: "CAN_READ" }),
    );
    await fails(
      404,
      "RESOURCE_DOES_NOT_EXIST",
      put(`notebooks/${id}`, { group_name: "users", permission_level: "CAN_READ" }),
    );
    await fails(
      501,
      "NOT_IMPLEMENTED",
      put("dashboards/1", { group_name: "users", permission_level: "CAN_READ" }),
    );
  });

  it("serves experiments and warehouses, these under both addresses", async () => {
    const entry = [{ group_name: "users", permission_level: "CAN_READ" }];
    assert.equal(
      (await local.ok("PATCH", "/api/2.0/permissions/experiments/7", { access_control_list: entry }))
        .object_id,
      "/experiments/7",
    );
    const { permission_levels: levels } = await local.ok(
      "GET",
      "/api/2.0/permissions/experiments/7/permissionLevels",
    );
    assert.deepEqual(
      levels.map((level: any) => level.permission_level),
      ["CAN_READ", "CAN_EDIT", "CAN_MANAGE"],
    );
    if (local.warehouse_id === undefined) {
      const use = [{ group_name: "users", permission_level: "CAN_USE" }];
      await local.ok("PUT", "/api/2.0/permissions/sql/warehouses/w1", { access_control_list: use });
      const shown = await local.ok("GET", "/api/2.0/permissions/warehouses/w1");
      assert.equal(shown.access_control_list[0].group_name, "users");
    }
  });
});

/** SCIM groups. https://docs.databricks.com/api/workspace/groups */
import { readJson, requiredString } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";
import {
  createGroup,
  deleteGroup,
  findGroup,
  listGroups,
  listPrincipals,
  setMembers,
  type Group,
} from "../identities";
import { page } from "./scimPage";

const ROOT = "/api/2.0/preview/scim/v2/Groups";

interface Member {
  value: string;
}

interface Operation {
  op: string;
  path?: string;
  value?: unknown;
}

export function groupsRoutes(app: App, workspace: Workspace): void {
  const { store } = workspace;

  app.get(ROOT, (c) =>
    c.json(
      page(
        c,
        listGroups(store).map((group) => shown(workspace, group)),
      ),
    ),
  );

  app.post(ROOT, async (c) => {
    requireAdmin(c);
    const body = await readJson<{ displayName?: string; members?: Member[] }>(c);
    const name = requiredString(body, "displayName");
    return c.json(shown(workspace, createGroup(store, name, membersOf(body.members))), 201);
  });

  app.get(`${ROOT}/:id`, (c) => c.json(shown(workspace, found(workspace, c.req.param("id")))));

  app.put(`${ROOT}/:id`, async (c) => {
    requireAdmin(c);
    const group = found(workspace, c.req.param("id"));
    const body = await readJson<{ members?: Member[] }>(c);
    setMembers(store, group, membersOf(body.members));
    return c.json(shown(workspace, found(workspace, group.id)));
  });

  app.patch(`${ROOT}/:id`, async (c) => {
    requireAdmin(c);
    const group = found(workspace, c.req.param("id"));
    const { Operations: operations = [] } = await readJson<{ Operations?: Operation[] }>(c);
    setMembers(store, group, operations.reduce(patched, [...group.members]));
    return c.json(shown(workspace, found(workspace, group.id)));
  });

  app.delete(`${ROOT}/:id`, (c) => {
    requireAdmin(c);
    deleteGroup(store, found(workspace, c.req.param("id")));
    return c.body(null, 204);
  });
}

/** The members after one operation of a SCIM patch; only members can be patched here. */
function patched(members: string[], { op, path, value }: Operation): string[] {
  const one = /^members\[value eq "([^"]+)"\]$/.exec(path ?? "")?.[1];
  const listed = Array.isArray(value)
    ? value
    : ((value as { members?: Member[] } | undefined)?.members ?? []);
  const given = membersOf(listed);
  switch (op.toLowerCase()) {
    case "add":
      return [...members, ...given];
    case "remove":
      return members.filter((member) => member !== one && !given.includes(member));
    case "replace":
      return given;
    default:
      throw new ApiError("INVALID_PARAMETER_VALUE", `Unknown operation ${JSON.stringify(op)}.`);
  }
}

function membersOf(members: Member[] | undefined): string[] {
  return (members ?? []).map((member) => requiredString({ value: member?.value }, "value"));
}

function requireAdmin(c: RouteContext): void {
  if (!c.get("identity").admin)
    throw new ApiError("PERMISSION_DENIED", "Only administrators may change groups.");
}

function found(workspace: Workspace, id: string): Group {
  const group = findGroup(workspace.store, { id });
  if (!group) throw new ApiError("RESOURCE_DOES_NOT_EXIST", `Group with id ${id} not found.`);
  return group;
}

function shown(workspace: Workspace, group: Group): Record<string, unknown> {
  const principals = new Map(listPrincipals(workspace.store).map((one) => [one.id, one]));
  const members = group.members.map((id) => {
    const principal = principals.get(id);
    const kind = principal ? (principal.kind === "user" ? "Users" : "ServicePrincipals") : "Groups";
    return {
      value: id,
      display: principal?.displayName ?? findGroup(workspace.store, { id })?.displayName,
      $ref: `${kind}/${id}`,
    };
  });
  return {
    schemas: ["urn:ietf:params:scim:schemas:core:2.0:Group"],
    id: group.id,
    displayName: group.displayName,
    members,
    meta: { resourceType: "WorkspaceGroup" },
  };
}

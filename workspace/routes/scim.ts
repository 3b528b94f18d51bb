/** SCIM 2.0: who is calling, users and service principals. https://docs.databricks.com/api/workspace/users */
import { optionalString, readJson, requiredString } from "../body";
import type { App, Workspace } from "../context";
import { ApiError } from "../errors";
import {
  createPrincipal,
  deletePrincipal,
  listGroups,
  listPrincipals,
  principalById,
  type Principal,
} from "../identities";
import { page } from "./scimPage";

const ROOT = "/api/2.0/preview/scim/v2";
const SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User";
const PRINCIPAL_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal";

export function scimRoutes(app: App, workspace: Workspace): void {
  const { store } = workspace;

  app.get(`${ROOT}/Me`, (c) => {
    const me = listPrincipals(store).find((one) => one.id === c.get("identity").id);
    if (!me) throw new ApiError("RESOURCE_DOES_NOT_EXIST", "The token's user no longer exists.");
    return c.json(shown(workspace, me));
  });

  for (const [name, kind] of [
    ["Users", "user"],
    ["ServicePrincipals", "servicePrincipal"],
  ] as const) {
    app.get(`${ROOT}/${name}`, (c) => {
      const all = listPrincipals(store).filter((one) => one.kind === kind);
      return c.json(
        page(
          c,
          all.map((one) => shown(workspace, one)),
        ),
      );
    });

    app.post(`${ROOT}/${name}`, async (c) => {
      if (!c.get("identity").admin)
        throw new ApiError("PERMISSION_DENIED", "Only administrators may add users.");
      const body = await readJson(c);
      const userName =
        kind === "user" ? requiredString(body, "userName") : optionalString(body, "applicationId");
      const made = createPrincipal(store, {
        kind,
        userName,
        displayName: optionalString(body, "displayName"),
      });
      return c.json(shown(workspace, made), 201);
    });

    app.get(`${ROOT}/${name}/:id`, (c) =>
      c.json(shown(workspace, found(workspace, kind, c.req.param("id")))),
    );

    app.delete(`${ROOT}/${name}/:id`, (c) => {
      if (!c.get("identity").admin)
        throw new ApiError("PERMISSION_DENIED", "Only administrators may remove users.");
      const principal = found(workspace, kind, c.req.param("id"));
      if (principal.id === c.get("identity").id)
        throw new ApiError("BAD_REQUEST", "Users cannot remove themselves.");
      deletePrincipal(store, principal);
      return c.body(null, 204);
    });
  }
}

function found(workspace: Workspace, kind: Principal["kind"], id: string): Principal {
  const principal = principalById(workspace.store, id);
  if (principal?.kind === kind) return principal;
  throw new ApiError("RESOURCE_DOES_NOT_EXIST", `User with id ${id} not found.`);
}

function shown(workspace: Workspace, principal: Principal): Record<string, unknown> {
  const groups = listGroups(workspace.store)
    .filter((group) => group.members.includes(principal.id))
    .map((group) => ({
      display: group.displayName,
      value: group.id,
      type: "direct",
      $ref: `Groups/${group.id}`,
    }));
  const common = { id: principal.id, displayName: principal.displayName, active: true, groups };
  if (principal.kind === "servicePrincipal") {
    // Me shows a service principal's application id as its user name, as Databricks does.
    return {
      schemas: [PRINCIPAL_SCHEMA],
      applicationId: principal.userName,
      userName: principal.userName,
      ...common,
    };
  }
  const emails = [{ type: "work", value: principal.userName, primary: true }];
  return { schemas: [SCHEMA], userName: principal.userName, emails, ...common };
}

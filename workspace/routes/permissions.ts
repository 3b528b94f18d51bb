/** `/api/2.0/permissions/*`. https://docs.databricks.com/api/workspace/permissions */
import { readJson, requiredString, type Json } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";
import { findGroup, findPrincipal } from "../identities";
import {
  effectiveEntries,
  hasObjectAccess,
  hasPermission,
  ownEntries,
  PERMISSION_TYPES,
  permissionObject,
  setEntries,
  type AclEntry,
} from "../permissions";

const FIELDS = {
  user_name: "user",
  group_name: "group",
  service_principal_name: "servicePrincipal",
} as const;
const NAMES = { user: "user_name", group: "group_name", servicePrincipal: "service_principal_name" } as const;

export function permissionsRoutes(app: App, workspace: Workspace): void {
  // Warehouses have two addresses, with and without `sql/`.
  for (const root of ["/api/2.0/permissions/sql/:type/:id", "/api/2.0/permissions/:type/:id"]) {
    app.get(`${root}/permissionLevels`, (c) => {
      const { type } = target(c);
      const levels = PERMISSION_TYPES[type]!.levels.map((level) => ({
        permission_level: level,
        description: level,
      }));
      return c.json({ permission_levels: levels });
    });

    app.get(root, (c) => {
      const { type, id } = target(c);
      permissionObject(workspace, type, id);
      return c.json(shown(workspace, type, id));
    });

    app.put(root, async (c) => {
      const { type, id } = manageable(workspace, c);
      setEntries(workspace, type, id, await readEntries(workspace, c, type));
      return c.json(shown(workspace, type, id));
    });

    app.patch(root, async (c) => {
      const { type, id } = manageable(workspace, c);
      const given = await readEntries(workspace, c, type);
      const kept = ownEntries(workspace, type, id).filter(
        (old) => !given.some((entry) => samePrincipal(entry, old)),
      );
      setEntries(workspace, type, id, [...kept, ...given]);
      return c.json(shown(workspace, type, id));
    });
  }
}

function target(c: RouteContext): { type: string; id: string } {
  const [type = "", id = ""] = [c.req.param("type"), c.req.param("id")];
  if (PERMISSION_TYPES[type]) return { type, id };
  throw new ApiError("NOT_IMPLEMENTED", `The local workspace lacks this: permissions of ${type}.`);
}

/** The object, for a caller who may change its permissions. */
function manageable(workspace: Workspace, c: RouteContext): { type: string; id: string } {
  const { type, id } = target(c);
  const { record } = permissionObject(workspace, type, id);
  const identity = c.get("identity");
  const allowed = record
    ? hasObjectAccess(workspace, identity, record.path, "CAN_MANAGE")
    : hasPermission(workspace, identity, type, id, "CAN_MANAGE");
  if (!allowed)
    throw new ApiError(
      "PERMISSION_DENIED",
      `${identity.userName} does not have CAN_MANAGE permission on ${type} ${id}.`,
    );
  return { type, id };
}

async function readEntries(workspace: Workspace, c: RouteContext, type: string): Promise<AclEntry[]> {
  const { access_control_list: list = [] } = await readJson<{ access_control_list?: Json[] }>(c);
  if (!Array.isArray(list)) throw new ApiError("MALFORMED_REQUEST", "access_control_list must be a list.");
  return list.map((item) => readEntry(workspace, item, type));
}

function readEntry(workspace: Workspace, item: Json, type: string): AclEntry {
  const named = Object.keys(FIELDS).filter((field) => item[field]) as (keyof typeof FIELDS)[];
  const field = named[0];
  if (named.length !== 1 || !field) {
    const message = "Each entry needs exactly one of user_name, group_name and service_principal_name.";
    throw new ApiError("INVALID_PARAMETER_VALUE", message);
  }
  const name = requiredString(item, field);
  const level = requiredString(item, "permission_level");
  const { levels } = PERMISSION_TYPES[type]!;
  if (!levels.includes(level)) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `Invalid permission level ${level} for ${type}: one of ${levels.join(", ")} is needed.`,
    );
  }
  const kind = kindOf(workspace, field, name);
  if (!kind) {
    throw new ApiError("RESOURCE_DOES_NOT_EXIST", `Principal: ${FIELDS[field]} ${name} does not exist`);
  }
  return { kind, name, level };
}

/**
 * What the name is of; undefined where there is nobody. A service principal's application id is taken as a user's name too:
 * Terraform's provider names itself so, where it makes itself a job's owner (permissions/permission_definitions.go).
 */
function kindOf(
  { store }: Workspace,
  field: keyof typeof FIELDS,
  name: string,
): AclEntry["kind"] | undefined {
  if (field === "group_name") return findGroup(store, { displayName: name }) && "group";
  const kind = findPrincipal(store, name)?.kind;
  return field === "user_name" || kind === "servicePrincipal" ? kind : undefined;
}

function samePrincipal(a: AclEntry, b: AclEntry): boolean {
  return a.kind === b.kind && a.name === b.name;
}

/** One item a principal, with all that it has, as the API shows it. */
function shown(workspace: Workspace, type: string, id: string): Json {
  const items = new Map<string, { all_permissions: Json[] } & Json>();
  for (const { kind, name, level, inheritedFrom } of effectiveEntries(workspace, type, id)) {
    const key = `${kind} ${name}`;
    const item = items.get(key) ?? {
      [NAMES[kind]]: name,
      display_name: displayName(workspace, kind, name),
      all_permissions: [],
    };
    item.all_permissions.push({
      permission_level: level,
      inherited: inheritedFrom !== undefined,
      ...(inheritedFrom !== undefined && { inherited_from_object: [inheritedFrom] }),
    });
    items.set(key, item);
  }
  const { objectType, root } = PERMISSION_TYPES[type]!;
  return { object_id: `${root}/${id}`, object_type: objectType, access_control_list: [...items.values()] };
}

function displayName(workspace: Workspace, kind: AclEntry["kind"], name: string): string | undefined {
  return kind === "group" ? undefined : findPrincipal(workspace.store, name)?.displayName;
}

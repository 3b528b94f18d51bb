/** The folder of the releases: who may edit it, and whether we may import into it. */
import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import type { Client } from "../../databricks/client";
import { deleteObject, getStatus, importObject, type ObjectInfo } from "../../databricks/objects";
import { ok, problem, tryOut, warning, type Outcome } from "./finding";

/** The folder itself, or the nearest one above it that is there: what it will inherit from, and where we can try things. */
export async function nearest(client: Client, path: string): Promise<ObjectInfo | undefined> {
  for (let at = path; at !== "/" && at !== "."; at = posix.dirname(at)) {
    const found = await getStatus(client, at);
    if (found) {
      return found;
    }
  }
  return undefined;
}

interface AccessControl {
  readonly access_control_list?: readonly {
    readonly group_name?: string;
    readonly all_permissions?: readonly {
      readonly permission_level?: string;
      readonly inherited?: boolean;
    }[];
  }[];
}

/** Databricks' groups that hold everybody. */
const EVERYBODY = new Set(["users", "account users"]);
const MAY_EDIT = new Set(["CAN_EDIT", "CAN_MANAGE"]);
const MEND =
  "Set releaseRoot to a folder below the deployer's home, or take that permission from the folder. Who edits a release changes what runs in production.";

/** Who may edit the releases, by the ACL; in `/Shared` everybody may. */
export async function checkOpen(client: Client, root: string): Promise<Outcome> {
  const folder = await nearest(client, root);
  if (!folder) {
    return problem(
      `no folder above ${root} exists`,
      "Set releaseRoot to a folder in a home or one that is there.",
    );
  }
  const isShared = /^(\/Workspace)?\/Shared(\/|$)/.test(root);
  const where = folder.path === root ? root : `${root} (not there yet; its parent ${folder.path} tells)`;
  let open: string | undefined;
  try {
    open = openTo(
      await client.call<AccessControl>("GET", `/api/2.0/permissions/directories/${folder.object_id}`),
    );
  } catch (error) {
    return warning(
      `${where}${isShared ? " is in /Shared, where everybody may edit" : ""}: its ACL cannot be read (${(error as Error).message})`,
      isShared ? MEND : "Ask who manages the folder who may edit it.",
    );
  }
  if (isShared || open) {
    return warning(`${where} may be edited by everybody: ${open ?? "everything in /Shared may"}`, MEND);
  }
  return ok(`${where} is not open to everybody`);
}

/** Such as `group users has CAN_MANAGE (inherited)`. */
function openTo({ access_control_list: list = [] }: AccessControl): string | undefined {
  for (const { group_name, all_permissions = [] } of list) {
    const level = all_permissions.find(({ permission_level }) => MAY_EDIT.has(permission_level ?? ""));
    if (group_name && EVERYBODY.has(group_name) && level) {
      return `group ${group_name} has ${level.permission_level}${level.inherited ? " (inherited)" : ""}`;
    }
  }
  return undefined;
}

/** Imports an own notebook into the folder (or the nearest one above it), and deletes it. */
export async function checkImport(client: Client, root: string): Promise<Outcome> {
  const folder = await nearest(client, root);
  if (!folder) {
    return problem(
      `no folder above ${root} exists`,
      "Set releaseRoot to a folder in a home or one that is there.",
    );
  }
  const path = `${folder.path}/.doctor-${randomUUID()}`;
  return tryOut(
    path,
    async () => {
      const content = Buffer.from("# Databricks notebook source\n");
      await importObject(client, { path, content, format: "SOURCE", language: "PYTHON" });
      return () => deleteObject(client, path);
    },
    `a notebook was imported into ${folder.path} and deleted`,
  );
}

/** Users, service principals and groups. `users` holds everybody, `admins` whoever has the admin flag; both are built in. */
import { randomUUID } from "node:crypto";
import type { Identity } from "./context";
import { ApiError } from "./errors";
import { treeOf } from "./objects/tree";
import type { Store } from "./store";

/** A principal as it is stored. A service principal's `userName` is its application id. */
export interface Principal extends Identity {
  readonly kind: "user" | "servicePrincipal";
}

export interface Group {
  readonly id: string;
  readonly displayName: string;
  /** Ids of principals and of groups. Empty for the built-in groups, whose members are computed. */
  readonly members: readonly string[];
}

const ADMINS: Group = { id: "1000000000000", displayName: "admins", members: [] };
const USERS: Group = { id: "1000000000001", displayName: "users", members: [] };
const BUILT_IN = [ADMINS, USERS];

const principals = (store: Store) => store.table<Principal>("identities");
const groups = (store: Store) => store.table<Group>("groups");

/** The user of that name, made if there is none. `admin` of an existing user stays as it is. */
export function ensureUser(
  store: Store,
  userName: string,
  options: { admin?: boolean; displayName?: string } = {},
): Principal {
  return findPrincipal(store, userName) ?? createPrincipal(store, { kind: "user", userName, ...options });
}

/** Makes a principal and its home folder; a service principal gets an application id as its name unless it has one. */
export function createPrincipal(
  store: Store,
  wanted: { kind: Principal["kind"]; userName?: string; displayName?: string; admin?: boolean },
): Principal {
  const userName = wanted.userName ?? randomUUID();
  if (userName.length > 256 || /[/\p{Cc}]/u.test(userName)) {
    throw new ApiError("INVALID_PARAMETER_VALUE", `Invalid user name: ${JSON.stringify(userName)}`);
  }
  if (findPrincipal(store, userName)) {
    throw new ApiError("RESOURCE_ALREADY_EXISTS", `User with username ${userName} already exists.`, {
      status: 409,
    });
  }
  const principal: Principal = {
    id: String(store.nextId("identity", 1_000_000_000_002)),
    kind: wanted.kind,
    userName,
    displayName: wanted.displayName ?? userName,
    admin: wanted.admin ?? false,
  };
  store.transaction(() => {
    principals(store).putSync(userName, principal);
    treeOf(store).ensureDirectory(`/Users/${userName}`, undefined);
  });
  return principal;
}

export function findPrincipal(store: Store, userName: string): Principal | undefined {
  return principals(store).get(userName);
}

export function principalById(store: Store, id: string): Principal | undefined {
  return listPrincipals(store).find((principal) => principal.id === id);
}

/** All users and service principals, by name. */
export function listPrincipals(store: Store): Principal[] {
  return [...principals(store).getRange({})].map((entry) => entry.value);
}

export function deletePrincipal(store: Store, principal: Principal): void {
  principals(store).removeSync(principal.userName);
}

/** All groups, the built-in ones first with the members that they have now. */
export function listGroups(store: Store): Group[] {
  const everybody = listPrincipals(store);
  return [
    { ...ADMINS, members: everybody.filter((one) => one.admin).map((one) => one.id) },
    { ...USERS, members: everybody.map((one) => one.id) },
    ...[...groups(store).getRange({})].map((entry) => entry.value),
  ];
}

/** A group by its id or its name. */
export function findGroup(store: Store, key: { id?: string; displayName?: string }): Group | undefined {
  return listGroups(store).find((group) => group.id === key.id || group.displayName === key.displayName);
}

export function createGroup(store: Store, displayName: string, members: readonly string[]): Group {
  if (findGroup(store, { displayName })) {
    throw new ApiError("RESOURCE_ALREADY_EXISTS", `Group with name ${displayName} already exists.`, {
      status: 409,
    });
  }
  const group: Group = {
    id: String(store.nextId("identity", 1_000_000_000_002)),
    displayName,
    members: [...new Set(members)],
  };
  groups(store).putSync(group.id, group);
  return group;
}

/** Replaces a group's members. In `admins` that sets who is an administrator; `users` cannot be changed. */
export function setMembers(store: Store, group: Group, members: readonly string[]): void {
  if (group.id === USERS.id)
    throw new ApiError("INVALID_PARAMETER_VALUE", "The group users holds everybody.");
  if (group.id !== ADMINS.id) {
    groups(store).putSync(group.id, { ...group, members: [...new Set(members)] });
    return;
  }
  store.transaction(() => {
    for (const principal of listPrincipals(store)) {
      const admin = members.includes(principal.id);
      if (admin !== principal.admin) principals(store).putSync(principal.userName, { ...principal, admin });
    }
  });
}

export function deleteGroup(store: Store, group: Group): void {
  if (BUILT_IN.some((one) => one.id === group.id)) {
    throw new ApiError("INVALID_PARAMETER_VALUE", `The group ${group.displayName} is built in.`);
  }
  groups(store).removeSync(group.id);
}

/** Names of all groups that hold this identity, directly or through another group; always with `users`. */
export function groupNamesOf(store: Store, identity: Identity): Set<string> {
  const names = new Set<string>([USERS.displayName]);
  if (identity.admin) names.add(ADMINS.displayName);
  const own = [...groups(store).getRange({})].map((entry) => entry.value);
  const ids = new Set([identity.id]);
  for (let grown = true; grown;) {
    grown = false;
    for (const group of own) {
      if (ids.has(group.id) || !group.members.some((member) => ids.has(member))) continue;
      ids.add(group.id);
      names.add(group.displayName);
      grown = true;
    }
  }
  return names;
}

/** Whether a name in an ACL is one that exists. */
export function principalExists(store: Store, name: string): boolean {
  return findPrincipal(store, name) !== undefined || findGroup(store, { displayName: name }) !== undefined;
}

/**
 * Secret scopes: values encrypted with a key of the data folder's own, and one access control list a scope.
 * A value leaves this file only through `getSecretValue`; nothing here logs.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Identity, Workspace } from "./context";
import { ApiError } from "./errors";
import { groupNamesOf, principalExists } from "./identities";

export type SecretPermission = "READ" | "WRITE" | "MANAGE";
const LEVELS: readonly SecretPermission[] = ["READ", "WRITE", "MANAGE"];

const MAX_SCOPES = 1_000;
const MAX_SECRETS = 1_000;
const MAX_VALUE_BYTES = 128 * 1024;

interface Scope {
  readonly name: string;
  /** Principal's name to its permission. */
  readonly acls: Record<string, SecretPermission>;
  /** How many secrets it holds, so that the limit costs no walk over them. */
  readonly size: number;
}

interface Secret {
  /** As it was first written; lookups ignore case. */
  readonly key: string;
  readonly updatedAt: number;
  /** Nonce, tag and ciphertext of AES-256-GCM. */
  readonly sealed: Uint8Array;
}

const scopes = (workspace: Workspace) => workspace.store.table<Scope>("secretScopes");
const secrets = (workspace: Workspace) => workspace.store.table<Secret>("secrets");

/** Makes a scope; its creator gets MANAGE, or everybody where `initialManagePrincipal` is `users`. */
export function createScope(
  workspace: Workspace,
  identity: Identity,
  name: string,
  initialManagePrincipal?: string,
): void {
  checkName("Scope name", name);
  if (initialManagePrincipal !== undefined && initialManagePrincipal !== "users") {
    throw new ApiError("INVALID_PARAMETER_VALUE", 'initial_manage_principal may only be "users".');
  }
  workspace.store.transaction(() => {
    if (scopes(workspace).get(name))
      throw new ApiError("RESOURCE_ALREADY_EXISTS", `Scope ${name} already exists!`);
    if (scopes(workspace).getKeysCount() >= MAX_SCOPES) {
      throw new ApiError(
        "RESOURCE_LIMIT_EXCEEDED",
        `A workspace may have at most ${MAX_SCOPES} secret scopes.`,
      );
    }
    scopes(workspace).putSync(name, {
      name,
      acls: { [initialManagePrincipal ?? identity.userName]: "MANAGE" },
      size: 0,
    });
  });
}

/** Names of all scopes; every user may see them. */
export function listScopes(workspace: Workspace): string[] {
  return [...scopes(workspace).getKeys()];
}

/** Deletes a scope with all of its secrets and permissions. */
export function deleteScope(workspace: Workspace, identity: Identity, name: string): void {
  workspace.store.transaction(() => {
    requirePermission(workspace, identity, name, "MANAGE");
    for (const { key } of secretsOf(workspace, name)) secrets(workspace).removeSync(secretKey(name, key));
    scopes(workspace).removeSync(name);
  });
}

/** Writes a secret, whether or not there is one. */
export function putSecret(
  workspace: Workspace,
  identity: Identity,
  scope: string,
  key: string,
  value: Buffer,
): void {
  checkName("Secret key", key);
  if (value.byteLength === 0 || value.byteLength > MAX_VALUE_BYTES) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `A secret's value must have from 1 to ${MAX_VALUE_BYTES} bytes.`,
    );
  }
  const sealed = seal(workspace, value);
  workspace.store.transaction(() => {
    const found = requirePermission(workspace, identity, scope, "WRITE");
    const old = secrets(workspace).get(secretKey(scope, key));
    if (!old) {
      if (found.size >= MAX_SECRETS) {
        throw new ApiError(
          "RESOURCE_LIMIT_EXCEEDED",
          `Scope ${scope} may have at most ${MAX_SECRETS} secrets.`,
        );
      }
      scopes(workspace).putSync(scope, { ...found, size: found.size + 1 });
    }
    secrets(workspace).putSync(secretKey(scope, key), {
      key: old?.key ?? key,
      updatedAt: Date.now(),
      sealed,
    });
  });
}

/** A secret's bytes; the caller needs READ. Throws `RESOURCE_DOES_NOT_EXIST` for an unknown scope or key. */
export function getSecretValue(workspace: Workspace, identity: Identity, scope: string, key: string): Buffer {
  requirePermission(workspace, identity, scope, "READ");
  const secret = secrets(workspace).get(secretKey(scope, key));
  if (!secret) throw noSecret(scope, key);
  return unseal(workspace, secret.sealed);
}

/** Keys and dates in milliseconds since 1970; the caller needs READ. */
export function listSecrets(
  workspace: Workspace,
  identity: Identity,
  scope: string,
): { key: string; updatedAt: number }[] {
  requirePermission(workspace, identity, scope, "READ");
  return secretsOf(workspace, scope).map(({ key, updatedAt }) => ({ key, updatedAt }));
}

export function deleteSecret(workspace: Workspace, identity: Identity, scope: string, key: string): void {
  workspace.store.transaction(() => {
    const found = requirePermission(workspace, identity, scope, "WRITE");
    if (!secrets(workspace).removeSync(secretKey(scope, key))) throw noSecret(scope, key);
    scopes(workspace).putSync(scope, { ...found, size: found.size - 1 });
  });
}

export function putSecretAcl(
  workspace: Workspace,
  identity: Identity,
  scope: string,
  principal: string,
  permission: string,
): void {
  if (!LEVELS.includes(permission as SecretPermission)) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `Invalid permission ${JSON.stringify(permission)}: READ, WRITE or MANAGE is needed.`,
    );
  }
  workspace.store.transaction(() => {
    const found = requirePermission(workspace, identity, scope, "MANAGE");
    if (!principalExists(workspace.store, principal)) {
      throw new ApiError("RESOURCE_DOES_NOT_EXIST", `User or Group ${principal} does not exist.`);
    }
    scopes(workspace).putSync(scope, {
      ...found,
      acls: { ...found.acls, [principal]: permission as SecretPermission },
    });
  });
}

export function listSecretAcls(
  workspace: Workspace,
  identity: Identity,
  scope: string,
): { principal: string; permission: SecretPermission }[] {
  const { acls } = requirePermission(workspace, identity, scope, "MANAGE");
  return Object.entries(acls).map(([principal, permission]) => ({ principal, permission }));
}

export function getSecretAcl(
  workspace: Workspace,
  identity: Identity,
  scope: string,
  principal: string,
): SecretPermission {
  const permission = requirePermission(workspace, identity, scope, "MANAGE").acls[principal];
  if (!permission) throw noAcl(scope, principal);
  return permission;
}

export function deleteSecretAcl(
  workspace: Workspace,
  identity: Identity,
  scope: string,
  principal: string,
): void {
  workspace.store.transaction(() => {
    const found = requirePermission(workspace, identity, scope, "MANAGE");
    const { [principal]: old, ...acls } = found.acls;
    if (!old) throw noAcl(scope, principal);
    scopes(workspace).putSync(scope, { ...found, acls });
  });
}

/** The scope, for a caller who has at least `needed` on it, directly or through a group. */
function requirePermission(
  workspace: Workspace,
  identity: Identity,
  name: string,
  needed: SecretPermission,
): Scope {
  const scope = scopes(workspace).get(name);
  if (!scope) throw new ApiError("RESOURCE_DOES_NOT_EXIST", `Scope ${name} does not exist!`);
  if (identity.admin) return scope;
  const names = groupNamesOf(workspace.store, identity).add(identity.userName);
  const enough = Object.entries(scope.acls).some(
    ([principal, permission]) => names.has(principal) && LEVELS.indexOf(permission) >= LEVELS.indexOf(needed),
  );
  if (!enough) {
    throw new ApiError(
      "PERMISSION_DENIED",
      `User ${identity.userName} does not have ${needed} permission on scope ${name}.`,
    );
  }
  return scope;
}

function secretsOf(workspace: Workspace, scope: string): Secret[] {
  // Names have no slash, and `0` is the character after it.
  return [...secrets(workspace).getRange({ start: `${scope}/`, end: `${scope}0` })].map(
    (entry) => entry.value,
  );
}

function secretKey(scope: string, key: string): string {
  return `${scope}/${key.toLowerCase()}`;
}

function checkName(what: string, name: string): void {
  if (/^[A-Za-z0-9_.-]{1,128}$/.test(name)) return;
  throw new ApiError(
    "INVALID_PARAMETER_VALUE",
    `${what} ${JSON.stringify(name.slice(0, 140))} is invalid: it must consist of 1 to 128 letters, digits, '-', '_' and '.'.`,
  );
}

function noSecret(scope: string, key: string): ApiError {
  return new ApiError(
    "RESOURCE_DOES_NOT_EXIST",
    `Secret does not exist with scope: ${scope} and key: ${key}`,
  );
}

function noAcl(scope: string, principal: string): ApiError {
  return new ApiError(
    "RESOURCE_DOES_NOT_EXIST",
    `Failed to get secret acl for principal ${principal} for scope ${scope}.`,
  );
}

function seal(workspace: Workspace, value: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(workspace), nonce);
  const sealed = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

function unseal(workspace: Workspace, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(workspace), sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(12, 28));
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
}

const keys = new WeakMap<Workspace, Buffer>();

/** The data folder's key, in a file beside the store, readable for its owner only. */
function sealingKey(workspace: Workspace): Buffer {
  const known = keys.get(workspace);
  if (known) return known;
  const file = path.join(workspace.settings.dataDir, "secrets.key");
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("hex"), { mode: 0o600 });
  const key = Buffer.from(readFileSync(file, "utf8").trim(), "hex");
  keys.set(workspace, key);
  return key;
}

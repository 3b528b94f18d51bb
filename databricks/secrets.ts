/** Secret scopes, keys and ACLs. API: /api/2.0/secrets. A value passes through `putSecret` only and is never kept. */
import { ApiError, isNotFound } from "./errors";
import type { Client } from "./client";

export type SecretPermissionLevel = "READ" | "WRITE" | "MANAGE";
export interface SecretMetadata {
  readonly key: string;
  /** Epoch milliseconds of the last write. */
  readonly last_updated_timestamp: number;
}
export interface SecretAcl {
  readonly principal: string;
  readonly permission: SecretPermissionLevel;
}

export async function listScopes(client: Client): Promise<string[]> {
  const { scopes = [] } = await client.call<{ scopes?: { name: string }[] }>(
    "GET",
    "/api/2.0/secrets/scopes/list",
  );
  return scopes.map((scope) => scope.name);
}

/** Creates the scope; answers false where it was there already. */
export async function ensureScope(client: Client, scope: string): Promise<boolean> {
  if ((await listScopes(client)).includes(scope)) {
    return false;
  }
  try {
    await client.call("POST", "/api/2.0/secrets/scopes/create", { body: { scope }, repeatable: true });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.alreadyExists) {
      return false;
    }
    throw error;
  }
}

/** Deletes the scope with everything in it; one that is gone already is fine. */
export async function deleteScope(client: Client, scope: string): Promise<void> {
  await ignoreMissing(
    client.call("POST", "/api/2.0/secrets/scopes/delete", { body: { scope }, repeatable: true }),
  );
}

/** Writes or overwrites a key in one request: a reader sees the old or the new value, never none. */
export async function putSecret(client: Client, scope: string, key: string, value: string): Promise<void> {
  await client.call("POST", "/api/2.0/secrets/put", {
    body: { scope, key, string_value: value },
    repeatable: true,
  });
}

/** The metadata of a scope's keys; undefined where the scope does not exist. */
export async function listSecrets(client: Client, scope: string): Promise<SecretMetadata[] | undefined> {
  try {
    const path = "/api/2.0/secrets/list";
    return (
      (await client.call<{ secrets?: SecretMetadata[] }>("GET", path, { query: { scope } })).secrets ?? []
    );
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

/** One key's metadata; names ignore case, as on Databricks. */
export async function findSecret(
  client: Client,
  scope: string,
  key: string,
): Promise<SecretMetadata | undefined> {
  const secrets = await listSecrets(client, scope);
  return secrets?.find((secret) => secret.key.toLowerCase() === key.toLowerCase());
}

export async function deleteSecret(client: Client, scope: string, key: string): Promise<void> {
  await ignoreMissing(
    client.call("POST", "/api/2.0/secrets/delete", { body: { scope, key }, repeatable: true }),
  );
}

/** Writes or overwrites a principal's permission in one request. */
export async function putAcl(client: Client, scope: string, acl: SecretAcl): Promise<void> {
  await client.call("POST", "/api/2.0/secrets/acls/put", { body: { scope, ...acl }, repeatable: true });
}

export async function getAcl(
  client: Client,
  scope: string,
  principal: string,
): Promise<SecretAcl | undefined> {
  try {
    return await client.call<SecretAcl>("GET", "/api/2.0/secrets/acls/get", { query: { scope, principal } });
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

export async function deleteAcl(client: Client, scope: string, principal: string): Promise<void> {
  await ignoreMissing(
    client.call("POST", "/api/2.0/secrets/acls/delete", { body: { scope, principal }, repeatable: true }),
  );
}

async function ignoreMissing(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) {
      throw error;
    }
  }
}

/** `/api/2.0/secrets/*`. https://docs.databricks.com/api/workspace/secrets */
import { optionalString, readJson, requiredQuery, requiredString, type Json } from "../body";
import type { App, Workspace } from "../context";
import { ApiError } from "../errors";
import * as secrets from "../secrets";

export function secretsRoutes(app: App, workspace: Workspace): void {
  scopeRoutes(app, workspace);
  aclRoutes(app, workspace);

  app.post("/api/2.0/secrets/put", async (c) => {
    const body = await readJson(c);
    const [scope, key] = [requiredString(body, "scope"), requiredString(body, "key")];
    secrets.putSecret(workspace, c.get("identity"), scope, key, valueOf(body));
    return c.json({});
  });

  app.post("/api/2.0/secrets/delete", async (c) => {
    const body = await readJson(c);
    secrets.deleteSecret(
      workspace,
      c.get("identity"),
      requiredString(body, "scope"),
      requiredString(body, "key"),
    );
    return c.json({});
  });

  app.get("/api/2.0/secrets/list", (c) => {
    const found = secrets.listSecrets(workspace, c.get("identity"), requiredQuery(c, "scope"));
    if (found.length === 0) return c.json({});
    return c.json({
      secrets: found.map(({ key, updatedAt }) => ({ key, last_updated_timestamp: updatedAt })),
    });
  });

  app.get("/api/2.0/secrets/get", (c) => {
    const [scope, key] = [requiredQuery(c, "scope"), requiredQuery(c, "key")];
    const value = secrets.getSecretValue(workspace, c.get("identity"), scope, key);
    return c.json({ key, value: value.toString("base64") });
  });
}

function scopeRoutes(app: App, workspace: Workspace): void {
  app.post("/api/2.0/secrets/scopes/create", async (c) => {
    const body = await readJson(c);
    if (optionalString(body, "scope_backend_type") === "AZURE_KEYVAULT" || body.backend_azure_keyvault) {
      throw new ApiError(
        "NOT_IMPLEMENTED",
        "The local workspace lacks this: secret scopes in Azure Key Vault.",
      );
    }
    const initial = optionalString(body, "initial_manage_principal");
    secrets.createScope(workspace, c.get("identity"), requiredString(body, "scope"), initial);
    return c.json({});
  });

  app.get("/api/2.0/secrets/scopes/list", (c) => {
    const names = secrets.listScopes(workspace);
    return c.json(
      names.length === 0 ? {} : { scopes: names.map((name) => ({ name, backend_type: "DATABRICKS" })) },
    );
  });

  app.post("/api/2.0/secrets/scopes/delete", async (c) => {
    secrets.deleteScope(workspace, c.get("identity"), requiredString(await readJson(c), "scope"));
    return c.json({});
  });
}

function aclRoutes(app: App, workspace: Workspace): void {
  app.post("/api/2.0/secrets/acls/put", async (c) => {
    const body = await readJson(c);
    const [scope, principal] = [requiredString(body, "scope"), requiredString(body, "principal")];
    secrets.putSecretAcl(workspace, c.get("identity"), scope, principal, requiredString(body, "permission"));
    return c.json({});
  });

  app.post("/api/2.0/secrets/acls/delete", async (c) => {
    const body = await readJson(c);
    secrets.deleteSecretAcl(
      workspace,
      c.get("identity"),
      requiredString(body, "scope"),
      requiredString(body, "principal"),
    );
    return c.json({});
  });

  app.get("/api/2.0/secrets/acls/list", (c) => {
    const items = secrets.listSecretAcls(workspace, c.get("identity"), requiredQuery(c, "scope"));
    return c.json(items.length === 0 ? {} : { items });
  });

  app.get("/api/2.0/secrets/acls/get", (c) => {
    const [scope, principal] = [requiredQuery(c, "scope"), requiredQuery(c, "principal")];
    return c.json({
      principal,
      permission: secrets.getSecretAcl(workspace, c.get("identity"), scope, principal),
    });
  });
}

/** The value, given as text or as base64 bytes: exactly one of them. */
function valueOf(body: Json): Buffer {
  const [text, bytes] = [body.string_value, body.bytes_value];
  if ((text === undefined) === (bytes === undefined)) {
    throw new ApiError("MALFORMED_REQUEST", "Exactly one of string_value and bytes_value is needed.");
  }
  const given = text ?? bytes;
  if (typeof given !== "string")
    throw new ApiError("MALFORMED_REQUEST", "A secret's value must be a string.");
  return Buffer.from(given, text === undefined ? "base64" : "utf8");
}

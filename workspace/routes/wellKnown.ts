/** What clients ask before anything else: where this workspace is and how to sign in. No token needed. */
import type { App, Workspace } from "../context";
import { ACCOUNT } from "../federation";

export function wellKnownRoutes(app: App, workspace: Workspace): void {
  const { host, workspaceId } = workspace.settings;
  app.get("/.well-known/databricks-config", (c) =>
    c.json({
      oidc_endpoint: `${host}/oidc`,
      workspace_id: workspaceId,
      account_id: ACCOUNT,
    }),
  );
}

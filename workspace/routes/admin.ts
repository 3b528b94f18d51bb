/** The server's own routes, for tests and benchmarks: faults, the requests seen, further users. Administrators only. */
import { issueToken, revokeToken } from "../auth";
import { optionalBoolean, readJson, requiredString } from "../body";
import type { App, Workspace } from "../context";
import type { Fault, Faults } from "../faults";
import { ensureUser } from "../identities";
import type { RequestLog } from "../requests";

export function adminRoutes(
  app: App,
  workspace: Workspace,
  parts: { faults: Faults; requests: RequestLog },
): void {
  const { faults, requests } = parts;
  app.post("/__workspace/faults", async (c) => {
    faults.add(await readJson<Fault>(c));
    return c.json({ faults: faults.list() });
  });
  app.get("/__workspace/faults", (c) => c.json({ faults: faults.list() }));
  app.delete("/__workspace/faults", (c) => {
    faults.clear();
    return c.json({});
  });

  app.get("/__workspace/requests", (c) => c.json(requests.list()));
  app.delete("/__workspace/requests", (c) => {
    requests.clear();
    return c.json({});
  });

  app.post("/__workspace/users", async (c) => {
    const body = await readJson(c);
    const userName = requiredString(body, "userName");
    const identity = ensureUser(workspace.store, userName, { admin: optionalBoolean(body, "admin") });
    return c.json({ id: identity.id, userName, token: issueToken(workspace.store, userName) });
  });

  app.delete("/__workspace/tokens", async (c) => {
    revokeToken(workspace.store, requiredString(await readJson(c), "token"));
    return c.json({});
  });
}

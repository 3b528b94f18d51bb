/** Who we are and where: SCIM `Me`. API: GET /api/2.0/preview/scim/v2/Me. */
import type { Client } from "./client";

export interface Me {
  readonly userName: string;
  /** The workspace's id, from the header `X-Databricks-Org-Id`; empty where the server does not send it. */
  readonly workspaceId: string;
}

/** Answers within `timeoutMs` (default 8 s) or fails: this is the call that checks the ground. */
export async function whoAmI(client: Client, timeoutMs = 8000): Promise<Me> {
  const path = "/api/2.0/preview/scim/v2/Me";
  const { headers, value } = await client.exchange<{ userName?: string }>("GET", path, {
    deadlineMs: timeoutMs,
  });
  return { userName: value.userName ?? "", workspaceId: String(headers["x-databricks-org-id"] ?? "") };
}

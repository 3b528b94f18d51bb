/** Access to objects. API: PATCH /api/2.0/permissions/{type}/{id}, which adds and never takes away. */
import type { Client } from "./client";

/** One reader or writer: exactly one of the names is set, as in the Permissions API. */
export interface Principal {
  readonly userName?: string;
  readonly groupName?: string;
  readonly servicePrincipalName?: string;
}

export async function grant(
  client: Client,
  objectType: "directories" | "jobs" | "experiments",
  id: string | number,
  principals: readonly Principal[],
  level: string,
): Promise<void> {
  const access_control_list = principals.map((principal) => ({
    user_name: principal.userName,
    group_name: principal.groupName,
    service_principal_name: principal.servicePrincipalName,
    permission_level: level,
  }));
  await client.call("PATCH", `/api/2.0/permissions/${objectType}/${encodeURIComponent(id)}`, {
    body: { access_control_list },
    repeatable: true,
  });
}

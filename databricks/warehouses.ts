/** SQL warehouses: whether one is up, and starting it. API: /api/2.0/sql/warehouses. */
import type { Client } from "./client";

/** As the API spells them. */
export type WarehouseState = "STARTING" | "RUNNING" | "STOPPING" | "STOPPED" | "DELETING" | "DELETED";

const WAREHOUSES = "/api/2.0/sql/warehouses";

export async function warehouseState(client: Client, id: string): Promise<WarehouseState> {
  return (await client.call<{ state: WarehouseState }>("GET", `${WAREHOUSES}/${encodeURIComponent(id)}`))
    .state;
}

/** Asks for it to be started; it is not waited for. One that is up or starting stays as it is. */
export async function startWarehouse(client: Client, id: string): Promise<void> {
  await client.call("POST", `${WAREHOUSES}/${encodeURIComponent(id)}/start`, { repeatable: true });
}

/**
 * Looks after a warehouse that lets a statement wait: a stopped one is started. A statement starts it by itself, but not
 * where the warehouse was stopped at that very moment, or must not start by itself.
 * @returns what people may be told, such as `STARTING`; empty where it is up, or may not be looked at or started: then
 *   the statement's own state tells.
 */
export async function wake(client: Client, id: string): Promise<string> {
  try {
    const state = await warehouseState(client, id);
    if (state !== "STOPPED") {
      return state === "RUNNING" ? "" : state;
    }
    await startWarehouse(client, id);
    return "STARTING";
  } catch {
    return "";
  }
}

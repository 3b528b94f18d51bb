/** The SQL warehouse of a registry, as providers use it: what it waits for is said in the update's display. */
import type { Client } from "../../databricks/client";
import { Warehouse } from "../../databricks/sql";
import { progress } from "../progress";

/** A cold start takes minutes; a line every ten seconds is enough to see that it moves. */
const SAY_EVERY_MS = 10_000;

export function registryWarehouse(client: Client, id: string): Warehouse {
  return new Warehouse(client, id, { onWait: progress(SAY_EVERY_MS) });
}

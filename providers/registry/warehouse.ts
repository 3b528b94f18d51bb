/** The SQL warehouse of a registry, as providers use it: what it waits for is said in the update's display. */
import type { Client } from "../../databricks/client";
import { Warehouse } from "../../databricks/sql";
import { progress } from "../progress";

/** A cold start takes minutes; a line every ten seconds is enough to see that it moves. */
const SAY_EVERY_MS = 10_000;

export function registryWarehouse(client: Client, id: string): Warehouse {
  const say = progress(SAY_EVERY_MS);
  return new Warehouse(client, id, {
    onWait: (state, seconds) =>
      say(`waiting for the SQL warehouse ${id}: ${state.toLowerCase()} for ${seconds} s`),
  });
}

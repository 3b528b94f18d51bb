/** A client whose calls all end by one moment: what is done at a deployment's edge must not hold it up. */
import type { Call, Client } from "../../databricks/client";

/** @param deadline epoch ms. A call begun after it fails at once. */
export function until(client: Client, deadline: number): Client {
  const within = (options?: Call): Call => {
    const left = Math.max(1, deadline - Date.now());
    return { ...options, deadlineMs: Math.min(left, options?.deadlineMs ?? left) };
  };
  const limited = Object.create(client) as Client;
  limited.exchange = (method, path, options) => client.exchange(method, path, within(options));
  limited.bytes = (method, path, options) => client.bytes(method, path, within(options));
  return limited;
}

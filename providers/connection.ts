/** The client that a provider works with, after a look at which workspace answers. */
import { Client } from "../databricks/client";
import { whoAmI, type Me } from "../databricks/identity";

/** Where a resource lives; every resource holds it. */
export interface Place {
  readonly host: string;
  readonly workspaceId: string;
}

const clients = new Map<string, { client: Client; me?: Promise<Me> }>();

/** A host that is down is to be said within 10 seconds, the engine's own start included. */
const GROUND_MS = 5000;

function entry(host: string) {
  let found = clients.get(host);
  if (!found) {
    found = { client: new Client({ host }) };
    clients.set(host, found);
  }
  return found;
}

/** Who we are at `host`, asked once a process. Credentials come from the environment (databricks/credentials.ts). */
export async function identify(host: string): Promise<Me> {
  const known = entry(host);
  known.me ??= whoAmI(known.client, GROUND_MS);
  try {
    return await known.me;
  } catch (error) {
    known.me = undefined;
    throw error;
  }
}

/**
 * A client for the resource's workspace. `refresh` and `destroy` do not run the program, so each provider makes sure
 * by itself that the credentials of today lead to the workspace that the resource was made in.
 * @throws Error naming both workspaces where they differ.
 */
export async function connect(place: Place): Promise<Client> {
  const { workspaceId } = await identify(place.host);
  if (workspaceId !== place.workspaceId) {
    throw new Error(wrongWorkspace(place.host, workspaceId, place.workspaceId));
  }
  return entry(place.host).client;
}

export function wrongWorkspace(host: string, found: string, expected: string): string {
  return (
    `${host} is workspace ${found || "(unknown)"}, but this stack was deployed to workspace ${expected}. ` +
    "Nothing was changed. Point DATABRICKS_HOST and the credentials at the stack's workspace, or use another stack for this one."
  );
}

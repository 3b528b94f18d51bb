/** How fast requests go to a workspace: what one kind of request learned of its limits holds for all the others. */
import type { Client } from "../../databricks/client";
import { ceilings, Pacer } from "../../databricks/pacing";
import { eachPaced } from "./concurrent";

export interface Pace {
  /** For requests about one object. */
  readonly small: Pacer;
  /** For a folder's listing, which is cheap: many are under way from the start. */
  readonly listing: Pacer;
  /** For archives and exports of folders: seconds each, and up to 10 MB, so that few are under way. */
  readonly large: Pacer;
  /** For how long all requests of a reading may be refused, in ms: as long as the client would ask again. */
  readonly readPatienceMs: number;
}

const LARGE_IN_FLIGHT = 32;
const LISTINGS_AT_FIRST = 32;

const paces = new WeakMap<Client, Pace>();

/** The pace at which this process asks the client's workspace. Its ceiling is read from the environment once. */
export function paceOf(client: Client): Pace {
  let pace = paces.get(client);
  if (!pace) {
    const small = new Pacer(ceilings());
    pace = {
      small,
      listing: small.sibling({ first: LISTINGS_AT_FIRST }),
      large: small.sibling({ connections: LARGE_IN_FLIGHT }),
      readPatienceMs: Math.max(1000, client.busyLimitMs),
    };
    paces.set(client, pace);
  }
  return pace;
}

/** Reads something for each item at the client's pace; results in the order of the items. */
export async function readEach<T, R>(
  client: Client,
  kind: "small" | "listing" | "large",
  items: readonly T[],
  read: (item: T) => Promise<R>,
): Promise<R[]> {
  const pace = paceOf(client);
  const results = new Array<R>(items.length);
  await eachPaced(
    [...items.entries()],
    pace[kind],
    async ([index, item]) => {
      results[index] = await read(item);
    },
    { patienceMs: pace.readPatienceMs },
  );
  return results;
}

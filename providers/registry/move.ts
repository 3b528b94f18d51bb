/** Moving the registry's row: one wins, the others learn who was quicker. */
import { ApiError, ConnectionError } from "../../databricks/errors";
import { SqlError, type Warehouse } from "../../databricks/sql";
import { ATTEMPTS, pauseAfter } from "./conflicts";
import { fromTo, heldMessage, isHeld } from "./hold";
import { hasMove } from "./lines";
import { readRow, swap, type Move, type RegistryEntry } from "./table";

/**
 * Carries out the move, or fails without a trace of it. The history is the caller's.
 * @param stack for the message of a hold.
 * @returns the row as written.
 * @throws Error saying who moved the row, when, from what to what, where it is not at the expected version; or who put it
 *   on hold, when and why.
 */
export async function applyMove(warehouse: Warehouse, move: Move, stack = ""): Promise<RegistryEntry> {
  for (let attempt = 1; ; attempt++) {
    const lost = await mayBeLost(() => swap(warehouse, move));
    const row = await readRow(warehouse, move.table, move);
    if (row?.moveId === move.moveId) {
      return row;
    }
    if ((row?.version ?? 0) !== move.expected) {
      // Where the answer was lost, ours may have been done and been followed by another's, who then recorded it.
      const done = lost && (await hasMove(warehouse, move.table, move.moveId));
      throw new Error(conflict(move, row, done === true));
    }
    if (move.kind !== "rollback" && isHeld(row, move.githash)) {
      throw new Error(heldMessage(move, row, stack));
    }
    if (!lost || attempt === ATTEMPTS) {
      throw (
        lost ??
        new Error(
          `The registry ${move.table} took the move of ${move.app}/${move.env}, but its row did not change.`,
        )
      );
    }
    await pauseAfter(attempt);
  }
}

/** Answers what may mean "not done" or "done, but the answer was lost"; the row tells which. */
export async function mayBeLost(write: () => Promise<void>): Promise<Error | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    // A 5xx may come from a gateway that did not wait for the end of the work.
    const lost = error instanceof ConnectionError || (error instanceof ApiError && error.status >= 500);
    if (lost || (error instanceof SqlError && error.conflict)) {
      return error;
    }
    throw error;
  }
}

function conflict(move: Move, row: RegistryEntry | undefined, done: boolean): string {
  const place = `${move.app}/${move.env} in ${move.table}`;
  const ours = done ? " Our own move was done before that." : " Our move was not done.";
  if (!row) {
    return `The row of ${place} is gone: somebody deleted it.${ours} Run pulumi refresh, look at the preview, and deploy again.`;
  }
  const who = `${row.deployedBy} at ${row.deployedAt}, ${fromTo(row)}`;
  return (
    `${place} was moved by somebody else: ${who} (version ${row.version}, we expected ${move.expected}).${ours} ` +
    "Run pulumi refresh, look at the preview, and deploy again if yours should be live."
  );
}

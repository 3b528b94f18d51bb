/**
 * Taking the hold from a row. It is no move: what is live stays, and so do the row's version and move, which the stack's
 * state remembers. Else the next `up` would take the resume for somebody else's move, and ask for a refresh.
 */
import type { Warehouse } from "../../databricks/sql";
import { ATTEMPTS, pauseAfter } from "./conflicts";
import { fromTo } from "./hold";
import { lacksResume, recordMove, recordRow, resumeOf } from "./lines";
import { mayBeLost } from "./move";
import { clearHold, readRow, type RegistryEntry, type RowKey } from "./table";

export interface Resume {
  /** The row as whoever resumes saw it. */
  readonly seen: RegistryEntry;
  readonly who: string;
  readonly note: string;
}

/**
 * Takes the hold from the row that was seen, with a line in the history. Repeated, it completes what was interrupted.
 * @returns false where there was no hold, and nothing to do.
 * @throws Error where somebody moved the row since it was seen; the hold stays then.
 */
export async function resume(
  warehouse: Warehouse,
  key: RowKey,
  { seen, who, note }: Resume,
): Promise<boolean> {
  if (seen.hold === "") {
    const interrupted = await lacksResume(warehouse, key.table, seen);
    if (interrupted) {
      await recordMove(warehouse, resumeOf(key, seen, { who, note }));
    }
    return interrupted;
  }
  // Before the hold goes: it is what tells that an unrecorded move was a rollback.
  await recordRow(warehouse, key, seen);
  for (let attempt = 1; ; attempt++) {
    const lost = await mayBeLost(() => clearHold(warehouse, key, seen));
    const row = await readRow(warehouse, key.table, key);
    if (row?.moveId !== seen.moveId) {
      throw new Error(movedSince(key, row));
    }
    if (row.hold === "") {
      break;
    }
    if (!lost || attempt === ATTEMPTS) {
      throw (
        lost ??
        new Error(`The registry ${key.table} took the resume of ${key.app}/${key.env}, but its hold stayed.`)
      );
    }
    await pauseAfter(attempt);
  }
  await recordMove(warehouse, resumeOf(key, seen, { who, note }));
  return true;
}

function movedSince({ app, env }: RowKey, row: RegistryEntry | undefined): string {
  const what = row ? `${row.deployedBy} moved it at ${row.deployedAt} ${fromTo(row)}` : "somebody deleted it";
  return `The row of ${app}/${env} is not the one any more that was to be resumed: ${what}. The hold was left as it is.`;
}

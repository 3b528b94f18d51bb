/** A hold: the mark that a rollback leaves on the row, so that nothing but a person's next rollback moves it until it is resumed. */
import { short } from "../../source/githash";
import type { Move, RegistryEntry, RowKey } from "./table";

/**
 * The text of the row's column `hold`: who, when, from what to what, why. It has all of it because the row's own columns
 * are overwritten where the same commit is deployed again with other settings.
 */
export function holdOf({ previousGithash, githash, deployedBy, deployedAt, note }: Move): string {
  const why = note ? `: ${note}` : " (no note was given)";
  return `rolled back ${fromTo({ previousGithash, githash })} by ${deployedBy} at ${deployedAt}${why}`;
}

/** Whether the row refuses this move: it is on hold, and another commit would become live. */
export function isHeld(row: RegistryEntry | undefined, githash: string): row is RegistryEntry {
  return row !== undefined && row.hold !== "" && row.githash !== githash;
}

/** @param stack the Pulumi stack; empty where it is not known. */
export function heldMessage(
  { app, env }: Pick<RowKey, "app" | "env">,
  row: RegistryEntry,
  stack: string,
): string {
  return (
    `${app}/${env} is on hold: ${row.hold}. ${short(row.githash)} stays live, and nothing was changed. ` +
    `Once it may move again: npm run releases -- resume --stack ${stack || "<stack>"}`
  );
}

/** What a move changed, for people. */
export function fromTo({ previousGithash, githash }: Pick<Move, "previousGithash" | "githash">): string {
  return `from ${short(previousGithash) || "(nothing)"} to ${short(githash)}`;
}

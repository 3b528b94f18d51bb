/** Where an environment can be rolled back to, told from its history. */
import type { PastMove } from "./history";

/**
 * The releases that a rollback goes back to, the nearest first: what was live before, each commit once, without the one
 * that is live. What was rolled back from is none of them until it is deployed again, nor is what came after the release
 * that was gone back to: a second rollback goes further back, never forward.
 * @param moves of the environment, newest first (`readMoves`).
 */
export function wayBack(moves: readonly PastMove[]): PastMove[] {
  let path: PastMove[] = [];
  for (const move of [...moves].reverse()) {
    const { kind, githash, fromGithash } = move;
    if (kind === "destroy") {
      path = [];
    } else if (kind === "rollback") {
      const at = path.findLastIndex((past) => past.githash === githash);
      path = path.slice(0, at < 0 ? undefined : at).filter((past) => past.githash !== fromGithash);
      path.push(move);
    } else if (kind !== "resume") {
      path.push(move);
    }
  }
  const seen = new Set([path.at(-1)?.githash]);
  return path.reverse().filter(({ githash }) => !seen.has(githash) && seen.add(githash));
}

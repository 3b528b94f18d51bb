/** A commit's id. */

/** All of it, and nothing else. */
export const GITHASH = /^[0-9a-f]{40}$/;

/** As people read it. */
export function short(githash: string): string {
  return githash.slice(0, 12);
}

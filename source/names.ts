/** Finds the names that somebody who mistyped one may have meant. */

/** Up to `limit` of the names that come close to `wanted`, the closest first. */
export function closest(wanted: string, names: readonly string[], limit = 5): string[] {
  const lower = wanted.toLowerCase();
  const farthest = Math.max(2, Math.floor(wanted.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, distance: score(lower, name.toLowerCase()) }))
    .filter((one) => one.distance <= farthest)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map((one) => one.name);
}

/** A name that holds the other one, or ends like it after a slash, counts as close whatever its length. */
function score(wanted: string, name: string): number {
  if (wanted.length >= 3 && (name.includes(wanted) || (name.length >= 3 && wanted.includes(name)))) return 1;
  if (Math.abs(wanted.length - name.length) > wanted.length) return Infinity;
  return distance(wanted, name);
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

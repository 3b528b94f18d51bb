/** Numbers as a line of small bars, for the terminal. */

const BARS = "▁▂▃▄▅▆▇█";

/** One bar a value, from 0 (the lowest bar) to the largest of them; a gap where there is none. */
export function trend(values: readonly (number | undefined)[]): string {
  const largest = Math.max(...values.map((value) => value ?? 0));
  return values
    .map((value) => {
      if (value === undefined || !Number.isFinite(value)) {
        return " ";
      }
      const step = largest > 0 ? Math.round((value / largest) * (BARS.length - 1)) : 0;
      return BARS[step];
    })
    .join("");
}

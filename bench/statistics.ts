/** The few statistics that the benchmark needs. */

/** @throws RangeError for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) {
    throw new RangeError("The median of no values.");
  }
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** Three significant digits where that says more than whole numbers: 0.123, 1.23, 12.3, 123, 1,234. */
export function short(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

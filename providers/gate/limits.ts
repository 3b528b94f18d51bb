/** Limits that a release must keep beside its tests: of metrics that they log, and of their own duration. Pure. */

/**
 * A limit of a metric that the tests log to the deployment's run. Which direction is worse is told by the limits
 * themselves: with `max` alone lower is better, with `min` alone higher is; else `better` says so.
 */
export interface MetricLimit {
  readonly name: string;
  readonly min?: number;
  readonly max?: number;
  /** How many percent worse than in the deployment that is live now. */
  readonly maxRegressionPercent?: number;
  readonly better?: "lower" | "higher";
}

/** One limit, as the summary shows it. */
export interface Verdict {
  readonly name: string;
  /** Of the live deployment, or the median of the last ones; undefined where there is none. */
  readonly before?: number;
  readonly now?: number;
  /** E.g. `≤ 3, at most 5 % worse`. */
  readonly limit: string;
  readonly kept: boolean;
  /** Why it is not kept, or why there was nothing to compare with. */
  readonly note: string;
}

export type Metrics = Readonly<Record<string, number>>;

/** @param live the live deployment's metrics; undefined where nothing is live, or its run is gone. */
export function judgeMetrics(
  limits: readonly MetricLimit[],
  now: Metrics,
  live: Metrics | undefined,
): Verdict[] {
  return limits.map((limit) => judgeMetric(limit, now[limit.name], live));
}

function judgeMetric(limit: MetricLimit, now: number | undefined, live: Metrics | undefined): Verdict {
  const { name, min, max, maxRegressionPercent: percent } = limit;
  const before = live?.[name];
  const shown = [
    ...(min === undefined ? [] : [`≥ ${min}`]),
    ...(max === undefined ? [] : [`≤ ${max}`]),
    ...(percent === undefined ? [] : [`at most ${percent} % worse`]),
  ].join(", ");
  const verdict = { name, before, now, limit: shown };
  if (now === undefined) {
    return { ...verdict, kept: false, note: "no test logged it to the deployment's run" };
  }
  if (!Number.isFinite(now)) {
    return { ...verdict, kept: false, note: "it is no finite number" };
  }
  const broken = [
    ...(min !== undefined && now < min ? [`below ${min}`] : []),
    ...(max !== undefined && now > max ? [`above ${max}`] : []),
  ];
  let note = "";
  if (percent !== undefined) {
    if (before === undefined || !Number.isFinite(before)) {
      note = live ? "the live deployment has no such metric" : "nothing is live to compare with";
    } else {
      const worse = percentWorse(before, now, better(limit));
      // Ten digits: 2 → 2.1 is five percent, whatever the last bit says.
      if (Number(worse.toPrecision(10)) > percent) {
        broken.push(`${shorten(worse)} % worse than ${shorten(before)}`);
      }
    }
  }
  return { ...verdict, kept: broken.length === 0, note: broken.join(", ") || note };
}

export function better({ better: given, min, max }: MetricLimit): "lower" | "higher" {
  return given ?? (min !== undefined && max === undefined ? "higher" : "lower");
}

/** Negative where it got better. From zero, anything worse is infinitely so. */
function percentWorse(before: number, now: number, direction: "lower" | "higher"): number {
  const change = direction === "lower" ? now - before : before - now;
  if (change === 0) {
    return 0;
  }
  return before === 0 ? change * Infinity : (change / Math.abs(before)) * 100;
}

/** What a test may take longer in any case: below that, it is the machine and not the test. Seconds. */
export const SLOWDOWN_FLOOR_S = 1;
/** Deployments that the median is taken of. */
export const SLOWDOWN_DEPLOYMENTS = 5;

/** One verdict for each test that passed and has a past. A slower one must exceed both the percentage and the floor. */
export function judgeDurations(
  maxPercent: number,
  tests: readonly { name: string; notebook: string; seconds: number; passed: boolean }[],
  past: readonly Metrics[],
): Verdict[] {
  return tests.flatMap(({ name, notebook, seconds, passed }) => {
    const durations = past.flatMap((metrics) => metrics[`${name}_dur`] ?? []).slice(0, SLOWDOWN_DEPLOYMENTS);
    if (!passed || durations.length === 0) {
      return [];
    }
    const before = median(durations);
    const allowed = Math.max(before * (1 + maxPercent / 100), before + SLOWDOWN_FLOOR_S);
    const kept = seconds <= allowed;
    const note = kept ? "" : `slower than the median of its last ${durations.length} deployments`;
    return [{ name: `${notebook} (s)`, before, now: seconds, limit: `≤ ${shorten(allowed)}`, kept, note }];
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** A number as people read it: at most six significant digits. */
export function shorten(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}

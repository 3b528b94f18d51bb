/** Judges a deployment against what was before it: the live one's metrics, and the last ones' durations. */
import type { Client } from "../../databricks/client";
import type { RowKey } from "../registry/table";
import { liveMetrics, pastMetrics, type Line } from "./history";
import { judgeDurations, judgeMetrics, type Metrics, type Verdict } from "./limits";
import type { TestOutcome } from "./results";
import type { GateSettings } from "./tasks";

export interface Before {
  readonly live: Metrics | undefined;
  readonly past: readonly Metrics[];
}

/** Asks only for what the settings compare with: the registry may cost the start of a warehouse. */
export async function readBefore(
  client: Client,
  settings: GateSettings,
  where: Line & RowKey & { warehouse: string },
): Promise<Before> {
  const compares = settings.metrics?.some(({ maxRegressionPercent }) => maxRegressionPercent !== undefined);
  const [live, past] = await Promise.all([
    compares ? liveMetrics(client, where.warehouse, where) : undefined,
    settings.maxSlowdownPercent === undefined ? [] : pastMetrics(client, where),
  ]);
  return { live, past };
}

/** @param own the deployment's metrics as its tests logged them. */
export function judge(
  { metrics = [], maxSlowdownPercent }: GateSettings,
  outcomes: readonly TestOutcome[],
  own: Metrics,
  { live, past }: Before,
): Verdict[] {
  return [
    ...judgeMetrics(metrics, own, live),
    ...(maxSlowdownPercent === undefined ? [] : judgeDurations(maxSlowdownPercent, outcomes, past)),
  ];
}

/** What the deployments before tell: the live one's metrics, the durations of the last ones, and what has passed already. */
import type { Client } from "../../databricks/client";
import {
  comparison,
  findRun,
  metricsOf,
  paramsOf,
  searchRuns,
  tagOf,
  type MlflowRun,
} from "../../databricks/mlflow";
import { Warehouse } from "../../databricks/sql";
import { readRow, type RowKey } from "../registry/table";
import { SLOWDOWN_DEPLOYMENTS, type Metrics } from "./limits";

/** Tag of a deployment's run: what was tested, by which gate. Set only where that was open. */
export const FINGERPRINT = "gate_fingerprint";
/** Tag of a deployment's run: the deployment whose results it took over. */
export const REUSED = "reused_from";

/** Which deployments belong together. */
export interface Line {
  readonly experimentId: string;
  readonly app: string;
  readonly env: string;
}

function ofLine({ app, env }: Line): string {
  return `${comparison("params.app", app)} AND ${comparison("params.env", env)}`;
}

/** Deployments that failed are no measure, nor are those that only took over another one's results. */
const MORE_THAN_NEEDED = 4 * SLOWDOWN_DEPLOYMENTS;

/** Metrics of the last deployments whose gate was passed, newest first. */
export async function pastMetrics(client: Client, line: Line): Promise<Metrics[]> {
  const filter = `${ofLine(line)} AND tags.status != 'failed' AND tags.status != 'running'`;
  const runs = await searchRuns(client, line.experimentId, filter, MORE_THAN_NEEDED);
  return runs.filter((run) => tagOf(run, REUSED) === undefined).map(metricsOf);
}

/** Metrics of the deployment that the registry says is live; undefined where none is, or its run is gone. */
export async function liveMetrics(
  client: Client,
  warehouse: string,
  key: RowKey,
): Promise<Metrics | undefined> {
  const row = await readRow(new Warehouse(client, warehouse), key.table, key);
  const run = row?.deploymentId ? await findRun(client, row.deploymentId) : undefined;
  return run && metricsOf(run);
}

/**
 * A deployment of the same files that has passed the same gate in this environment, whatever became of it then; the newest.
 * @param rollbackTo only one of this very commit that was live: putting such a release back is a rollback. What was live
 *   is told by the status that the registry's move set (`live`, later `superseded`); where MLflow could not be told of
 *   the move, the tests run again. Undefined: any that has passed.
 */
export async function findPassed(
  client: Client,
  line: Line,
  fingerprint: string,
  rollbackTo: string | undefined,
): Promise<MlflowRun | undefined> {
  const filter = `${ofLine(line)} AND ${comparison(`tags.${FINGERPRINT}`, fingerprint)}`;
  const runs = await searchRuns(client, line.experimentId, filter, MORE_THAN_NEEDED);
  const wasLive = (run: MlflowRun) => ["live", "superseded"].includes(tagOf(run, "status") ?? "");
  return runs.find(
    (run) => rollbackTo === undefined || (wasLive(run) && paramsOf(run).githash === rollbackTo),
  );
}

/** What the token may do beside importing: jobs, secrets, the warehouse and its registry, the experiment. */
import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import type { Client } from "../../databricks/client";
import { isNotFound } from "../../databricks/errors";
import { createRun, findExperiment } from "../../databricks/mlflow";
import { deleteScope, listScopes } from "../../databricks/secrets";
import { quoteName, SqlError, Warehouse } from "../../databricks/sql";
import { readRow } from "../../providers/registry/table";
import { short } from "../../source/githash";
import type { FoundStack } from "../stack";
import { notChecked, ok, problem, tryOut, warning, type Outcome } from "./finding";
import { nearest } from "./root";

const name = (): string => `notebook-releases-doctor-${randomUUID()}`;

/** Creates an own job without tasks, which never runs, and deletes it. */
export async function checkJobs(client: Client): Promise<Outcome> {
  const job = name();
  return tryOut(
    `job ${job}`,
    async () => {
      const { job_id } = await client.call<{ job_id: number }>("POST", "/api/2.2/jobs/create", {
        body: { name: job },
      });
      return () => client.call("POST", "/api/2.2/jobs/delete", { body: { job_id }, repeatable: true });
    },
    "a job without tasks was created and deleted",
  );
}

/** Reads the ACLs of the stack's scope, which takes MANAGE on it; where there is none yet, creates and deletes an own one. */
export async function checkSecrets(client: Client, { config }: Pick<FoundStack, "config">): Promise<Outcome> {
  const scope = config.secrets?.scope;
  if (scope === undefined) {
    return notChecked("the stack has no secrets");
  }
  if ((await listScopes(client)).includes(scope)) {
    await client.call("GET", "/api/2.0/secrets/acls/list", { query: { scope } });
    return ok(`scope ${scope}: its ACLs can be read, which takes MANAGE on it`);
  }
  const own = name();
  return tryOut(
    `scope ${own}`,
    async () => {
      await client.call("POST", "/api/2.0/secrets/scopes/create", { body: { scope: own } });
      return () => deleteScope(client, own);
    },
    `scope ${scope} is not there yet; an own one was created and deleted`,
  );
}

/** Whether there is such a warehouse, and whether it runs. One that is stopped is not started for this. */
export async function checkWarehouse(
  client: Client,
  { config }: Pick<FoundStack, "config">,
): Promise<Outcome> {
  const id = config.registry.warehouse;
  try {
    const { name: called, state } = await client.call<{ name?: string; state?: string }>(
      "GET",
      `/api/2.0/sql/warehouses/${encodeURIComponent(id)}`,
    );
    const what = `${called ?? ""} (${id}) is ${(state ?? "in an unknown state").toLowerCase()}`;
    return state === "RUNNING"
      ? ok(what)
      : warning(
          `${what}: the first statement starts it, which may take minutes`,
          "Nothing, or start it now.",
        );
  } catch (error) {
    if (isNotFound(error)) {
      return problem(
        `there is no warehouse ${id}`,
        "Set registry.warehouse to a SQL warehouse's id (its page's address ends in it).",
      );
    }
    throw error;
  }
}

/**
 * Reads the environment's row, and updates no row of the table: that takes the right to modify it and changes nothing.
 * @param running whether the warehouse runs: a stopped one is left alone
 */
export async function checkRegistry(
  client: Client,
  { config }: Pick<FoundStack, "config">,
  running: boolean,
): Promise<Outcome> {
  if (!running) {
    return notChecked("the warehouse does not run");
  }
  const { table, warehouse: id } = config.registry;
  const warehouse = new Warehouse(client, id);
  try {
    await warehouse.query(`UPDATE ${quoteName(table)} SET note = note WHERE 1 = 0`, {
      repeatable: true,
      timeoutMs: 25_000,
    });
  } catch (error) {
    if (error instanceof SqlError && error.tableMissing) {
      return warning(
        `${table} does not exist yet; the first deployment creates it, with its schema`,
        "Nothing, if the deployer may create schemas and tables there (that was not tried).",
      );
    }
    throw error;
  }
  const row = await readRow(warehouse, table, config);
  const live = row ? `${short(row.githash)} is live in ${config.env}` : `nothing is live in ${config.env}`;
  return ok(`${table} can be read and updated; ${live}`);
}

/** Opens and deletes an own run in the experiment; where that is not there yet, makes and deletes an own experiment. */
export async function checkExperiment(client: Client, path: string): Promise<Outcome> {
  const found = await findExperiment(client, path);
  if (found && found.lifecycle_stage !== "deleted") {
    return tryOut(
      `a run in ${path}`,
      async () => {
        const run = await createRun(client, found.experiment_id, name(), {});
        const { run_id } = run.info;
        return () =>
          client.call("POST", "/api/2.0/mlflow/runs/delete", { body: { run_id }, repeatable: true });
      },
      `a run was opened in ${path} and deleted`,
    );
  }
  const folder = await nearest(client, posix.dirname(path));
  if (!folder) {
    return problem(
      `no folder above ${path} exists`,
      "Set experiment.path to a place in a folder that is there.",
    );
  }
  const own = `${folder.path}/${name()}`;
  return tryOut(
    own,
    async () => {
      const { experiment_id } = await client.call<{ experiment_id: string }>(
        "POST",
        "/api/2.0/mlflow/experiments/create",
        { body: { name: own } },
      );
      return () =>
        client.call("POST", "/api/2.0/mlflow/experiments/delete", {
          body: { experiment_id },
          repeatable: true,
        });
    },
    `${path} is not there yet; an own experiment was made in ${folder.path} and deleted`,
  );
}

/** `RegistryRow`: which release is live in this environment; moved by compare-and-swap, after the gate. */
import { randomUUID } from "node:crypto";
import type { Client } from "../databricks/client";
import { messageOf } from "../databricks/errors";
import { findRun } from "../databricks/mlflow";
import { compareSources, readSource } from "../source";
import { short } from "../source/githash";
import { connect, identify, type Place } from "./connection";
import { asStepOf, setStatus } from "./deployment";
import { tellGitHub } from "./github/report";
import { say } from "./progress";
import { dynamicProvider, type Handler } from "./provider";
import { refuseIncomplete } from "./registry/complete";
import { heldMessage, isHeld } from "./registry/hold";
import { isLastMove, recordMove, recordRemoval, recordRow } from "./registry/lines";
import { applyMove } from "./registry/move";
import { ensureTables } from "./registry/shape";
import { readRow, removeRow, type Move, type RegistryEntry, type RowKey } from "./registry/table";
import { registryWarehouse } from "./registry/warehouse";
import { collectAfterMove } from "./retention/occasions";
import type { Retention } from "./retention/plan";

export interface Changes {
  added: string[];
  changed: string[];
  removed: string[];
}

export interface Inputs extends Place, RowKey {
  warehouse: string;
  repository: string;
  sourcePath: string;
  exclude: string[];
  githash: string;
  digest: string;
  releasePath: string;
  deploymentId: string;
  note: string;
  /** A rollback: the version of the row that the person saw who asked for it. 0: a deployment. */
  rollbackOf: number;
  /** Take over a row that exists before this stack's first deployment. */
  adopt: boolean;
  /** The Pulumi stack's name, for messages. */
  stack: string;
  retention: Retention;
  /** What this stack had live before; completed by `check`, so that a preview knows it. */
  previousGithash?: string;
  changes?: Changes;
}
export interface Computed {
  version: number;
  moveId: string;
  deployedAt: string;
  deployedBy: string;
}

const handler: Handler<Inputs, Computed> = {
  type: "RegistryRow",

  async check(olds, news) {
    if (olds.githash === news.githash && olds.changes) {
      return { inputs: { ...news, previousGithash: olds.previousGithash, changes: olds.changes } };
    }
    const previousGithash = olds.githash ?? "";
    return { inputs: { ...news, previousGithash, changes: await changesSince(previousGithash, news) } };
  },

  async create(inputs) {
    const client = await connect(inputs);
    return asStepOf(client, inputs.deploymentId, async () => {
      const warehouse = registryWarehouse(client, inputs.warehouse);
      await ensureTables(warehouse, inputs.table);
      const found = await readRow(warehouse, inputs.table, inputs);
      if (!found) {
        await recordRemoval(warehouse, inputs);
      }
      const computed =
        found && isOurs(found, inputs)
          ? await adoptOurs(client, inputs, found, undefined)
          : await move(client, inputs, refuseForeign(found, inputs), found);
      return { id: `${inputs.app}/${inputs.env}`, computed };
    });
  },

  async update(_id, olds, news) {
    const client = await connect(news);
    return asStepOf(client, news.deploymentId, async () => {
      const warehouse = registryWarehouse(client, news.warehouse);
      const before = await readRow(warehouse, news.table, news);
      if (before && before.version !== olds.version && isOurs(before, news)) {
        return adoptOurs(client, news, before, olds.deploymentId);
      }
      // What a person saw and decided on is later than what the state remembers.
      return move(client, news, news.rollbackOf || olds.version, before);
    });
  },

  async read(_id, props) {
    const row = await readRow(registryWarehouse(await connect(props), props.warehouse), props.table, props);
    if (!row) {
      return undefined;
    }
    if (row.version !== props.version) {
      const [from, to] = [props.githash, row.githash].map(short);
      say(
        `${props.app}/${props.env} was moved by ${row.deployedBy} at ${row.deployedAt}, from ${from} to ${to}`,
      );
    }
    const { githash, releasePath, deploymentId } = row;
    return { ...props, githash, releasePath, deploymentId, ...computedOf(row) };
  },

  async delete(_id, props) {
    const client = await connect(props);
    const warehouse = registryWarehouse(client, props.warehouse);
    const row = await readRow(warehouse, props.table, props);
    if (row && row.moveId !== props.moveId) {
      say(`${props.app}/${props.env}: the row is somebody else's by now (${row.deployedBy}); it stays`);
      return;
    }
    const leaving: Move = {
      ...(await newMove(props, props.version, props.githash)),
      kind: "destroy",
      githash: "",
      releasePath: "",
      note: "",
    };
    if (!row) {
      say("the row is gone already");
      // By a destroy that was killed before the history had its line, or by hand.
      if (await isLastMove(warehouse, props.table, props, props.moveId)) {
        await recordMove(warehouse, leaving);
      }
      return;
    }
    await recordRow(warehouse, props, row);
    await removeRow(warehouse, leaving);
    if (await readRow(warehouse, props.table, props)) {
      say(`${props.app}/${props.env}: somebody moved the row at this moment; it stays`);
      return;
    }
    await recordMove(warehouse, leaving);
    await tellGitHub(client, props.deploymentId, "superseded", `removed from ${props.env}`);
  },
};

/** What the deployment changes against what this stack deployed before: everything is added in a first one. */
async function changesSince(previousGithash: string, news: Inputs): Promise<Changes> {
  const spec = {
    repository: news.repository,
    ref: news.githash,
    path: news.sourcePath,
    exclude: news.exclude,
  };
  const source = await readSource(spec);
  if (!previousGithash) {
    return { added: source.files.map(({ target }) => target), changed: [], removed: [] };
  }
  const changes = await compareSources(previousGithash, source, spec);
  if (!changes) {
    say(
      `the commit ${previousGithash} is no longer in ${news.repository}: what changed since cannot be shown`,
    );
  }
  return changes ?? { added: [], changed: [], removed: [] };
}

async function move(
  client: Client,
  inputs: Inputs,
  expected: number,
  before: RegistryEntry | undefined,
): Promise<Computed> {
  const warehouse = registryWarehouse(client, inputs.warehouse);
  const ours = await newMove(inputs, expected, before?.githash ?? "");
  if (ours.kind !== "rollback" && isHeld(before, inputs.githash)) {
    throw new Error(heldMessage(inputs, before, inputs.stack));
  }
  await Promise.all([
    refuseIncomplete(client, inputs),
    before ? recordRow(warehouse, inputs, before) : undefined,
  ]);
  const row = await applyMove(warehouse, ours, inputs.stack);
  say(`${inputs.app}/${inputs.env}: ${short(inputs.githash)} is live`);
  // First of all, so that a failure to write the history does not make a failed deployment of a live one.
  await tellLive(client, inputs);
  // Nothing of the rest waits for what is told of the release that was live.
  const told = tellSuperseded(client, inputs, before?.deploymentId);
  try {
    await recordMove(warehouse, ours);
    await collectAfterMove(client, inputs, inputs.releasePath, before?.releasePath);
  } finally {
    await told;
  }
  return computedOf(row);
}

async function newMove(inputs: Inputs, expected: number, previousGithash: string): Promise<Move> {
  const { userName } = await identify(inputs.host);
  return {
    ...inputs,
    // Going on with a rollback whose row has moved already rolls nothing back.
    kind: inputs.rollbackOf && inputs.githash !== previousGithash ? "rollback" : "deploy",
    moveId: randomUUID(),
    expected,
    deployedAt: new Date().toISOString(),
    deployedBy: userName,
    previousGithash,
  };
}

function tellLive(client: Client, inputs: Inputs): Promise<void> {
  return tell(() => setStatus(client, inputs.deploymentId, "live", `live in ${inputs.env}`));
}

function tellSuperseded(client: Client, inputs: Inputs, previous: string | undefined): Promise<void> {
  return tell(async () => {
    if (previous && previous !== inputs.deploymentId && (await findRun(client, previous))) {
      // What was rolled back from counts as tested nowhere any more (providers/github/read.ts).
      const how = inputs.rollbackOf ? "rolled back to" : "superseded by";
      await setStatus(client, previous, "superseded", `${how} ${short(inputs.githash)}`);
    }
  });
}

/** The registry decides what is live; MLflow only tells of it, so a failure here is said and fails nothing. */
async function tell(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (problem) {
    say(`the release is live, but MLflow could not be told: ${messageOf(problem)}`);
  }
}

/** A row that an `up` of this stack wrote before it was killed, or before its answer could be kept. */
function isOurs(row: RegistryEntry, inputs: Inputs): boolean {
  return row.deploymentId === inputs.deploymentId && row.releasePath === inputs.releasePath;
}

async function adoptOurs(
  client: Client,
  inputs: Inputs,
  row: RegistryEntry,
  previous: string | undefined,
): Promise<Computed> {
  await recordRow(registryWarehouse(client, inputs.warehouse), inputs, row);
  await tellLive(client, inputs);
  await tellSuperseded(client, inputs, previous);
  return computedOf(row);
}

/** The version that a first deployment expects: none, or the one of a row that it is told to take over. */
function refuseForeign(row: RegistryEntry | undefined, inputs: Inputs): number {
  if (row && !inputs.adopt) {
    throw new Error(
      `The registry ${inputs.table} already has ${inputs.app}/${inputs.env}: ${short(row.githash)}, deployed by ` +
        `${row.deployedBy} at ${row.deployedAt}, and this stack did not write it. It was left as it is. ` +
        "To take it over, set registry.adopt: true in the stack's configuration; else choose another app or env.",
    );
  }
  return row?.version ?? 0;
}

function computedOf({ version, moveId, deployedAt, deployedBy }: RegistryEntry): Computed {
  return { version, moveId, deployedAt, deployedBy };
}

export default dynamicProvider(handler);

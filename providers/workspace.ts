/** `Workspace`: checks the ground before anything changes, and remembers which workspace the stack was deployed to. */
import { randomUUID } from "node:crypto";
import { messageOf } from "../databricks/errors";
import { connect, identify, wrongWorkspace, type Place } from "./connection";
import { dynamicProvider, isKnown, type Handler, type Problem } from "./provider";
import { heldMessage, isHeld } from "./registry/hold";
import { readRow, type RegistryEntry, type RowKey } from "./registry/table";
import { registryWarehouse } from "./registry/warehouse";

export interface Inputs {
  host: string;
  /** From the stack's configuration; empty: the first deployment's workspace is held to. */
  expectedWorkspaceId: string;
  workspaceId?: string;
  /** Who made the first deployment; the default release root lies in their home, whoever deploys later. */
  userName?: string;
  /** This stack's own id among all that deploy the same app; made once (`gate/interrupted.ts` says what for). */
  stackId?: string;
  /** Absent in a program that does not say what it is about to move. */
  move?: Move;
}

/** The move of the registry's row that the stack is about to make. */
export interface Move extends RowKey {
  warehouse: string;
  githash: string;
  isRollback: boolean;
  /** The Pulumi stack's name, for the message. */
  stack: string;
}

const handler: Handler<Inputs, object> = {
  type: "Workspace",

  async check(olds, news) {
    const me = await identify(news.host);
    const expected = news.expectedWorkspaceId || (isKnown(olds.workspaceId) ? olds.workspaceId : "");
    if (!me.workspaceId) {
      const reason = `${news.host} did not say which workspace it is (no X-Databricks-Org-Id). Is it a Databricks workspace?`;
      return { problems: [{ property: "host", reason }] };
    }
    if (expected && expected !== me.workspaceId) {
      return {
        problems: [{ property: "host", reason: wrongWorkspace(news.host, me.workspaceId, expected) }],
      };
    }
    if (news.move && !news.move.isRollback && news.move.githash !== olds.move?.githash) {
      const held = await findHold({ host: news.host, workspaceId: me.workspaceId }, news.move);
      if (held) {
        return { problems: [held] };
      }
    }
    const userName = olds.userName ?? me.userName;
    const stackId = olds.stackId ?? randomUUID();
    return { inputs: { ...news, workspaceId: me.workspaceId, userName, stackId } };
  },

  async create(inputs) {
    return { id: inputs.workspaceId ?? "", computed: {} };
  },
};

/** Asked only where another commit is to be live than the one of the last `up`: a preview of no change needs no warehouse. */
async function findHold(place: Place, move: Move): Promise<Problem | undefined> {
  const { table, app, env } = move;
  let row: RegistryEntry | undefined;
  try {
    row = await readRow(registryWarehouse(await connect(place), move.warehouse), table, move);
  } catch (error) {
    const reason = `Whether ${app}/${env} is on hold could not be asked of ${table}: ${messageOf(error)}`;
    return { property: "host", reason };
  }
  return isHeld(row, move.githash)
    ? { property: "host", reason: heldMessage(move, row, move.stack) }
    : undefined;
}

export default dynamicProvider(handler);

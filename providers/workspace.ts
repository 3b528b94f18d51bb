/** `Workspace`: checks the ground before anything changes, and remembers which workspace the stack was deployed to. */
import { randomUUID } from "node:crypto";
import { identify, wrongWorkspace } from "./connection";
import { dynamicProvider, isKnown, type Handler } from "./provider";

export interface Inputs {
  host: string;
  /** From the stack's configuration; empty: the first deployment's workspace is held to. */
  expectedWorkspaceId: string;
  workspaceId?: string;
  /** Who made the first deployment; the default release root lies in their home, whoever deploys later. */
  userName?: string;
  /** This stack's own id among all that deploy the same app; made once (`gate/interrupted.ts` says what for). */
  stackId?: string;
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
    const userName = olds.userName ?? me.userName;
    const stackId = olds.stackId ?? randomUUID();
    return { inputs: { ...news, workspaceId: me.workspaceId, userName, stackId } };
  },

  async create(inputs) {
    return { id: inputs.workspaceId ?? "", computed: {} };
  },
};

export default dynamicProvider(handler);

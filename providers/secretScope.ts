/** `SecretScope`: gets or creates a scope; deletes it only where this stack created it. */
import { deleteScope, ensureScope, listScopes } from "../databricks/secrets";
import { connect, type Place } from "./connection";
import { dynamicProvider, type Handler } from "./provider";

export interface Inputs extends Place {
  scope: string;
}
export interface Computed {
  created: boolean;
}

const handler: Handler<Inputs, Computed> = {
  type: "SecretScope",

  async create(inputs) {
    const created = await ensureScope(await connect(inputs), inputs.scope);
    return { id: inputs.scope, computed: { created } };
  },

  async read(_id, props) {
    return (await listScopes(await connect(props))).includes(props.scope) ? props : undefined;
  },

  async delete(_id, props) {
    if (props.created) {
      await deleteScope(await connect(props), props.scope);
    }
  },
};

export default dynamicProvider(handler);

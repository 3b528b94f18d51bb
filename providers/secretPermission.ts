/** `SecretPermission`: one principal's permission on a scope; changed by overwriting, so that readers never lose it. */
import { deleteAcl, getAcl, putAcl, type SecretPermissionLevel } from "../databricks/secrets";
import { connect, type Place } from "./connection";
import { dynamicProvider, type Handler } from "./provider";

export interface Inputs extends Place {
  scope: string;
  principal: string;
  permission: SecretPermissionLevel;
}

const handler: Handler<Inputs, object> = {
  type: "SecretPermission",

  async create(inputs) {
    await put(inputs);
    return { id: `${inputs.scope}/${inputs.principal}`, computed: {} };
  },

  async update(_id, _olds, news) {
    await put(news);
    return {};
  },

  async read(_id, props) {
    const acl = await getAcl(await connect(props), props.scope, props.principal);
    return acl ? { ...props, permission: acl.permission } : undefined;
  },

  async delete(_id, props) {
    await deleteAcl(await connect(props), props.scope, props.principal);
  },
};

async function put({ principal, permission, ...inputs }: Inputs): Promise<void> {
  await putAcl(await connect(inputs), inputs.scope, { principal, permission });
}

export default dynamicProvider(handler);

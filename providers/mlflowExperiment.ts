/** `MlflowExperiment`: gets or creates an experiment, and keeps it: its runs are the history of all deployments. */
import { posix } from "node:path";
import { ensureExperiment, findExperiment } from "../databricks/mlflow";
import { makeDirectory } from "../databricks/objects";
import { connect, type Place } from "./connection";
import { dynamicProvider, type Handler } from "./provider";

export interface Inputs extends Place {
  path: string;
}
export interface Computed {
  experimentId: string;
}

const handler: Handler<Inputs, Computed> = {
  type: "MlflowExperiment",

  async create(inputs) {
    const client = await connect(inputs);
    await makeDirectory(client, posix.dirname(inputs.path));
    const experimentId = await ensureExperiment(client, inputs.path);
    return { id: experimentId, computed: { experimentId } };
  },

  async read(_id, props) {
    const found = await findExperiment(await connect(props), props.path);
    return found && found.lifecycle_stage !== "deleted"
      ? { ...props, experimentId: found.experiment_id }
      : undefined;
  },
};

export default dynamicProvider(handler);

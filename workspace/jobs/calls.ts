/** Answers what a running notebook asks the server for: notebooks, files, secrets, other runs, task values, Spark. */
import type { Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import { mayAccess, normalisePath, readNotebook } from "../objects";
import { getSecretValue, listScopes, listSecrets } from "../secrets";
import type { Redactor } from "./redactor";
import type { WorkFolder } from "./workFolder";

export interface CallContext {
  readonly workspace: Workspace;
  readonly identity: Identity;
  readonly redactor: Redactor;
  readonly folder: WorkFolder;
  readonly taskKey: string;
  /** Values that the tasks of a run have set, by `<task key>\n<name>`. */
  readonly taskValues: Map<string, unknown>;
  /** Runs another notebook to its end and gives its exit value; throws where it did not succeed. */
  readonly runChild: (
    path: string,
    timeoutSeconds: number,
    parameters: Record<string, string>,
  ) => Promise<string | null>;
  readonly spark: () => Promise<{ remote: string; warehouse: string }>;
}

type Arguments = Record<string, unknown>;

const CALLS: Record<string, (context: CallContext, args: Arguments) => Promise<object> | object> = {
  notebook({ workspace, identity }, { path }) {
    const normal = normalisePath(String(path));
    const notebook = readNotebook(workspace, normal);
    if (!notebook || !mayAccess(workspace, identity, normal, "CAN_READ")) {
      throw new ApiError(
        "RESOURCE_DOES_NOT_EXIST",
        `Notebook not found: ${normal}. Notebooks can be named relative to their folder or absolutely.`,
      );
    }
    return { path: normal, ...notebook };
  },

  file({ folder }, { path }) {
    return { exists: folder.provide(normalisePath(String(path))) };
  },

  secret({ workspace, identity, redactor }, { scope, key }) {
    const value = getSecretValue(workspace, identity, String(scope), String(key));
    redactor.add(value);
    return { value: value.toString("base64") };
  },

  secrets({ workspace, identity }, { scope }) {
    return { keys: listSecrets(workspace, identity, String(scope)).map((secret) => secret.key) };
  },

  scopes({ workspace }) {
    return { names: listScopes(workspace) };
  },

  async run({ runChild }, { path, timeout_seconds: seconds, arguments: parameters }) {
    return {
      exit_value: await runChild(String(path), Number(seconds), parameters as Record<string, string>),
    };
  },

  set_task_value({ taskValues, taskKey }, { key, value }) {
    if (Buffer.byteLength(JSON.stringify(value)) > 48 * 1024) {
      throw new ApiError("INVALID_PARAMETER_VALUE", `The task value ${String(key)} is larger than 48 KiB.`);
    }
    taskValues.set(`${taskKey}\n${String(key)}`, value);
    return {};
  },

  task_value({ taskValues }, { task_key: task, key }) {
    const name = `${String(task)}\n${String(key)}`;
    return taskValues.has(name) ? { value: taskValues.get(name) } : {};
  },

  spark({ spark }) {
    return spark();
  },
};

/** Throws `ApiError`, whose code and message the notebook sees. */
export async function answerCall(context: CallContext, method: string, args: Arguments): Promise<object> {
  const call = Object.hasOwn(CALLS, method) ? CALLS[method] : undefined;
  if (!call) throw new ApiError("NOT_IMPLEMENTED", `The local workspace does not know the call ${method}.`);
  return call(context, args);
}

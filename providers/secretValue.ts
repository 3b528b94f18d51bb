/**
 * `SecretValue`: one key of a scope. The value is never an input, so it is never in the state: the resource holds
 * where the value comes from, and a keyed digest that tells whether it changed.
 */
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { promisify } from "node:util";
import { deleteSecret, findSecret, putSecret } from "../databricks/secrets";
import type { Client } from "../databricks/client";
import { connect, type Place } from "./connection";
import { dynamicProvider, isKnown, type Handler } from "./provider";

/** An environment variable's name, or a configuration key with the ciphertext that the stack's file holds for it. */
export type SecretSource =
  { readonly env: string } | { readonly config: string; readonly ciphertext: string };

export interface Inputs extends Place {
  scope: string;
  key: string;
  from: SecretSource;
  /** The stack and the program's folder, to have `pulumi` decrypt a configuration value when it is needed. */
  stack: string;
  directory: string;
  digestKey: string;
  digest?: string;
}
export interface Computed {
  /** The workspace's timestamp of our last write: another one means that somebody else wrote. */
  writtenAt: number;
  drift: string[];
}

const handler: Handler<Inputs, Computed> = {
  type: "SecretValue",

  async check(olds, news) {
    return withDigest(olds, news);
  },

  async create(inputs) {
    const writtenAt = await write(await connect(inputs), inputs);
    return { id: `${inputs.scope}/${inputs.key}`, computed: { writtenAt, drift: [] } };
  },

  async update(_id, olds, news) {
    // Without the value (a variable that is not set here) there is nothing to write: the key stays as it is.
    if ("env" in news.from && !process.env[news.from.env]) {
      return { writtenAt: olds.writtenAt, drift: olds.drift };
    }
    return { writtenAt: await write(await connect(news), news), drift: [] };
  },

  async read(_id, props) {
    const found = await findSecret(await connect(props), props.scope, props.key);
    if (!found) {
      return undefined;
    }
    const changed = found.last_updated_timestamp !== props.writtenAt;
    const when = new Date(found.last_updated_timestamp).toISOString();
    return { ...props, drift: changed ? [`written by somebody else at ${when}`] : [] };
  },

  async delete(_id, props) {
    await deleteSecret(await connect(props), props.scope, props.key);
  },
};

function withDigest(
  olds: Partial<Inputs>,
  news: Inputs,
): { inputs?: Inputs; problems?: { property: string; reason: string }[] } {
  if ("config" in news.from) {
    return { inputs: { ...news, digest: news.from.ciphertext } };
  }
  const value = process.env[news.from.env];
  if (value) {
    return { inputs: isKnown(news.digestKey) ? { ...news, digest: digest(news.digestKey, value) } : news };
  }
  // Another scope or key is another secret, which has no value to keep.
  if (olds.digest && olds.scope === news.scope && olds.key === news.key) {
    process.stderr.write(
      `secret ${news.scope}/${news.key}: ${news.from.env} is not set; the key keeps its value\n`,
    );
    return { inputs: { ...news, digest: olds.digest } };
  }
  const reason =
    `the environment variable ${news.from.env} is not set, and the key ${news.scope}/${news.key} has no value yet. ` +
    `Set it where pulumi runs, for example: export ${news.from.env}=…`;
  return { problems: [{ property: "from", reason }] };
}

function digest(key: string, value: string): string {
  return createHmac("sha256", Buffer.from(key, "base64")).update(value).digest("hex");
}

/** Writes the value and answers the workspace's timestamp of it. */
async function write(client: Client, inputs: Inputs): Promise<number> {
  await putSecret(client, inputs.scope, inputs.key, await valueOf(inputs));
  return (await findSecret(client, inputs.scope, inputs.key))?.last_updated_timestamp ?? 0;
}

async function valueOf({ from, scope, key, stack, directory }: Inputs): Promise<string> {
  if ("env" in from) {
    const value = process.env[from.env];
    if (!value) {
      throw new Error(`The environment variable ${from.env}, the value of ${scope}/${key}, is not set.`);
    }
    return value;
  }
  // Only the engine can decrypt its configuration; the value passes through a pipe, never through arguments or the state.
  const run = promisify(execFile);
  try {
    const args = ["config", "get", from.config, "--stack", stack, "--cwd", directory, "--non-interactive"];
    const { stdout } = await run("pulumi", args, { timeout: 60_000 });
    return stdout.replace(/\r?\n$/, "");
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    throw new Error(
      `pulumi could not decrypt the configuration value ${from.config} for ${scope}/${key} (exit code ${String(code)}). ` +
        `Try: pulumi config get ${from.config} --stack ${stack}`,
    );
  }
}

export default dynamicProvider(handler);

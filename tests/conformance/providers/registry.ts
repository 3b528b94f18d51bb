/** Rows of the registry for tests: a first deployment, another machine's view of it, and what the tables hold. */
import { cases } from "./cases";
import { Resource, type Values } from "./engine";
import { finishRelease } from "./finished";
import type { Ground } from "./ground";

export const STATEMENTS = "POST /api/2.0/sql/statements";
export const rowCase = cases.find(({ type }) => type === "RegistryRow")!;

export class RegistryRig {
  constructor(private readonly ground: Ground) {}

  /** The rows of the inputs' app, in all environments. */
  rows({ table, app }: Values): Promise<Record<string, string | null>[]> {
    return this.ground.sql(`SELECT * FROM ${table} WHERE app = '${app}'`);
  }

  moves({ table, app }: Values): Promise<Record<string, string | null>[]> {
    return this.ground.sql(`SELECT * FROM ${table}_moves WHERE app = '${app}' ORDER BY version, kind`);
  }

  /** The versions of all moves in the history. */
  async versions(inputs: Values): Promise<number[]> {
    return (await this.moves(inputs)).map(({ version }) => Number(version));
  }

  /** A row with its first move done, and the inputs of a second deployment. */
  async deployed(): Promise<{ resource: Resource; inputs: Values; next: Values }> {
    const inputs = await rowCase.inputs(this.ground);
    const resource = new Resource("RegistryRow");
    await resource.up(inputs);
    return { resource, inputs, next: await rowCase.updated!(this.ground, inputs) };
  }

  /** Another release of the same commit, beside that of the inputs. */
  async another(inputs: Values, suffix: string): Promise<{ releasePath: string }> {
    const releasePath = `${inputs.releasePath}-${suffix}`;
    await finishRelease(this.ground.workspace, releasePath, inputs.digest);
    return { releasePath };
  }

  /** A further deployment whose tests have passed. */
  async tested(): Promise<{ deploymentId: string }> {
    const { deploymentId } = await this.ground.deployment("tested");
    return { deploymentId };
  }

  /** The state of another machine's stack, which saw the row as it is now. */
  copyOf({ id, inputs, outs }: Resource): Resource {
    return Object.assign(new Resource("RegistryRow"), { id, inputs, outs });
  }
}

/** What the engine does with one dynamic resource, in miniature: the calls in its order, on values as they travel. */
import assert from "node:assert/strict";
import type * as pulumi from "@pulumi/pulumi";
import { load } from "../../../providers/handlers";
import { tables, type TypeName } from "../../../providers/tables";

export type Values = Record<string, any>;
export type Step = "same" | "create" | "update" | "replace";

/** The engine adds the shell's text to the values of every call; handlers must never see or lose anything by it. */
const PROVIDER_TEXT = "// the shell's text";

/** One resource of a stack, from the first `up` to the last `destroy`. */
export class Resource {
  id = "";
  inputs: Values = {};
  outs: Values = {};
  private readonly provider: pulumi.dynamic.ResourceProvider;

  constructor(readonly type: TypeName) {
    this.provider = load(type);
  }

  /** The inputs as `check` completed them, or the problems that it found. */
  async check(news: Values): Promise<{ inputs: Values; failures: { property: string; reason: string }[] }> {
    const { inputs, failures } = await this.provider.check!(wire(this.inputs), wire(news));
    return { inputs: plain(inputs), failures: failures ?? [] };
  }

  /** As `check`, for inputs that are good. */
  async checked(news: Values): Promise<Values> {
    const { inputs, failures } = await this.check(news);
    assert.deepEqual(failures, [], `${this.type} refuses good inputs`);
    return inputs;
  }

  async diff(checked: Values): Promise<{ changes: boolean; replaces: string[] }> {
    const { changes, replaces } = await this.provider.diff!(this.id, wire(this.outs), wire(checked));
    return { changes: changes === true, replaces: replaces ?? [] };
  }

  /** `pulumi up` with these inputs. A replaced resource is created first, then the old one deleted. */
  async up(news: Values): Promise<Step> {
    const checked = await this.checked(news);
    if (this.id === "") {
      await this.create(checked);
      return "create";
    }
    const { changes, replaces } = await this.diff(checked);
    if (replaces.length > 0) {
      const old = { id: this.id, outs: this.outs };
      // A replacement is checked anew, as if there had been none before.
      this.inputs = {};
      await this.create(await this.checked(news));
      await this.provider.delete?.(old.id, wire(old.outs));
      return "replace";
    }
    if (changes) {
      const { outs } = await this.provider.update!(this.id, wire(this.outs), wire(checked));
      this.keep(checked, outs);
      return "update";
    }
    this.inputs = checked;
    return "same";
  }

  async create(checked: Values): Promise<void> {
    const { id, outs } = await this.provider.create(wire(checked));
    assert.ok(id, `${this.type} has an id`);
    this.id = id;
    this.keep(checked, outs);
  }

  /** `pulumi refresh`; false where the resource is gone, and then no longer in the state. */
  async refresh(): Promise<boolean> {
    const { id, props } = await this.provider.read!(this.id, wire(this.outs));
    if (!id) {
      this.id = "";
      this.inputs = {};
      this.outs = {};
      return false;
    }
    assert.equal(id, this.id);
    this.outs = plain(props);
    return true;
  }

  /** `delete` alone: the state stays, so that it can be called again. */
  async delete(): Promise<void> {
    await this.provider.delete!(this.id, wire(this.outs));
  }

  private keep(inputs: Values, outs: Values | undefined): void {
    this.inputs = inputs;
    this.outs = plain(outs);
    // Every property of the table that the inputs leave out is filled by the provider, and nothing else appears.
    assert.deepEqual(
      Object.keys(this.outs).sort(),
      Object.keys(tables[this.type]).sort(),
      `outs of ${this.type}`,
    );
  }
}

/** What the engine hands over: copied through its own format, in which `undefined` does not exist. */
function wire(values: Values): Values {
  return { ...(JSON.parse(JSON.stringify(values)) as Values), __provider: PROVIDER_TEXT };
}

function plain(values: Values | undefined): Values {
  const { __provider: _, ...rest } = JSON.parse(JSON.stringify(values ?? {})) as Values;
  return rest;
}

/** Asserts that the call fails with all of these in its message, and without the text of a stack. */
export async function fails(work: Promise<unknown>, ...patterns: RegExp[]): Promise<string> {
  let message: string | undefined;
  try {
    await work;
  } catch (error) {
    message = (error as Error).message;
  }
  assert.notEqual(message, undefined, "expected a failure");
  for (const pattern of patterns) {
    assert.match(message ?? "", pattern);
  }
  assert.doesNotMatch(message ?? "", /^\s+at /m);
  return message ?? "";
}

/** A Pulumi program of probes in a folder of its own, its stack, and the calls that the engine made of them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PulumiStack, ROOT } from "../support/pulumi";
import type { ProbeInputs } from "./probe";

export interface ProbeSpec extends ProbeInputs {
  /** Another probe whose computed output becomes this one's value. */
  valueFrom?: string;
  /** Its name in the program. Default: the probe's name. */
  as?: string;
}
export interface ProbeCall {
  call: string;
  id?: string;

  olds?: any;

  news?: any;

  props?: any;

  inputs?: any;
}

const PROGRAM = `
const { readFileSync } = require("node:fs");
const spec = JSON.parse(readFileSync("probes.json", "utf8"));
require(spec.root + "/later.cjs");
const pulumi = require("@pulumi/pulumi");
const text = \`exports.handler = () => {
  const from = require("node:module").createRequire(ROOT);
  from("./compile.cjs");
  return from("./tests/conformance/probe.ts").default;
};\`.replaceAll("ROOT", JSON.stringify(spec.root + "/x.js"));
const provider = spec.defaultProvider ? undefined : new (class extends pulumi.ProviderResource {})("pulumi-nodejs", "probes", {});
const config = new pulumi.Config();
const made = {};
for (const { valueFrom, as, ...probe } of spec.probes) {
  const value = valueFrom ? made[valueFrom].computed : probe.value;
  const secret = probe.secret ? config.requireSecret(probe.secret) : undefined;
  made[probe.name] = new pulumi.CustomResource("pulumi-nodejs:dynamic/probe:Probe", as ?? probe.name,
    { ...probe, value, secret, computed: undefined, drift: undefined, checked: undefined, __provider: text },
    { provider, additionalSecretOutputs: spec.secretOutputs });
  exports[probe.name] = made[probe.name].computed;
  exports[probe.name + "_checked"] = made[probe.name].checked;
}
`;

export class ProbeProgram {
  readonly stack: PulumiStack;
  private readonly folder: string;
  private readonly log: string;

  constructor(config: Readonly<Record<string, unknown>> = {}) {
    this.stack = new PulumiStack({ config, links: ["node_modules"] });
    this.folder = this.stack.program;
    this.log = join(this.stack.folder, "calls.jsonl");
    writeFileSync(join(this.folder, "index.js"), PROGRAM);
    // Without one, the SDK walks through all of node_modules at each run.
    writeFileSync(
      join(this.folder, "package.json"),
      JSON.stringify({ name: "probes", dependencies: { "@pulumi/pulumi": "*" } }),
    );
    writeFileSync(
      join(this.folder, "Pulumi.yaml"),
      "name: probes\nmain: index.js\nruntime: { name: nodejs, options: { typescript: false } }\n",
    );
    this.stack.env = { PROBE_LOG: this.log };
  }

  /** What the program declares from now on. */
  declare(
    probes: readonly ProbeSpec[],
    options: { defaultProvider?: boolean; secretOutputs?: string[] } = {},
  ): void {
    writeFileSync(join(this.folder, "probes.json"), JSON.stringify({ root: ROOT, probes, ...options }));
  }

  /** What `read` finds outside: name → a drift, or `gone`. */
  world(found: Readonly<Record<string, string>>): void {
    writeFileSync(`${this.log}.world`, JSON.stringify(found));
  }

  /** The calls since the last time, the oldest first. */
  calls(): ProbeCall[] {
    if (!existsSync(this.log)) {
      return [];
    }
    const lines = readFileSync(this.log, "utf8").trim().split("\n").filter(Boolean);
    writeFileSync(this.log, "");
    return lines.map((line) => JSON.parse(line) as ProbeCall);
  }

  dispose(): void {
    this.stack.dispose();
  }
}

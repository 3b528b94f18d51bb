/** A provider for the tests of the shell: does as its inputs say, and writes down each call that the engine makes. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { dynamicProvider, PartlyCreated, type Handler } from "../../providers/provider";
import type { PropertyTable } from "../../providers/tables";

export interface ProbeInputs {
  name: string;
  value: string;
  secret?: string;
  /** Where to fail: `check`, `create`, `createPartly`, `update`, `read`, `diff`. */
  fail?: string;
  checked?: string;
}
interface Computed {
  computed: string;
  drift: string[];
}

export const probeTable: PropertyTable = {
  name: "replace",
  value: "update",
  secret: "update",
  fail: "ignore",
  checked: "ignore",
  computed: "computed",
  drift: "drift",
};

function record(call: string, details: object): void {
  appendFileSync(process.env.PROBE_LOG ?? "", JSON.stringify({ call, ...details }) + "\n");
}

/** The world outside of Pulumi: name → drift, or `gone`. */
function world(): Record<string, string> {
  const file = `${process.env.PROBE_LOG}.world`;
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, string>) : {};
}

const handler: Handler<ProbeInputs, Computed> = {
  type: "DigestKey",
  async check(olds, news) {
    record("check", { olds, news });
    if (news.fail === "check") {
      throw new Error("the probe refuses in check");
    }
    return { inputs: { ...news, checked: `checked ${news.name}` } };
  },
  async create(inputs) {
    record("create", { inputs });
    process.stderr.write(`probe ${inputs.name}: a line while it works\n`);
    if (inputs.fail === "create") {
      throw new Error("the probe fails in create");
    }
    const computed = { computed: `from ${inputs.value}`, drift: [] };
    if (inputs.fail === "createPartly") {
      throw new PartlyCreated("the probe made half of it", inputs.name, computed);
    }
    return { id: inputs.name, computed };
  },
  async update(id, olds, news) {
    record("update", { id, olds, news });
    if (news.fail === "update") {
      throw new Error("the probe fails in update");
    }
    return { computed: `from ${news.value}`, drift: [] };
  },
  async read(id, props) {
    record("read", { id, props });
    if (props.fail === "read") {
      throw new Error("the probe fails in read");
    }
    const found = world()[props.name];
    return found === "gone" ? undefined : { ...props, drift: found ? [found] : [] };
  },
  async delete(id, props) {
    record("delete", { id, props });
  },
  async mustReplace(_id, olds) {
    if (olds.fail === "diff") {
      throw new Error("the probe fails in diff");
    }
    return false;
  },
};

export default dynamicProvider(handler, probeTable);

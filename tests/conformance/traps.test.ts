/** How the real engine treats dynamic resources: each trap that the providers are built around (docs/decisions/001, 002). */
import assert from "node:assert/strict";
import { failed, ok } from "../support/pulumi";
import { ProbeProgram } from "./probeProgram";

describe("the engine and our shell", function () {
  this.timeout(180_000);
  let probes: ProbeProgram;
  const names = (calls: { call: string }[]) => calls.map(({ call }) => call);

  beforeEach(() => {
    probes = new ProbeProgram();
  });
  afterEach(() => probes.dispose());

  it("check sees the old inputs and completes the new ones; diff and update see the old outputs; a second up does nothing", async () => {
    probes.declare([{ name: "a", value: "1" }]);
    ok(await probes.stack.up());
    const first = probes.calls();
    assert.deepEqual(names(first), ["check", "create"]);
    assert.equal(first[1]?.inputs.checked, "checked a", "what check adds reaches create");

    ok(await probes.stack.up("--expect-no-changes"));
    assert.deepEqual(names(probes.calls()), ["check"]);

    probes.declare([{ name: "a", value: "2" }]);
    ok(await probes.stack.up());
    const [check, update] = probes.calls();
    assert.equal(check?.olds.value, "1");
    assert.equal(check?.olds.computed ?? null, null, "check's olds are inputs");
    assert.equal(update?.olds.computed, "from 1", "update's olds are outputs");
    assert.equal((await probes.stack.outputs()).a, "from 2");
  });

  it("delete gets the id and the outputs only; replacement creates first, and delete cannot tell it from a destroy", async () => {
    probes.declare([{ as: "probe", name: "a", value: "1" }]);
    ok(await probes.stack.up());
    probes.calls();
    probes.declare([{ as: "probe", name: "b", value: "1" }]);
    ok(await probes.stack.up());
    const replaced = probes.calls().filter(({ call }) => call !== "check");
    assert.deepEqual(names(replaced), ["create", "delete"]);
    assert.deepEqual(replaced[1]?.props, {
      name: "a",
      value: "1",
      checked: "checked a",
      computed: "from 1",
      drift: [],
    });
    ok(await probes.stack.destroy());
    const destroyed = probes.calls();
    assert.deepEqual(names(destroyed), ["delete"]);
    assert.deepEqual(
      Object.keys(destroyed[0]?.props as object).sort(),
      Object.keys(replaced[1]?.props as object).sort(),
    );
  });

  it("a preview knows what check completed, and nothing computed once a resource is updated", async () => {
    probes.declare([
      { name: "a", value: "1" },
      { name: "b", value: "", valueFrom: "a" },
    ]);
    assert.match(ok(await probes.stack.preview()).output, /a_checked: "checked a"/);
    ok(await probes.stack.up());
    probes.declare([
      { name: "a", value: "2" },
      { name: "b", value: "", valueFrom: "a" },
    ]);
    probes.calls();
    const preview = ok(await probes.stack.preview("--json"));
    const { steps } = JSON.parse(preview.stdout) as { steps: { op: string; urn: string }[] };
    const op = (name: string) => steps.find(({ urn }) => urn.endsWith(`::${name}`))?.op;
    assert.equal(op("a"), "update");
    assert.equal(op("b"), "update", "its value is unknown, so it seems to change");
    const b = probes.calls().find(({ call, news }) => call === "check" && news.name === "b");
    assert.equal(
      b?.news.value,
      "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
      "check sees the engine's mark of an unknown",
    );
  });

  it("refresh shows drift without running the program, and the next up repairs it; something gone is made again", async () => {
    probes.declare([
      { name: "a", value: "1" },
      { name: "b", value: "1" },
    ]);
    ok(await probes.stack.up());
    probes.world({ a: "edited x", b: "gone" });
    probes.declare([]);
    const refresh = ok(await probes.stack.refresh("--diff"));
    assert.match(refresh.output, /edited x/);
    probes.declare([
      { name: "a", value: "1" },
      { name: "b", value: "1" },
    ]);
    probes.world({});
    probes.calls();
    ok(await probes.stack.up());
    const work = probes.calls().filter(({ call }) => call !== "check");
    assert.deepEqual(work.map(({ call, id, inputs }) => [call, id ?? inputs.name]).sort(), [
      ["create", "b"],
      ["update", "a"],
    ]);
    ok(await probes.stack.up("--expect-no-changes"));
  });

  it("a create that fails leaves nothing in the state; one that failed half-way is there, and refresh and destroy can deal with it", async () => {
    probes.declare([{ name: "a", value: "1", fail: "create" }]);
    assert.match(failed(await probes.stack.up()), /the probe fails in create/);
    assert.equal(
      (await probes.stack.resources()).some(({ type }) => type.includes("Probe")),
      false,
    );

    probes.declare([{ name: "a", value: "1", fail: "createPartly" }]);
    assert.match(failed(await probes.stack.up()), /the probe made half of it/);
    assert.ok((await probes.stack.resources()).some(({ type, id }) => type.includes("Probe") && id === "a"));
    ok(await probes.stack.refresh());
    probes.calls();
    ok(await probes.stack.destroy());
    assert.deepEqual(names(probes.calls()), ["delete"]);
  });

  it("a replaced resource stays pending where the update fails later, and the next up deletes it, even where it made the same thing again", async () => {
    const probe = (name: string) => ({ as: "probe", name, value: "1" });
    probes.declare([probe("a")]);
    ok(await probes.stack.up());
    probes.declare([probe("b"), { name: "dependent", value: "", valueFrom: "b", fail: "create" }]);
    failed(await probes.stack.up());
    const pending = (await probes.stack.resources()).filter(({ delete: deleted }) => deleted);
    assert.deepEqual(
      pending.map(({ id }) => id),
      ["a"],
    );

    probes.calls();
    probes.declare([probe("a")]);
    ok(await probes.stack.up());
    const work = probes.calls().filter(({ call }) => call !== "check");
    assert.deepEqual(work.map(({ call, id, inputs }) => `${call} ${id ?? inputs.name}`).sort(), [
      "create a",
      "delete a",
      "delete b",
    ]);
  });

  it("what a provider throws is shown as its message, without a stack, in check, diff, read, create and update", async () => {
    const noStack = (output: string) => assert.doesNotMatch(output, /\n\s+at .*\(?.*:\d+:\d+\)?/);
    probes.declare([{ name: "a", value: "1", fail: "check" }]);
    const check = failed(await probes.stack.up());
    assert.match(check, /the probe refuses in check/);
    noStack(check);
    for (const fail of ["diff", "read", "update"]) {
      probes.declare([{ name: fail, value: "1", fail }]);
      ok(await probes.stack.up());
      probes.declare([{ name: fail, value: "2", fail }]);
      const output = failed(fail === "read" ? await probes.stack.refresh() : await probes.stack.up());
      assert.match(output, new RegExp(`the probe fails in ${fail}`));
      noStack(output);
      probes.declare([]);
      ok(await probes.stack.up());
    }
  });

  it("lines on standard error appear in the update's display", async () => {
    probes.declare([{ name: "a", value: "1" }]);
    assert.match(ok(await probes.stack.up()).output, /probe a: a line while it works/);
  });
});

describe("secrets and the providers' own resource", function () {
  this.timeout(180_000);

  async function stateWith(options: {
    defaultProvider?: boolean;
    secretOutputs?: string[];
  }): Promise<string> {
    const probes = new ProbeProgram();
    try {
      ok(await probes.stack.run(["config", "set", "--plaintext", "probes:plain", "open configuration"]));
      ok(await probes.stack.run(["config", "set", "--secret", "probes:hidden", "sesame open"]));
      probes.declare([{ name: "a", value: "1", secret: "hidden" }], options);
      ok(await probes.stack.up());
      return await probes.stack.stateText();
    } finally {
      probes.dispose();
    }
  }

  it("Pulumi's default provider of dynamic resources keeps the stack's configuration in the state", async () => {
    assert.match(await stateWith({ defaultProvider: true }), /open configuration/);
  });

  it("an explicit, empty one keeps none of it, and a secret input stays encrypted among the outputs", async () => {
    const state = await stateWith({});
    assert.doesNotMatch(state, /open configuration/);
    assert.doesNotMatch(state, /sesame open/);
  });

  it("an output derived from a secret is plain, unless it is named as a secret output", async () => {
    const computed = (state: string) =>
      (
        JSON.parse(state) as {
          deployment: { resources: { type: string; outputs: Record<string, unknown> }[] };
        }
      ).deployment.resources.find(({ type }) => type.includes("Probe"))?.outputs.computed;
    assert.equal(computed(await stateWith({})), "from 1");
    assert.notEqual(computed(await stateWith({ secretOutputs: ["computed"] })), "from 1");
  });
});

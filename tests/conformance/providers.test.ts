/** The same checks for every provider, against the local workspace; what is special to one stands in `providers/`. */
import assert from "node:assert/strict";
import { propertiesWith, tables } from "../../providers/tables";
import { cases, SECRET_VALUES, SECRET_VARIABLE, type Case } from "./providers/cases";
import { fails, Resource, type Values } from "./providers/engine";
import { Ground } from "./providers/ground";

/** Nobody listens on port 1. */
const DEAD_HOST = "http://127.0.0.1:1";

describe("all providers", function () {
  this.timeout(60_000);
  let ground: Ground;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  beforeEach(() => {
    process.env[SECRET_VARIABLE] = SECRET_VALUES[0];
  });
  after(async () => {
    delete process.env[SECRET_VARIABLE];
    await ground?.leave();
  });

  it("are all here", () => {
    assert.deepEqual(cases.map(({ type }) => type).sort(), Object.keys(tables).sort());
  });

  for (const entry of cases) {
    describe(entry.type, () => conformance(entry));
  }

  it("say within 10 seconds that the host is down, and name it", async () => {
    const started = Date.now();
    await Promise.all(cases.filter(({ local }) => !local).map((entry) => hostDown(entry, ground)));
    assert.ok(Date.now() - started < 10_000, `${Date.now() - started} ms`);
  });

  function conformance(entry: Case): void {
    const table = tables[entry.type];
    const without = (values: Values, ...properties: string[]) =>
      Object.fromEntries(Object.entries(values).filter(([property]) => !properties.includes(property)));

    async function created(): Promise<{ resource: Resource; inputs: Values }> {
      const inputs = await entry.inputs(ground);
      const resource = new Resource(entry.type);
      assert.equal(await resource.up(inputs), "create");
      return { resource, inputs };
    }

    it("accepts good inputs, creates, and is the same at the next up", async () => {
      const { resource, inputs } = await created();
      // `Resource` has checked that the outs are complete; here: the inputs are among them as they were given.
      assert.deepEqual(
        without(resource.outs, ...propertiesWith(table, "computed", "drift")),
        resource.inputs,
      );
      for (const [property, value] of Object.entries(inputs)) {
        assert.deepEqual(resource.outs[property], value, property);
      }
      assert.deepEqual(await resource.diff(resource.inputs), { changes: false, replaces: [] });
      assert.equal(await resource.up(inputs), "same");
      assert.notEqual(await entry.exists?.(ground, resource.outs), false, "it is really there");
    });

    it("keeps no token and no secret value", async () => {
      const { resource } = await created();
      const kept = JSON.stringify([resource.id, resource.inputs, resource.outs]);
      for (const secret of [ground.workspace.token, ...SECRET_VALUES]) {
        assert.ok(!kept.includes(secret) && !ground.said.join("").includes(secret));
      }
    });

    it("reads right after create what create answered", async () => {
      const { resource, inputs } = await created();
      const before = resource.outs;
      assert.equal(await resource.refresh(), true);
      assert.deepEqual(resource.outs, before);
      assert.equal(await resource.up(inputs), "same");
    });

    it("takes each change as its table says", async () => {
      const { resource } = await created();
      const diffOf = (property: string) =>
        resource.diff({ ...resource.inputs, [property]: other(resource.inputs[property]) });
      for (const [property, role] of Object.entries(table)) {
        if (!(property in resource.inputs)) continue;
        const expected = {
          changes: role === "replace" || role === "update",
          replaces: role === "replace" ? [property] : [],
        };
        assert.deepEqual(await diffOf(property), expected, `${property} (${role})`);
      }
    });

    if (entry.updated) {
      it("updates in place, completely, and reads what it wrote", async () => {
        const { resource, inputs } = await created();
        const news = await entry.updated!(ground, inputs);
        assert.equal(await resource.up(news), "update");
        const before = resource.outs;
        assert.equal(await resource.refresh(), true);
        assert.deepEqual(resource.outs, before);
        assert.equal(await resource.up(news), "same");
      });
    } else {
      it("has nothing that is changed in place", () => {
        assert.deepEqual(propertiesWith(table, "update"), []);
        assert.equal(propertiesWith(table, "drift").length > 0, (entry.drifts ?? []).length > 0);
      });
    }

    if (entry.vanish) {
      it("is gone for refresh once somebody deleted it, and made again", async () => {
        const { resource, inputs } = await created();
        await entry.vanish!(ground, resource.outs);
        assert.equal(await resource.refresh(), false);
        assert.equal(await resource.up(inputs), "create");
        assert.notEqual(await entry.exists?.(ground, resource.outs), false);
      });
    }

    for (const { what, happen, shows } of entry.drifts ?? []) {
      it(`sees ${what}, and puts it right`, async () => {
        const { resource, inputs } = await created();
        await happen(ground, resource.outs);
        assert.equal(await resource.refresh(), true);
        assert.match(JSON.stringify(resource.outs), shows);
        assert.equal(await resource.up(inputs), "update");
        const repaired = resource.outs;
        assert.equal(await resource.refresh(), true);
        assert.deepEqual(resource.outs, repaired);
        assert.equal(await resource.up(inputs), "same");
      });
    }

    it(entry.kept ? "stays when it is deleted, also twice" : "is deleted, also twice", async () => {
      const { resource } = await created();
      await resource.delete();
      await resource.delete();
      if (entry.exists) {
        assert.equal(await entry.exists(ground, resource.outs), entry.kept === true);
      }
      if (!entry.kept) {
        assert.equal(await resource.refresh(), false);
      }
    });

    if (entry.local) return;
    it("works in no other workspace than its own", async () => {
      const { resource, inputs } = await created();
      if (entry.type === "Workspace") {
        const { failures } = await resource.check({ ...inputs, expectedWorkspaceId: "4711" });
        assert.deepEqual(
          failures.map(({ property }) => property),
          ["host"],
        );
        assert.match(failures[0]?.reason ?? "", new RegExp(`${ground.place.workspaceId}.*4711`));
        return;
      }
      const { outs } = resource;
      const both = new RegExp(
        `is workspace ${ground.place.workspaceId}, but this stack was deployed to workspace 4711`,
      );
      resource.outs = { ...outs, workspaceId: "4711" };
      const changing = await ground.requestsOf(async () => {
        if (entry.vanish) await fails(resource.refresh(), both);
        if (!entry.kept) await fails(resource.delete(), both);
        await fails(resource.create({ ...resource.inputs, workspaceId: "4711" }), both);
      });
      assert.deepEqual(
        changing.filter((request) => !request.startsWith("GET ")),
        [],
      );
      resource.outs = outs;
      assert.equal(await resource.refresh(), true);
      assert.deepEqual(resource.outs, outs);
    });
  }
});

/** A value of the same kind that is not equal. */
function other(value: unknown): unknown {
  if (Array.isArray(value)) return [...value, "another"];
  if (typeof value === "object") return { ...value, another: true };
  return typeof value === "string" ? `${value}-other` : value !== true;
}

/** Every call that needs the workspace, with a host where nobody listens. */
async function hostDown(entry: Case, ground: Ground): Promise<void> {
  const inputs = { ...(await entry.inputs(ground)), host: DEAD_HOST };
  const resource = new Resource(entry.type);
  if (entry.type === "Workspace") {
    const { failures } = await resource.check(inputs);
    assert.equal(failures.length, 1);
    assert.equal(failures[0]?.property, "host");
    assert.match(failures[0]?.reason ?? "", /127\.0\.0\.1:1 did not answer/);
    return;
  }
  const checked = await resource.checked(inputs);
  const calls = [resource.create(checked)];
  const existing = Object.assign(new Resource(entry.type), { id: "x", outs: { ...checked, created: true } });
  if (entry.vanish) calls.push(existing.refresh().then(() => undefined));
  if (!entry.kept) calls.push(existing.delete());
  await Promise.all(calls.map((call) => fails(call, /127\.0\.0\.1:1 did not answer/)));
}

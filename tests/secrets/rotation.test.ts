/** Rotation under the eyes of a reader: a value or a permission is changed, and never missing, empty or old again. */
import assert from "node:assert/strict";
import { Resource } from "../conformance/providers/engine";
import { Ground, unique } from "../conformance/providers/ground";
import type { Answer } from "../support/localWorkspace";

const VARIABLE = "ROTATION_TEST_VALUE";
const ROTATIONS = 15;
const READERS = 4;

describe("rotation", function () {
  this.timeout(60_000);
  let ground: Ground;
  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  after(async () => {
    delete process.env[VARIABLE];
    await ground?.leave();
  });

  /** Reads again and again, several at once, from before the work until after it; answers what was seen, in order. */
  async function whileReading<T>(read: () => Promise<T>, work: () => Promise<void>): Promise<T[][]> {
    let working = true;
    const loops = Array.from({ length: READERS }, async () => {
      const seen = [await read()];
      while (working) seen.push(await read());
      seen.push(await read());
      return seen;
    });
    await work().finally(() => (working = false));
    return Promise.all(loops);
  }

  it("of a value: each reader sees only whole values, in the order of their rotation, and in the end the last", async () => {
    const principal = `${unique("reader")}@example.com`;
    const token = await ground.workspace.user(principal);
    const scope = new Resource("SecretScope");
    await scope.up({ ...ground.place, scope: unique("rotated") });
    const name = scope.outs.scope as string;
    await new Resource("SecretPermission").up({
      ...ground.place,
      scope: name,
      principal,
      permission: "READ",
    });
    const digestKey = new Resource("DigestKey");
    await digestKey.up({});
    const inputs = {
      ...ground.place,
      scope: name,
      key: "api-token",
      from: { env: VARIABLE },
      stack: "test",
      directory: "/",
      digestKey: digestKey.outs.key,
    };
    // Long values, so that a torn one would show.
    const values = Array.from({ length: ROTATIONS + 1 }, (_, i) => `value-${i}-`.repeat(2000));
    process.env[VARIABLE] = values[0];
    const secret = new Resource("SecretValue");
    await secret.up(inputs);

    const read = () =>
      ground.workspace.api("GET", `/api/2.0/secrets/get?scope=${name}&key=api-token`, undefined, { token });
    const readers = await whileReading(read, async () => {
      for (const value of values.slice(1)) {
        process.env[VARIABLE] = value;
        assert.equal(await secret.up(inputs), "update");
      }
    });
    for (const seen of readers) {
      const versions = seen.map((answer: Answer) => {
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        return values.indexOf(Buffer.from(answer.body.value, "base64").toString("utf8"));
      });
      assert.ok(
        versions.every((version) => version >= 0),
        "every value is a whole one",
      );
      assert.deepEqual(
        versions,
        [...versions].sort((a, b) => a - b),
        "none comes back",
      );
      assert.equal(versions.at(-1), ROTATIONS);
    }
    assert.ok(readers.flat().length > ROTATIONS, "the readers were there while it was rotated");
  });

  it("of a permission: the reader can read all the time, and the list shows it all the time", async () => {
    const principal = `${unique("reader")}@example.com`;
    const token = await ground.workspace.user(principal);
    const name = unique("rotated");
    await ground.workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope: name });
    await ground.workspace.ok("POST", "/api/2.0/secrets/put", { scope: name, key: "k", string_value: "v" });
    const inputs = { ...ground.place, scope: name, principal };
    const acl = new Resource("SecretPermission");
    await acl.up({ ...inputs, permission: "READ" });

    const read = async () => {
      const [value, list] = await Promise.all([
        ground.workspace.api("GET", `/api/2.0/secrets/get?scope=${name}&key=k`, undefined, { token }),
        ground.workspace.api("GET", `/api/2.0/secrets/acls/list?scope=${name}`),
      ]);
      return { value, acls: list.body.items as { principal: string; permission: string }[] };
    };
    const readers = await whileReading(read, async () => {
      for (let i = 0; i < ROTATIONS; i++) {
        const permission = (["WRITE", "MANAGE", "READ"] as const)[i % 3];
        assert.equal(await acl.up({ ...inputs, permission }), "update");
      }
    });
    for (const { value, acls } of readers.flat()) {
      assert.equal(value.status, 200, JSON.stringify(value.body));
      const ours = acls.filter((one) => one.principal === principal);
      assert.equal(ours.length, 1);
      assert.match(ours[0]?.permission ?? "", /^(READ|WRITE|MANAGE)$/);
    }
  });

  it("of a key that is there in other letters: it is the same key, and stays one", async () => {
    // Databricks takes `API-Token` for `api-token`.
    const name = unique("case");
    await ground.workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope: name });
    process.env[VARIABLE] = "value";
    const digestKey = new Resource("DigestKey");
    await digestKey.up({});
    const secret = new Resource("SecretValue");
    await ground.workspace.ok("POST", "/api/2.0/secrets/put", {
      scope: name,
      key: "API-Token",
      string_value: "theirs",
    });
    await secret.up({
      ...ground.place,
      scope: name,
      key: "api-token",
      from: { env: VARIABLE },
      stack: "test",
      directory: "/",
      digestKey: digestKey.outs.key,
    });
    assert.equal(await secret.refresh(), true);
    assert.deepEqual(secret.outs.drift, []);
    const { secrets } = await ground.workspace.ok("GET", `/api/2.0/secrets/list?scope=${name}`);
    assert.equal(secrets.length, 1);
  });
});

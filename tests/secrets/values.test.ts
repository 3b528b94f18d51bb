/** Secret values: where they come from, what tells that one changed, and that none is ever kept. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fails, Resource, type Values } from "../conformance/providers/engine";
import { Ground, unique } from "../conformance/providers/ground";

const VARIABLE = "SECRETS_TEST_VALUE";

describe("a secret's value", function () {
  this.timeout(60_000);
  let ground: Ground;
  let key: Values;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
    const digestKey = new Resource("DigestKey");
    await digestKey.up({});
    key = digestKey.outs;
  });
  beforeEach(() => {
    process.env[VARIABLE] = "first value";
    ground.said.length = 0;
  });
  after(async () => {
    delete process.env[VARIABLE];
    await ground?.leave();
  });

  async function inputs(more: Values = {}): Promise<Values> {
    const scope = unique("values");
    await ground.workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope });
    return {
      ...ground.place,
      scope,
      key: "api-token",
      from: { env: VARIABLE },
      stack: "test",
      directory: tmpdir(),
      digestKey: key.key,
      ...more,
    };
  }
  const writes = async (work: () => Promise<unknown>) =>
    (await ground.requestsOf(work)).filter((request) => request === "POST /api/2.0/secrets/put").length;
  async function stored({ scope, key: name }: Values): Promise<string> {
    const answer = await ground.workspace.ok("GET", `/api/2.0/secrets/get?scope=${scope}&key=${name}`);
    return Buffer.from(answer.value, "base64").toString("utf8");
  }

  it("comes from the variable, as it is", async () => {
    for (const value of [
      "plain",
      " spaces and\nlines \n",
      "ü😀'\"`$(id)",
      '{"json": 1}',
      "x".repeat(100_000),
    ]) {
      process.env[VARIABLE] = value;
      const given = await inputs();
      await new Resource("SecretValue").up(given);
      assert.ok((await stored(given)) === value);
    }
  });

  it("that is the same is not written again; another one is, once", async () => {
    const given = await inputs();
    const resource = new Resource("SecretValue");
    await resource.up(given);
    assert.equal(await writes(async () => assert.equal(await resource.up(given), "same")), 0);
    process.env[VARIABLE] = "second value";
    assert.equal(await writes(async () => assert.equal(await resource.up(given), "update")), 1);
    assert.equal(await stored(given), "second value");
    assert.equal(await resource.up(given), "same");
  });

  it("may move to another variable without being written", async () => {
    const given = await inputs();
    const resource = new Resource("SecretValue");
    await resource.up(given);
    process.env.SECRETS_TEST_OTHER = process.env[VARIABLE];
    try {
      assert.equal(
        await writes(async () =>
          assert.equal(await resource.up({ ...given, from: { env: "SECRETS_TEST_OTHER" } }), "same"),
        ),
        0,
      );
    } finally {
      delete process.env.SECRETS_TEST_OTHER;
    }
  });

  it("that is not set here keeps what the workspace has, with a note", async () => {
    for (const unset of [undefined, ""]) {
      process.env[VARIABLE] = "first value";
      const given = await inputs();
      const resource = new Resource("SecretValue");
      await resource.up(given);
      if (unset === undefined) delete process.env[VARIABLE];
      else process.env[VARIABLE] = unset;
      ground.said.length = 0;
      assert.equal(await writes(async () => assert.equal(await resource.up(given), "same")), 0);
      assert.equal(
        ground.said.join(""),
        `secret ${given.scope}/api-token: ${VARIABLE} is not set; the key keeps its value\n`,
      );
      assert.equal(await stored(given), "first value");
    }
  });

  it("that is not set and was never written is a problem that names the variable", async () => {
    delete process.env[VARIABLE];
    const given = await inputs();
    const { failures } = await new Resource("SecretValue").check(given);
    assert.deepEqual(
      failures.map(({ property }) => property),
      ["from"],
    );
    assert.match(
      failures[0]?.reason ?? "",
      new RegExp(
        `environment variable ${VARIABLE} is not set, and the key ${given.scope}/api-token has no value yet`,
      ),
    );
    assert.match(failures[0]?.reason ?? "", new RegExp(`export ${VARIABLE}=`));
  });

  it("that is not set cannot go to another key: there it has no value to keep", async () => {
    const given = await inputs();
    const resource = new Resource("SecretValue");
    await resource.up(given);
    delete process.env[VARIABLE];
    const { failures } = await resource.check({ ...given, key: "renamed" });
    assert.match(failures[0]?.reason ?? "", /renamed has no value yet/);
  });

  it("is told apart by a digest that needs the key: the same value in two stacks has two digests", async () => {
    const given = await inputs();
    const resource = new Resource("SecretValue");
    await resource.up(given);
    const other = new Resource("DigestKey");
    await other.up({});
    assert.notEqual(other.outs.key, key.key);
    const elsewhere = await resource.checked({ ...given, digestKey: other.outs.key });
    assert.match(elsewhere.digest, /^[0-9a-f]{64}$/);
    assert.notEqual(elsewhere.digest, resource.outs.digest);
    assert.equal((await resource.checked(given)).digest, resource.outs.digest);
  });

  it("can be checked in a first preview, where the digest's key is not known yet", async () => {
    const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    const { inputs: checked, failures } = await new Resource("SecretValue").check({
      ...(await inputs()),
      digestKey: UNKNOWN,
    });
    assert.deepEqual(failures, []);
    assert.equal(checked.digest, undefined);
  });

  it("is nowhere in what Pulumi keeps or shows, whatever happens", async () => {
    const first = "first-4c1f value";
    const second = "second-9d2e value";
    process.env[VARIABLE] = first;
    const given = await inputs();
    const resource = new Resource("SecretValue");
    const kept: unknown[] = [await resource.checked(given)];
    await resource.up(given);
    kept.push(resource.inputs, resource.outs);
    process.env[VARIABLE] = second;
    await resource.up(given);
    kept.push(resource.inputs, resource.outs, await resource.diff(resource.inputs));
    await resource.refresh();
    kept.push(resource.outs);
    await ground.fault({ match: "POST /api/2.0/secrets/put", status: 400, message: "no" });
    process.env[VARIABLE] = first;
    kept.push(await fails(resource.up(given), /POST \/api\/2\.0\/secrets\/put/));
    await ground.clearFaults();
    const everything = JSON.stringify(kept) + ground.said.join("");
    for (const value of [first, second]) {
      assert.ok(!everything.includes(value));
      assert.ok(!everything.includes(Buffer.from(value).toString("base64")));
    }
  });

  describe("in Pulumi's configuration", () => {
    let folder: string;
    let path: string | undefined;

    /** Stands for `pulumi config get`: prints what the file beside it holds, or fails as the engine does without a passphrase. */
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "stand-in pulumi "));
      const script = `#!/bin/sh\nprintf '%s\\n' "$@" > "${folder}/arguments"\n[ -f "${folder}/value" ] || { echo "error: incorrect passphrase" >&2; exit 255; }\ncat "${folder}/value"\n`;
      writeFileSync(join(folder, "pulumi"), script, { mode: 0o755 });
      path = process.env.PATH;
      process.env.PATH = `${folder}${delimiter}${path ?? ""}`;
    });
    afterEach(() => {
      process.env.PATH = path;
      rmSync(folder, { recursive: true, force: true });
    });
    const configured = (ciphertext: string) => ({
      from: { config: "notebook-releases:api-token", ciphertext },
    });

    it("is decrypted when it is written, and told apart by its ciphertext", async () => {
      writeFileSync(join(folder, "value"), "from the configuration\n");
      const given = await inputs(configured("v1:aaa"));
      const resource = new Resource("SecretValue");
      await resource.up(given);
      assert.equal(await stored(given), "from the configuration");
      const args = execFileSync("cat", [join(folder, "arguments")], { encoding: "utf8" })
        .trim()
        .split("\n");
      assert.deepEqual(args, [
        "config",
        "get",
        "notebook-releases:api-token",
        "--stack",
        "test",
        "--cwd",
        tmpdir(),
        "--non-interactive",
      ]);
      assert.equal(await resource.up(given), "same");
      writeFileSync(join(folder, "value"), "the next one\n");
      assert.equal(await resource.up({ ...given, ...configured("v1:bbb") }), "update");
      assert.equal(await stored(given), "the next one");
      assert.ok(!JSON.stringify([resource.inputs, resource.outs]).includes("the next one"));
    });

    it("that cannot be decrypted is said with the key and what to try", async () => {
      await fails(
        new Resource("SecretValue").up(await inputs(configured("v1:aaa"))),
        /could not decrypt the configuration value notebook-releases:api-token for .*api-token \(exit code 255\)/,
        /Try: pulumi config get notebook-releases:api-token --stack test/,
      );
    });
  });
});

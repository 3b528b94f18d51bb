/** The serialized shells: small, stable, and without anything of the program in them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { load } from "../../providers/handlers";
import { shellText } from "../../providers/shell";
import { tables, type TypeName } from "../../providers/tables";
import { ROOT } from "../support/pulumi";

const types = Object.keys(tables) as TypeName[];

describe("the serialized shells", () => {
  it("differ only by their provider's name", () => {
    const [first, ...others] = types.map((type) => shellText(type).replaceAll(type, "TYPE"));
    others.forEach((other) => assert.equal(other, first));
  });

  it("are pinned: a change of this text is stored anew for every resource of every stack", () => {
    const digest = createHash("sha256").update(shellText("ReleaseDirectory")).digest("hex");
    assert.equal(digest.slice(0, 16), PINNED);
    assert.ok(shellText("ReleaseDirectory").length < 700);
  });

  it("run as the engine runs them, in a process of their own, and lead to today's code", async () => {
    // In this process they would load our modules a second time, beside those of the other tests.
    const program = `
      const texts = JSON.parse(process.argv[1]);
      (async () => {
        for (const [type, text] of Object.entries(texts)) {
          const module = { exports: {} };
          new Function("exports", "require", text)(module.exports, require);
          const provider = module.exports.handler();
          const answer = await provider.diff("id", {}, {}).catch((error) => error);
          console.log(type, Object.keys(provider).sort().join(), typeof answer);
        }
      })();`;
    const texts = JSON.stringify(Object.fromEntries(types.map((type) => [type, shellText(type)])));
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", program, texts], { cwd: ROOT });
    const expected = types.map((type) => `${type} check,create,delete,diff,read,update object`);
    assert.deepEqual(stdout.trim().split("\n"), expected);
  });

  it("have a module each, beside what they share", () => {
    types.forEach((type) => assert.equal(typeof load(type).create, "function"));
    const files = readdirSync(join(__dirname, "../../providers"));
    types.forEach((type) => assert.ok(files.includes(`${type[0]?.toLowerCase()}${type.slice(1)}.ts`), type));
  });
});

/** Of the text in providers/shell.ts. */
const PINNED = "3a2598648b222bed";

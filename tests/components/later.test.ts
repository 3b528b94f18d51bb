/** What the program puts off loading (later.cjs): it stays unloaded, and works where it is wanted after all. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ROOT } from "../support/pulumi";

/** Runs a program in a node of its own, in the repository's root; answers the JSON that it prints. */
async function run(program: string): Promise<any> {
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", program], { cwd: ROOT });
  return JSON.parse(stdout);
}

const LOADED = `
  const loaded = () => Object.values(require.cache).filter((module) =>
    /node_modules.(typescript|@npmcli)./.test(module.filename) && !require("node:util").types.isProxy(module.exports)).length;`;

describe("modules that the program does not need", function () {
  this.timeout(60_000);

  it("are not loaded with @pulumi/pulumi", async () => {
    const [with_, without] = await Promise.all([
      run(`require("./later.cjs"); ${LOADED} require("@pulumi/pulumi"); console.log(loaded())`),
      run(`${LOADED} require("@pulumi/pulumi"); console.log(loaded())`),
    ]);
    assert.equal(with_, 0);
    assert.ok(without > 50, `@pulumi/pulumi loads ${without} of them: is later.cjs of use still?`);
  });

  it("are there when a function is made text of", async () => {
    const text = await run(`
      require("./later.cjs");
      const pulumi = require("@pulumi/pulumi");
      const number = 42;
      pulumi.runtime.serializeFunction(() => number + 1).then(({ text }) => console.log(JSON.stringify(text)));`);
    assert.match(text, /number \+ 1/);
  });

  it("are the very modules: what is read of one is what the other has", async () => {
    const same = await run(`
      require("./later.cjs");
      const later = require("typescript");
      const version = later.version;
      console.log(JSON.stringify([version === require("typescript").version, "version" in later, typeof later.createSourceFile]))`);
    assert.deepEqual(same, [true, true, "function"]);
  });
});

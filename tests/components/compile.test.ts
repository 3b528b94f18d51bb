/** How the program's TypeScript is loaded (compile.cjs): compiled once, again when it changed, with its own lines in stacks. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "../source/support";
import { ROOT } from "../support/pulumi";

describe("the program's TypeScript", function () {
  this.timeout(60_000);
  let root: string;
  const kept = () => readdirSync(join(root, ".local", "compiled"));

  beforeEach(() => {
    root = temporaryFolder();
    copyFileSync(join(ROOT, "compile.cjs"), join(root, "compile.cjs"));
    symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  });
  afterEach(() => {
    chmodSync(root, 0o755);
    rmSync(root, { recursive: true, force: true });
  });

  function write(file: string, text: string): void {
    mkdirSync(join(root, file, ".."), { recursive: true });
    writeFileSync(join(root, file), text);
  }

  /** What a program prints that loads `main.ts`. */
  async function run(first = ""): Promise<string> {
    const program = `${first} require("./compile.cjs"); require("./main");`;
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", program], { cwd: root });
    return stdout.trim();
  }

  it("is compiled once, and again when a file changed", async () => {
    write("lib/answer.ts", "interface A { a: number }\nexport const answer = ({ a }: A): number => a;\n");
    write("main.ts", 'import { answer } from "./lib/answer";\nconsole.log(answer({ a: 42 }));\n');
    assert.equal(await run(), "42");
    assert.deepEqual(kept().sort(), ["lib+answer.ts.js", "main.ts.js"]);

    const noCompiler =
      'require.cache[require.resolve("esbuild")] = { exports: { transformSync() { throw new Error("compiled again"); } } };';
    assert.equal(await run(noCompiler), "42");

    write("lib/answer.ts", "export const answer = ({ a }: { a: number }): number => a + 1;\n");
    await assert.rejects(run(noCompiler), /compiled again/);
    assert.equal(await run(), "43");
    assert.equal(kept().length, 2);
  });

  it("is loaded where nothing can be kept", async () => {
    write("main.ts", "console.log(1 as number);\n");
    writeFileSync(join(root, ".local"), "no folder");
    assert.equal(await run(), "1");
  });

  it("shows its own lines in stacks, in Pulumi's too", async () => {
    write(
      "main.ts",
      "interface A {\n  a: string;\n}\n\nexport const b = (a: A) => new Error(a.a).stack;\nconsole.log(b({ a: 'x' }));\n",
    );
    for (const first of ["", 'require("@pulumi/pulumi"); require("source-map-support/register");']) {
      assert.match(await run(first), /main\.ts:5:/, first);
    }
  });

  it("says what is wrong with a file that is none", async () => {
    write("main.ts", "const = ;\n");
    await assert.rejects(run(), /main\.ts:1:6/);
  });
});

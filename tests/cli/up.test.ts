/** The real `pulumi up`, as commands run it: a workflow that is cancelled tells the command alone, and Pulumi hears of it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PulumiStack, ROOT } from "../support/pulumi";

/** A program that has begun, and ends only when it is ended. */
const PROGRAM = `
const { createServer } = require("node:net");
console.error("the program " + "has begun");
createServer().listen(0);
module.exports = async () => new Promise(() => undefined);
`;

describe("pulumi up in a command", function () {
  this.timeout(120_000);
  let stack: PulumiStack;

  before(async () => {
    stack = new PulumiStack({ links: ["node_modules", "package.json"] });
    writeFileSync(
      join(stack.program, "Pulumi.yaml"),
      "name: waits\nruntime: { name: nodejs, options: { typescript: false } }\nmain: waits.cjs\n",
    );
    writeFileSync(join(stack.program, "waits.cjs"), PROGRAM);
    await stack.run(["config"]);
  });
  after(() => stack?.dispose());

  it("ends when the command is interrupted, where there is no terminal that tells both", async () => {
    const script = join(stack.folder, "up.ts");
    writeFileSync(
      script,
      `import { pulumiUp } from ${JSON.stringify(join(ROOT, "cli", "up"))};\n` +
        `void pulumiUp({ stack: "test", cwd: process.argv[2] ?? "", env: {} }).then((code) => process.exit(code === 0 ? 9 : 0));\n`,
    );
    const tsx = pathToFileURL(require.resolve("tsx")).href;
    const child = spawn(process.execPath, ["--import", tsx, script, stack.program], {
      env: stack.environment(),
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 90_000,
      killSignal: "SIGKILL",
    });
    let said = "";
    child.stderr.on("data", (data: Buffer) => {
      said += data.toString();
      if (/the program has begun/.test(said)) child.kill("SIGINT");
    });
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 0, said);
  });
});

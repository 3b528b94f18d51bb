import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(__dirname, "..", "..");

describe("the operator's commands", () => {
  it("load nothing of Pulumi's own, which takes longer than all the rest of a command's start", async () => {
    const modules = readdirSync(join(ROOT, "cli")).filter(
      (name) => name.endsWith(".ts") && name !== "main.ts",
    );
    const program = `
      const packageOf = (file) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(file)?.[1];
      Promise.all(${JSON.stringify(modules)}.map((name) => import("./cli/" + name))).then(() => {
        const loaded = Object.keys(require("node:module")._cache).map(packageOf);
        console.log(JSON.stringify([...new Set(loaded)].filter(Boolean)));
      });`;
    const args = ["--import", "tsx", "-e", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const packages = JSON.parse(stdout) as string[];
    assert.ok(packages.includes("zod"), `what was loaded is not seen: ${stdout}`);
    assert.deepEqual(
      packages.filter((name) => /^@pulumi\/|^@octokit\/|^typescript$/.test(name)),
      [],
    );
  });
});

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { modules } from "./modules";
import { programs, removeSandboxes, sandbox } from "./sandbox";

const GOOD_PYTHON = 'case "$2" in *version_info*) echo 3.11.7;; esac';
const GIT = "echo git version 2.39.5";

describe("set-up: prerequisites", () => {
  after(removeSandboxes);

  async function check(
    scripts: Record<string, string>,
    nodeVersion = "20.19.0",
    env: NodeJS.ProcessEnv = {},
  ) {
    const { checkPrerequisites } = await modules.prerequisites();
    return checkPrerequisites({ env: { PATH: programs(sandbox(), scripts), ...env }, nodeVersion });
  }

  it("names everything that is missing at once, with what was found and how to get it", async () => {
    await assert.rejects(check({ python3: "echo 3.9.2" }, "18.20.1"), (error: Error) => {
      assert.match(error.message, /Node\.js 20\.19 or newer: found 18\.20\.1/);
      assert.match(error.message, /Python 3\.10 or newer, with venv: \S.*python3 is 3\.9\.2/);
      assert.match(error.message, /git 2\.20 or newer: not found/);
      for (const system of ["macOS", "Debian", "Fedora"]) {
        assert.ok(error.message.split(system).length > 3, `${system} is named for each`);
      }
      return true;
    });
  });

  it("takes the first Python that really runs: version managers leave stand-ins that do not", async () => {
    const { python } = await check({
      "python3.13": "exit 127",
      "python3.12": GOOD_PYTHON,
      python3: "echo 3.9.2",
      git: GIT,
    });
    assert.match(python, /python3\.12$/);
  });

  it("says that venv is missing where Debian packs it apart", async () => {
    const bare = 'case "$2" in *version_info*) echo 3.11.2;; *) exit 1;; esac';
    await assert.rejects(check({ python3: bare, git: GIT }), /is 3\.11\.2, but has no venv .*python3-venv/);
  });

  it("uses the interpreter that PYTHON names, and no other", async () => {
    const bin = programs(sandbox(), { mine: GOOD_PYTHON, old: "echo 3.8.1" });
    const others = { python3: GOOD_PYTHON, git: GIT };
    assert.equal((await check(others, undefined, { PYTHON: join(bin, "mine") })).python, join(bin, "mine"));
    await assert.rejects(check(others, undefined, { PYTHON: join(bin, "old") }), /old is 3\.8\.1/);
  });

  it("says which git is too old", async () => {
    await assert.rejects(
      check({ python3: GOOD_PYTHON, git: "echo git version 2.11.0" }),
      /git 2\.20 or newer: \S.*git is 2\.11\.0/,
    );
  });

  it("compares versions by number", async () => {
    const { atLeast } = await modules.prerequisites();
    assert.ok(atLeast("v3.259.0", "3.200.0"));
    assert.ok(atLeast("go1.26.8", "1.26"));
    assert.ok(atLeast("3.10", "3.10"));
    assert.ok(!atLeast("3.9.18", "3.10"));
    assert.ok(!atLeast("20.18.3", "20.19"));
  });
});

describe("set-up: npm packages", () => {
  after(removeSandboxes);

  it("are there when npm's own record has every package of the lock, with its hash", async () => {
    const { matchesLock } = await modules.npm();
    const root = sandbox();
    const write = (file: string, packages: object) =>
      writeFileSync(join(root, file), JSON.stringify({ packages }));
    const other = { version: "1.0.0", optional: true, os: ["nowhere"], cpu: [process.arch] };
    const ours = { version: "1.0.0", optional: true, os: [process.platform], cpu: [process.arch] };
    write("package-lock.json", {
      "": {},
      "node_modules/a": { version: "1.0.0", integrity: "x" },
      "node_modules/b": other,
    });
    assert.ok(!matchesLock(root), "nothing is installed");
    mkdirSync(join(root, "node_modules"));
    const installed = join("node_modules", ".package-lock.json");
    write(installed, {
      "node_modules/a": { version: "1.0.0", integrity: "x" },
      "node_modules/tried": { version: "2.0.0" },
    });
    assert.ok(matchesLock(root));
    write(installed, { "node_modules/a": { version: "1.0.0", integrity: "changed" } });
    assert.ok(!matchesLock(root));
    write("package-lock.json", { "node_modules/b": ours });
    assert.ok(!matchesLock(root), "this platform's build is missing");
  });
});

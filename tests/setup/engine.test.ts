import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { modules } from "./modules";
import { programs, removeSandboxes, sandbox } from "./sandbox";

const ROOT = join(__dirname, "..", "..");

describe("set-up: the choice of the Pulumi engine", () => {
  after(removeSandboxes);

  /** A checkout whose official installer is a stand-in, so that no test depends on the network. */
  async function checkout(scripts: Record<string, string>, install: string) {
    const root = sandbox();
    for (const name of ["toolchain", "scripts"]) symlinkSync(join(ROOT, name), join(root, name));
    const automation = join(root, "node_modules", "@pulumi", "pulumi", "automation");
    mkdirSync(automation, { recursive: true });
    const { writeWhole } = await modules.files();
    writeWhole(
      join(automation, "cmd.js"),
      `exports.PulumiCommand = { install: async ({ root }) => { ${install} } };`,
    );
    writeWhole(join(root, "package.json"), "{}");
    const { pathsOf } = await modules.paths();
    const { pulumiEngine, engineChoice } = await modules.engine();
    const paths = pathsOf(root, { NOTEBOOK_RELEASES_CACHE: join(root, "cache") });
    const env = { ...process.env, PATH: `${programs(root, scripts)}:/usr/bin:/bin` };
    return { paths, step: pulumiEngine(paths, env), choice: () => engineChoice(paths) };
  }

  const REFUSED = 'throw new Error("Failed to download: fetch failed");';
  const OLD_GO = "echo go1.22.1";

  it("takes a recent one on PATH", async () => {
    const { step, choice } = await checkout(
      { pulumi: "echo v3.201.0", "pulumi-language-nodejs": "" },
      REFUSED,
    );
    assert.equal(await step.done(), false);
    assert.equal(await step.run(() => {}), "v3.201.0 on PATH");
    assert.equal(choice()?.way, "onPath");
    assert.equal(await step.done(), true);
  });

  it("downloads one where PATH's is too old", async () => {
    const install = `
      require("node:fs").mkdirSync(root + "/bin");
      require("node:fs").writeFileSync(root + "/bin/pulumi", "#!/bin/sh\\necho v3.248.0\\n", { mode: 0o755 });`;
    const { paths, step, choice } = await checkout({ pulumi: "echo v3.50.0", go: OLD_GO }, install);
    assert.equal(await step.run(() => {}), "v3.248.0, downloaded");
    assert.deepEqual(choice(), { command: join(paths.engineBin, "pulumi"), way: "official" });
    assert.equal(await step.done(), true);
  });

  it("falls through a refused download within seconds, and names every way that failed and what to do", async () => {
    const { step, choice } = await checkout({ pulumi: "echo v3.50.0", go: OLD_GO }, REFUSED);
    const started = performance.now();
    await assert.rejects(
      step.run(() => {}),
      (error: Error) => {
        assert.match(error.message, /bin\/pulumi is v3\.50\.0; 3\.200\.0 or newer is needed/);
        assert.match(error.message, /official installer failed: Failed to download: fetch failed/);
        assert.match(error.message, /Go 1\.26 or newer: \S.*go is go1\.22\.1/);
        assert.match(error.message, /install Pulumi 3\.200\.0 or newer yourself/);
        return true;
      },
    );
    assert.ok(performance.now() - started < 5_000);
    assert.equal(choice(), undefined);
    assert.equal(await step.done(), false);
  });

  it("refuses a download that does not run", async () => {
    const install = `
      require("node:fs").mkdirSync(root + "/bin");
      require("node:fs").writeFileSync(root + "/bin/pulumi", "#!/bin/sh\\nexit 1\\n", { mode: 0o755 });`;
    const { step } = await checkout({ go: OLD_GO }, install);
    await assert.rejects(
      step.run(() => {}),
      /official installer failed/,
    );
  });

  it("builds from source once for every checkout that shares the cache", async () => {
    const go = `
      echo "$@" >> "$(dirname "$0")/../go.log"
      case "$1 $2" in
        "env GOVERSION") echo go1.26.0;;
        "list -deps") printf 'a\\nb\\n';;
        "list -m") echo v9.9.9;;
        build*) while [ "$1" != -o ]; do shift; done; printf '#!/bin/sh\\necho v9.9.9\\n' > "$2"; chmod +x "$2";;
      esac`;
    const { paths, step, choice } = await checkout({ go }, REFUSED);
    assert.equal(await step.run(() => {}), "v9.9.9, built from source");
    assert.deepEqual(choice(), { command: join(paths.engineBin, "pulumi"), way: "fromSource" });
    const builds = () => readFileSync(join(paths.root, "go.log"), "utf8").match(/^build .*/gm) ?? [];
    assert.equal(builds().length, 2);
    assert.match(builds()[0]!, /-trimpath .*version\.Version=v9\.9\.9/);
    await step.run(() => {});
    assert.equal(builds().length, 2, "the second time comes from the cache");
  });
});

describe("toolchain", () => {
  it("pins every module with a hash", () => {
    for (const module of ["cli", "language-host", "plugins"]) {
      const sum = readFileSync(join(ROOT, "toolchain", module, "go.sum"), "utf8");
      assert.ok(
        sum.split("\n").every((line) => line === "" || / h1:[A-Za-z0-9+/]{43}=$/.test(line)),
        module,
      );
    }
  });

  it("locks the Python packages with hashes, and without addresses", () => {
    const lock = readFileSync(join(ROOT, "workspace", "python", "requirements.txt"), "utf8");
    assert.ok(!/https?:|--index|--find-links/.test(lock));
    const pins = lock.match(/^[a-z0-9._-]+==.*\\\n {4}--hash=sha256:[0-9a-f]{64}/gim) ?? [];
    assert.equal(pins.length, (lock.match(/^[a-z0-9]/gim) ?? []).length);
  });
});

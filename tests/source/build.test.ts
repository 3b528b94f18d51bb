/** Builds: real commands in real checkouts. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSource, type Source } from "../../source";
import { build, type BuildError } from "../../source/build";
import { buildEnvironment } from "../../source/buildEnvironment";
import { OUTPUT_BYTES, runCommand } from "../../source/command";
import { ROOT } from "../support/pulumi";
import { makeRepository, notebook, temporaryFolder, type TestRepository } from "./support";

const FILES = {
  "nb/a.py": notebook(),
  "build.sh": {
    executable: '#!/bin/sh\nmkdir -p dist\nprintf "%s" "$SOURCE_DATE_EPOCH" > "dist/made of.whl"\n',
  },
  "lib/table.csv": "1,2\n",
};

describe("source: build", () => {
  let repository: TestRepository;
  let cacheDir: string;
  let source: Source;
  before(async () => {
    cacheDir = temporaryFolder();
    repository = makeRepository(FILES);
    source = await readSource({ repository: repository.url, ref: "main", path: "nb" }, { cacheDir });
  });
  after(() => {
    repository.remove();
    rmSync(cacheDir, { recursive: true });
  });

  const run = (command: string, artifacts: string[], more: Parameters<typeof build>[2] = {}) =>
    build(source.commit, { command, artifacts }, { cacheDir, ...more });
  const refused = async (command: string, artifacts: string[], more: Parameters<typeof build>[2] = {}) => {
    const before = checkouts();
    const error = await run(command, artifacts, more).then(
      () => assert.fail("expected a refusal"),
      (problem: unknown) => problem as BuildError,
    );
    assert.deepEqual(checkouts(), before, "the checkout is gone");
    return error;
  };

  it("runs in the whole tree, not in the released folder, and describes what it made", async () => {
    const { files, output, seconds, dispose } = await run("echo building; ./build.sh", [
      "dist/*.whl",
      "lib/*.csv",
    ]);
    const [wheel, table] = files;
    assert.deepEqual(
      files.map(({ name }) => name),
      ["made of.whl", "table.csv"],
    );
    assert.equal(readFileSync(wheel!.path, "utf8"), String(source.commit.commitTime));
    assert.equal(wheel!.size, 10);
    assert.equal(wheel!.sha256, createHash("sha256").update("1700000000").digest("hex"));
    assert.equal(table!.size, 4);
    assert.equal(output, "building\n");
    assert.ok(seconds > 0);
    await dispose();
    assert.ok(!existsSync(wheel!.path));
  });

  it("sees no token: none of the deployer's, of its CI's, and no address with a password", async () => {
    const env = {
      ...process.env,
      DATABRICKS_TOKEN: "dapi-secret-1",
      DATABRICKS_CLIENT_SECRET: "secret-2",
      GITHUB_TOKEN: "secret-3",
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "secret-4",
      PULUMI_CONFIG_PASSPHRASE: "secret-5",
      AWS_SECRET_ACCESS_KEY: "secret-6",
      SOME_TOOL_PAT: "secret-7",
      PIP_INDEX_URL: "https://me:secret-8@pypi.example.com/simple",
      https_proxy: "http://me:secret-9@proxy.example.com:8080",
      NPM_CONFIG_REGISTRY: "https://npm.example.com/?token=secret-10",
      PIP_TRUSTED_HOST: "pypi.example.com",
    };
    const said: string[] = [];
    const { output, dispose } = await run("env", ["lib/table.csv"], {
      env,
      onProgress: (line) => said.push(line),
    });
    await dispose();
    assert.doesNotMatch(output, /secret-/);
    assert.match(output, /^PIP_TRUSTED_HOST=pypi.example.com$/m);
    assert.match(output, /^SOURCE_DATE_EPOCH=1700000000$/m);
    assert.match(output, /^PATH=/m);
    assert.match(said.join("\n"), /does not see PIP_INDEX_URL, https_proxy, NPM_CONFIG_REGISTRY/);
    assert.doesNotMatch(said.join("\n"), /does not see.*secret/);
  });

  it("passes on where tools and servers are, by name", () => {
    const passed = buildEnvironment(
      {
        PATH: "/bin",
        JAVA_HOME: "/jdk",
        LC_ALL: "C",
        no_proxy: "*",
        FOO: "1",
        GIT_DIR: "/x",
        LD_PRELOAD: "y",
      },
      5,
    );
    assert.deepEqual(passed, {
      env: {
        PATH: "/bin",
        JAVA_HOME: "/jdk",
        LC_ALL: "C",
        no_proxy: "*",
        SOURCE_DATE_EPOCH: "5",
        PYTHONHASHSEED: "0",
        TZ: "UTC",
      },
      leftOut: [],
    });
  });

  it("says the last lines of a build that failed, and keeps all of them", async () => {
    const error = await refused('for i in $(seq 1 50); do echo "line $i"; done; echo why >&2; exit 3', ["*"]);
    assert.match(
      error.message,
      new RegExp(`^the build of ${source.commit.githash.slice(0, 12)} failed \\(exit code 3\\)`),
    );
    assert.match(error.message, /\| line 50\n {2}\| why$/);
    assert.doesNotMatch(error.message, /line 10\b/);
    assert.match(error.output, /^line 1\nline 2\n/);
  });

  it("refuses what it cannot take, all of it at once", async () => {
    const command =
      "mkdir a b; echo 1 > a/x.whl; echo 2 > b/x.whl; ln -s /etc/hosts out.whl; ln -s nowhere gone.whl; echo 3 > 'a/c,d.whl'";
    const { message } = await refused(command, ["*/*.whl", "*.whl", "dist/*.jar", "none.txt"]);
    assert.match(message, /a\/x\.whl and b\/x\.whl have the same name/);
    assert.match(message, /out\.whl is a link that leads nowhere or out of the checkout/);
    assert.match(message, /gone\.whl is a link/);
    assert.match(message, /a\/c,d\.whl: no comma/);
    assert.match(message, /"dist\/\*\.jar" matches no file/);
    assert.match(message, /"none\.txt" matches no file/);
  });

  it("takes a link that stays inside", async () => {
    const { files, dispose } = await run("ln -s lib/table.csv same.csv", ["same.csv"]);
    assert.deepEqual(
      files.map(({ name, size }) => [name, size]),
      [["same.csv", 4]],
    );
    await dispose();
  });

  it("ends a build that takes too long, with everything that it started", async () => {
    const marker = join(cacheDir, "pids");
    const started = Date.now();
    const error = await refused(
      `(trap "" TERM; sleep 600 & echo $! >> '${marker}'; wait) & sleep 600`,
      ["*"],
      {
        timeoutMs: 500,
      },
    );
    assert.match(error.message, /did not end within 1 s and was stopped/);
    assert.ok(Date.now() - started < 10_000);
    await gone(Number(readFileSync(marker, "utf8")));
  });

  it("ends with the signal, and with a reason", async () => {
    const stop = new AbortController();
    const going = refused("echo here; sleep 600", ["*"], {
      signal: stop.signal,
      onProgress: (line) => line === "here" && stop.abort(new Error("enough")),
    });
    assert.equal((await going).message, "enough");
  });

  it("leaves nothing running that the command left behind", async () => {
    const marker = join(cacheDir, "left");
    const { dispose } = await run(`sleep 600 & echo $! > '${marker}'`, ["lib/table.csv"]);
    await gone(Number(readFileSync(marker, "utf8")));
    await dispose();
  });

  it("ends when its starter is killed", async () => {
    const marker = join(cacheDir, "orphan");
    const script = join(cacheDir, "starter.ts");
    const command = JSON.stringify(`echo $$ > '${marker}'; sleep 600`);
    writeFileSync(
      script,
      `import { runCommand } from ${JSON.stringify(join(ROOT, "source", "command"))};
       void runCommand(${command}, { cwd: "/", env: { PATH: process.env.PATH! }, timeoutMs: 600000 });`,
    );
    const starter = spawn(process.execPath, ["--import", "tsx", script], { cwd: ROOT, stdio: "inherit" });
    const ended = new Promise((resolve) => starter.on("exit", resolve));
    while (!existsSync(marker) || readFileSync(marker, "utf8") === "") await sleep(20);
    starter.kill("SIGKILL");
    await ended;
    await gone(Number(readFileSync(marker, "utf8")));
  });

  it("keeps the end of a very long output", async () => {
    const { output } = await runCommand(`yes 0123456789abcde | head -c ${3 * OUTPUT_BYTES}; echo; echo end`, {
      cwd: "/",
      env: { PATH: process.env.PATH ?? "" },
      timeoutMs: 20_000,
    });
    assert.match(output, /^… \(the first \d+ bytes were left out\)\n/);
    assert.match(output, /\nend\n$/);
    assert.ok(output.length < OUTPUT_BYTES + 100);
  });

  it("makes the same of the same commit", async () => {
    const command = `python3 -c "
import os, shutil, zipfile
os.mkdir('dist')
with zipfile.ZipFile('dist/x-1-py3-none-any.whl', 'w') as wheel: wheel.write('lib/table.csv')
open('dist/order.txt', 'w').write(repr({'a', 'b', 'c', 'd'}))"`;
    const once = async () => {
      const { files, dispose } = await run(command, ["dist/*"]);
      await dispose();
      return files.map(({ name, sha256 }) => [name, sha256]);
    };
    assert.deepEqual(await once(), await once());
  });
});

function checkouts(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`notebook-releases-${process.pid}-`));
}

/** Waits until a process has ended. */
async function gone(pid: number): Promise<void> {
  assert.ok(pid > 0);
  for (let tries = 0; ; tries++) {
    // A zombie of nobody's is as good as gone.
    const state = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
    if (state === "" || state.startsWith("Z")) return;
    assert.ok(tries < 200, `process ${pid} still runs: ${state}`);
    await sleep(50);
  }
}

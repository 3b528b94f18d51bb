import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { alive } from "../support/alive";
import { modules } from "./modules";
import { removeSandboxes, sandbox } from "./sandbox";

const ROOT = join(__dirname, "..", "..");

describe("npm test: the plan", () => {
  after(removeSandboxes);

  /** A checkout with these suites; answers what a run with these arguments does. */
  function checkout(files: Readonly<Record<string, string>>) {
    const root = sandbox();
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return async (...args: string[]) => {
      const { plan } = await modules.plan();
      return plan(args, {
        root,
        lanes: 2,
        seconds: { "tests/a/long.test.ts": 60, "tests/b/short.test.ts": 1 },
      });
    };
  }

  const suites = {
    "tests/a/long.test.ts": "// short text",
    "tests/a/new.test.ts": "// ".padEnd(5 * 1024, "x"),
    "tests/a/times.test.ts": "/** Times.\n */\n// @alone compares times.\n",
    "tests/a/told.test.ts": "/**\n * Times.\n * @alone compares times.\n */\n",
    "tests/b/short.test.ts": "// not @alone, as it stands in a sentence".padEnd(90 * 1024),
    "tests/b/support.ts": "",
  };

  it("takes every suite, the longest first, and those with nothing beside them afterwards", async () => {
    assert.deepEqual(await checkout(suites)(), {
      options: [],
      all: true,
      parts: [
        { files: ["tests/a/long.test.ts", "tests/a/new.test.ts", "tests/b/short.test.ts"], lanes: 2 },
        { files: ["tests/a/times.test.ts", "tests/a/told.test.ts"], lanes: 1 },
      ],
    });
  });

  it("takes files and folders, and hands mocha's options on", async () => {
    const planned = checkout(suites);
    const b = ["tests/b/short.test.ts"];
    assert.deepEqual(await planned("tests/b/"), { options: [], all: false, parts: [{ files: b, lanes: 1 }] });
    const { options, parts } = await planned(
      "--grep",
      "tests/a",
      "tests/b",
      "tests/a/long.test.ts",
      "--bail",
    );
    assert.deepEqual(options, ["--grep", "tests/a", "--bail"]);
    assert.deepEqual(parts, [{ files: ["tests/a/long.test.ts", ...b], lanes: 2 }]);
    assert.equal((await planned("-g", "x")).all, false, "its durations say nothing");
  });

  it("is one process where there is one suite, one lane, a pattern, or something that lanes cannot do", async () => {
    const planned = checkout(suites);
    for (const args of [
      ["tests/a/times.test.ts"],
      ["--jobs", "1"],
      ["-j=1"],
      ["tests/**/s*.test.ts", "tests/a"],
      ["tests/a", "--watch"],
      ["--file", "tests/b/support.ts", "tests/a"],
    ]) {
      const { parts } = await planned(...args);
      assert.deepEqual(
        parts.map(({ lanes }) => lanes),
        [1],
        args.join(" "),
      );
    }
    assert.deepEqual((await planned("tests/**/s*.test.ts")).parts[0]?.files, ["tests/**/s*.test.ts"]);
    assert.equal((await planned("--jobs", "3")).parts[0]?.lanes, 3);
  });

  it("has a lane for each core that has memory for it, and at most four", async () => {
    const { lanesOf } = await modules.plan();
    const GB = 1024 ** 3;
    assert.deepEqual(
      [lanesOf(2, 16 * GB), lanesOf(64, 256 * GB), lanesOf(8, 7 * GB), lanesOf(1, GB)],
      [2, 4, 2, 1],
    );
  });
});

describe("npm test: the lanes", () => {
  after(removeSandboxes);

  it("say together what passed and failed; one that dies or cannot be loaded has failed, by its name", async () => {
    const { said, result } = await run(2, {
      "dies.test.cjs": 'it("a", () => {}); it("b", () => process.kill(process.pid, "SIGKILL"));',
      fails:
        'it("c", () => {}); it("d", () => { throw new Error("no luck"); }); it("hangs", (done) => {}).timeout(9);',
      "passes.test.cjs": 'describe("of many", () => { it("e", () => {}); it("f", () => {}); });',
      "typo.test.cjs": "it(",
    });
    const { passes, failures, report } = result();
    assert.deepEqual([passes, failures], [3, 4], said());
    assert.match(report, /\) d:\s+Error: no luck/);
    assert.match(report, /\) hangs:\s+Error: Timeout of 9ms exceeded/);
    assert.match(
      report,
      /dies\.test\.cjs did not run to its end:\s+Uncaught Error: Its lane.* ended by SIGKILL/,
    );
    assert.match(report, /typo\.test\.cjs did not run to its end:\s+Uncaught [^]*SyntaxError/);
    assert.match(said(), /of many\n +✔ e\n +✔ f\n/);
  });

  it("run each suite in the environment of the first, and note what each took", async () => {
    const leaves =
      'it("a", () => { if (process.env.LEFT) throw new Error("left"); process.env.LEFT = "1"; });';
    const suites = { "one.test.cjs": leaves, "two.test.cjs": leaves, "three.test.cjs": leaves };
    const { result, notes } = await run(2, suites);
    assert.deepEqual([result().passes, result().failures], [3, 0], result().report);
    const { slowest } = await modules.durations();
    const took = slowest(notes);
    assert.deepEqual(took.map(([file]) => file.split("/").at(-1)).sort(), Object.keys(suites).sort());
    assert.ok(took.every(([, seconds]) => seconds >= 0));
  });

  it("fail where mocha itself dies", async () => {
    const { result } = await run(1, { "dies.test.cjs": 'it("a", () => process.exit(0));' });
    const { passes, failures, report } = result();
    assert.deepEqual([passes, failures], [0, 1]);
    assert.match(report, /mocha ended by itself \(status 0\)/);
  });

  it("end all with a signal", async () => {
    const hangs = `it("a", (done) => {
      require("node:fs").writeFileSync(__filename + "." + process.pid, "");
      setTimeout(done, 60_000);
    }).timeout(90_000);`;
    let pids: number[] = [];
    const { result } = await run(
      2,
      { "one.test.cjs": hangs, "two.test.cjs": hangs },
      async (child, folder) => {
        while (pids.length < 2) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          pids = readdirSync(folder).flatMap((name) => /\.(\d+)$/.exec(name)?.slice(1).map(Number) ?? []);
        }
        child.kill("SIGINT");
      },
    );
    assert.equal(result().failures, 1);
    for (const pid of pids) {
      for (let tries = 0; alive(pid); tries++) {
        assert.ok(tries < 500, `lane ${pid} still runs`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });

  /** Runs suites as `npm test` does, in a process whose last line is the result. */
  async function run(
    lanes: number,
    suites: Readonly<Record<string, string>>,
    meanwhile?: (child: ChildProcess, folder: string) => Promise<void>,
  ) {
    const folder = sandbox();
    for (const [name, text] of Object.entries(suites)) writeFileSync(join(folder, name), text);
    const files = Object.keys(suites).map((name) => join(folder, name));
    const module = (...path: string[]) => JSON.stringify(pathToFileURL(join(ROOT, "scripts", ...path)).href);
    const program = `
      const { runMocha } = await import(${module("test", "run.mjs")});
      const { pathsOf } = await import(${module("setup", "paths.mjs")});
      const [folder, lanes, ...files] = process.argv.slice(1);
      const stop = new AbortController();
      process.on("SIGINT", () => stop.abort());
      const run = { options: ["--no-config"], folder, notes: folder + "/notes", signal: stop.signal };
      console.log("\\n" + JSON.stringify(await runMocha(pathsOf(), { files, lanes: Number(lanes) }, run)));`;
    const args = ["--input-type=module", "-e", program, folder, String(lanes), ...files];
    const { MOCHA_WORKER_ID: _, ...env } = process.env;
    const child = spawn(process.execPath, args, { env });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (text += String(data)));
    const closed = once(child, "close");
    await meanwhile?.(child, folder);
    await closed;
    // Colours come with a terminal, and with CI and FORCE_COLOR.
    const result = () => {
      const { report, ...counts } = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "");
      return { ...counts, report: stripVTControlCharacters(report) };
    };
    return { said: () => stripVTControlCharacters(text), result, notes: join(folder, "notes") };
  }
});

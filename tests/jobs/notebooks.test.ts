/** What notebooks can do: widgets, magics, other notebooks, modules beside them, files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { eventually, startRig, task, type Answer, type Rig } from "./helper";

describe("notebooks", () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(() => rig.close());

  /** Runs a notebook of this source; gives the output, and fails the test with the trace where it failed. */
  async function result(
    source: string,
    parameters: Record<string, string> = {},
    at = "/Shared/dir/nb",
  ): Promise<Answer> {
    await rig.notebook(at, source);
    const run = await rig.run([
      { task_key: "a", notebook_task: { notebook_path: at, base_parameters: parameters } },
    ]);
    const output = await rig.output(run.tasks[0].run_id);
    assert.equal(run.state.result_state, "SUCCESS", output.error_trace ?? output.error);
    return output;
  }

  async function failure(source: string, language?: "PYTHON" | "SCALA" | "SQL" | "R"): Promise<Answer> {
    await rig.notebook("/Shared/dir/failing", source, language);
    const run = await rig.run("/Shared/dir/failing");
    assert.equal(run.state.result_state, "FAILED");
    return rig.output(run.tasks[0].run_id);
  }

  it("take widgets from parameters first, then from their defaults", async () => {
    const output = await result(
      `import json
dbutils.widgets.text("a", "default a")
dbutils.widgets.dropdown("b", "x", ["x", "y"], "label")
dbutils.widgets.combobox(name="c", defaultValue="1", choices=["1"])
dbutils.widgets.multiselect("d", "1", ["1", "2"])
dbutils.widgets.remove("d")
try:
    dbutils.widgets.get("none")
except Exception as e:
    error = type(e).__name__
dbutils.notebook.exit(json.dumps([dbutils.widgets.getAll(), getArgument("b"), getArgument("z", "fallback"), error]))`,
      { a: "given", extra: "more" },
    );
    assert.deepEqual(JSON.parse(output.notebook_output.result), [
      { a: "given", b: "x", c: "1", extra: "more" },
      "x",
      "fallback",
      "InputWidgetNotDefined",
    ]);
  });

  it("show the value of a cell's last expression, and run every magic in order", async () => {
    const output = await result(`# MAGIC %md
# MAGIC # Title
===
[1, 2]
===
6 * 7;
===
# MAGIC %sh
# MAGIC echo "from the shell in $(basename "$PWD")"
# MAGIC exit 3
===
# MAGIC %python
# MAGIC print("python magic")
===
# MAGIC %fs mkdirs /made
===
import asyncio
await asyncio.sleep(0)
print("awaited")
# MAGIC !echo bang
# MAGIC %restart_python
print("line", __import__("inspect").currentframe().f_lineno)`);
    assert.equal(
      output.logs,
      "Out[1]: [1, 2]\nfrom the shell in dir\npython magic\nOut[4]: True\nawaited\nbang\nline 6\n",
    );
  });

  it("run other notebooks inline with their names and arguments, relative to their own folder", async () => {
    await rig.notebook(
      "/Shared/lib/deep/inner",
      'inner = "inner sees " + outer_name + " " + dbutils.widgets.get("p")',
    );
    await rig.notebook(
      "/Shared/lib/outer",
      'outer_name = "outer"\n===\n# MAGIC %run ./deep/inner $p="an argument"\n===\ndef twice(x):\n    return 2 * x',
    );
    const output = await result(
      "# MAGIC %run ../lib/outer\n===\ndbutils.notebook.exit(f\"{inner} {twice(21)} {dbutils.widgets.get('p')}\")",
      { p: "own" },
    );
    assert.equal(output.notebook_output.result, "inner sees outer an argument 42 own");
    await rig.notebook("/Shared/lib/broken", "1 / 0");
    const failed = await failure("# MAGIC %run /Workspace/Shared/lib/broken");
    assert.match(failed.error_trace, /File "\/Shared\/lib\/broken \(cell 1\)", line 1/);
    assert.match(
      (await failure("# MAGIC %run ./nowhere")).error,
      /Notebook not found: \/Shared\/dir\/nowhere/,
    );
  });

  it("run other notebooks as runs of their own, nested and in parallel, without waiting for each other's places", async () => {
    await rig.notebook("/Shared/dir/leaf", 'dbutils.notebook.exit(dbutils.widgets.get("n"))');
    await rig.notebook(
      "/Shared/dir/middle",
      'n = int(dbutils.widgets.get("n"))\ntarget = "middle" if n > 3 else "./leaf"\ndbutils.notebook.exit(dbutils.notebook.run(target, 60, {"n": n - 1}))',
    );
    const fan = `from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(6) as pool:
    values = list(pool.map(lambda n: dbutils.notebook.run("middle", 60, {"n": n}), [5, 5, 5, 5, 5, 5]))
dbutils.notebook.exit(",".join(values))`;
    await rig.notebook("/Shared/dir/fan", fan);
    const run = await rig.run(["a", "b", "c", "d", "e"].map((key) => task(key, "/Shared/dir/fan")));
    assert.equal(run.state.result_state, "SUCCESS", run.state.state_message);
    for (const one of run.tasks)
      assert.equal((await rig.output(one.run_id)).notebook_output.result, "2,2,2,2,2,2");
    const { runs } = await rig.call(
      "GET",
      "/api/2.2/jobs/runs/list?run_type=WORKFLOW_RUN&limit=25&expand_tasks=true",
    );
    assert.equal(runs.length, 25);
    assert.ok(
      runs.every(
        (child: Answer) => child.run_type === "WORKFLOW_RUN" && child.state.result_state === "SUCCESS",
      ),
    );
    assert.ok((await rig.output(runs[0].run_id)).notebook_output.result);
  }).timeout(60_000);

  it("see the error of a notebook that they ran, and its time limit", async () => {
    await rig.notebook(
      "/Shared/dir/child",
      'import time\nif dbutils.widgets.get("how") == "slow":\n    time.sleep(600)\nraise ValueError("child failed")',
    );
    const output = await result(`def message(path, seconds, **args):
    try:
        dbutils.notebook.run(path, seconds, args)
    except Exception as e:
        print(type(e).__name__, e)
message("child", 0, how="fail")
message("child", 1, how="slow")
message("not/there", 0)`);
    const lines = output.logs.split("\n");
    assert.equal(lines[0], "NotebookExecutionError FAILED: /Shared/dir/child: ValueError: child failed");
    assert.match(lines[1], /^NotebookExecutionError TIMEDOUT: \/Shared\/dir\/child: .*1 seconds/);
    assert.match(
      lines[2],
      /^NotebookExecutionError FAILED: .*Unable to access the notebook "\/Shared\/dir\/not\/there"/,
    );
  });

  it("take the runs that they started with them when they are cancelled", async () => {
    await rig.notebook("/Shared/dir/forever", "import time\ntime.sleep(600)");
    await rig.notebook("/Shared/dir/starts", 'dbutils.notebook.run("forever", 0)');
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/runs/submit", {
      tasks: [task("a", "/Shared/dir/starts")],
    });
    const child = await eventually(async () => {
      const { runs } = await rig.call(
        "GET",
        "/api/2.2/jobs/runs/list?run_type=WORKFLOW_RUN&active_only=true&expand_tasks=true",
      );
      return runs?.[0]?.tasks[0].state.life_cycle_state === "RUNNING" ? runs[0] : undefined;
    }, "the child run");
    await rig.call("POST", "/api/2.2/jobs/runs/cancel", { run_id: runId });
    await rig.wait(runId);
    assert.equal((await rig.wait(child.run_id)).state.result_state, "CANCELED");
  });

  it("import modules and open files of their folder and their release, but read only", async () => {
    const root = `/Shared/releases/${"0123456789".repeat(4)}`;
    await rig.file(`${root}/lib/__init__.py`, "");
    await rig.file(`${root}/lib/maths.py`, "def double(x):\n    return 2 * x\n");
    await rig.file(`${root}/pipeline/beside.py`, "NAME = 'beside'\n");
    await rig.file(`${root}/pipeline/data.txt`, "data");
    await rig.file("/Shared/elsewhere/far.py", "FAR = 'far'\n");
    await rig.file("/Shared/elsewhere/driver.py", "WHO = 'a module of the user'\n");
    const output = await result(
      `import json, os, sys
from pathlib import Path
from lib.maths import double
import beside
sys.path.append("/Workspace/Shared/elsewhere")
import far, driver
try:
    open("/Workspace/Shared/elsewhere/new.txt", "w")
except PermissionError as e:
    refused = "read" in str(e)
here = dbutils.notebook.entry_point.getDbutils().notebook().getContext().notebookPath().get()
dbutils.notebook.exit(json.dumps([double(21), beside.NAME, open("data.txt").read(), far.FAR, driver.WHO, refused,
  Path("/Workspace/Shared/elsewhere/far.py").read_text(), os.path.exists("/Workspace/Shared/none"), here]))`,
      {},
      `${root}/pipeline/nb`,
    );
    assert.deepEqual(JSON.parse(output.notebook_output.result), [
      42,
      "beside",
      "data",
      "far",
      "a module of the user",
      true,
      "FAR = 'far'\n",
      false,
      `${root}/pipeline/nb`,
    ]);
  });

  it("use files on DBFS, volumes and their own disk, and nothing outside", async () => {
    await rig.call("POST", "/api/2.1/unity-catalog/volumes", {
      catalog_name: "main",
      schema_name: "x",
      name: "v",
      volume_type: "MANAGED",
    });
    const output = await result(`import json, os
fs = dbutils.fs
fs.put("dbfs:/a/b.txt", "hello é")
fs.put("/a/c.txt", "plain")
fs.mkdirs("/Volumes/main/x/v")
fs.cp("dbfs:/a", "/Volumes/main/x/v/copy", True)
fs.mv("/a/c.txt", "file:/tmp/c.txt")
seen = [fs.head("dbfs:/a/b.txt"), open("/dbfs/a/b.txt").read(), sorted(os.listdir("/Volumes/main/x/v/copy")), fs.head("file:/tmp/c.txt")]
names = [(i.name, i.path, i.size, i.isDir()) for i in fs.ls("dbfs:/") if i.name.startswith("a")]
errors = []
for path in ("dbfs:/../../etc/passwd", "/Volumes/../../../etc/passwd", "file:/../../../etc/passwd"):
    try:
        errors.append(fs.head(path))
    except Exception as e:
        errors.append(type(e).__name__)
fs.rm("dbfs:/a", True)
try:
    fs.ls("dbfs:/a")
except FileNotFoundError as e:
    errors.append(str(e))
dbutils.notebook.exit(json.dumps([seen, names, errors]))`);
    const [seen, names, errors] = JSON.parse(output.notebook_output.result);
    assert.deepEqual(seen, ["hello é", "hello é", ["b.txt", "c.txt"], "plain"]);
    assert.deepEqual(names, [["a/", "dbfs:/a/", 0, true]]);
    assert.deepEqual(errors.slice(0, 2), ["PermissionError", "PermissionError"]);
    assert.notEqual(errors[2].slice(0, 4), "root");
    assert.equal(errors[3], "dbfs:/a: no such file or folder.");
    assert.equal(
      readFileSync(path.join(rig.dataDir, "volumes", "main", "x", "v", "copy", "b.txt"), "utf8"),
      "hello é",
    );
  });

  it("install a wheel of the workspace with %pip for themselves alone, without a network", async () => {
    const wheel = makeWheel(rig.running.workspace.settings.python, path.join(rig.dataDir, "wheel"));
    await rig.file("/Shared/dist/tiny_pack-1.0-py3-none-any.whl", wheel);
    const output = await result(
      '# MAGIC %pip install --no-index "/Workspace/Shared/dist/tiny_pack-1.0-py3-none-any.whl"\n===\nimport tiny_pack, pip\ndbutils.notebook.exit(tiny_pack.NAME)',
    );
    assert.equal(output.notebook_output.result, "tiny");
    assert.match(output.logs, /Successfully installed tiny-pack-1\.0/);
    assert.match((await failure("import tiny_pack")).error, /^ModuleNotFoundError/);
    const failed = await failure("# MAGIC %pip install --no-index no-such-package-anywhere");
    assert.match(
      failed.error,
      /^PipError: `%pip install --no-index no-such-package-anywhere` ended with status 1/,
    );
    assert.match(failed.logs, /No matching distribution/);
  }).timeout(60_000);

  it("keep the output of a printing loop, and cut it where it is too long", async () => {
    const output = await result("for i in range(50_000):\n    print(i)");
    assert.equal(output.logs.split("\n").length, 50_001);
    assert.match(output.logs, /\n49999\n$/);
    const long = await result('for _ in range(30):\n    print("x" * 1_000_000)');
    assert.equal(long.logs_truncated, true);
    const { views } = await rig.call("GET", `/api/2.2/jobs/runs/export?run_id=${long.metadata.run_id}`);
    assert.match(views[0].content, /\[Output cut: a run keeps 20,971,520 characters of output\.\]/);
  }).timeout(60_000);

  it("say clearly what the local workspace does not run", async () => {
    assert.match((await failure("x <- 1", "R")).error, /is in R/);
    assert.match((await failure("# MAGIC %timeit 1")).error, /%timeit is not available/);
    assert.match(
      (await failure("import sys\nsys.exit(0)")).error,
      /^SystemExit: 0 \(end a notebook with dbutils\.notebook\.exit/,
    );
  });

  it("are not ended by an except clause around their exit, and see nothing of the server's environment", async () => {
    process.env.JOBS_TEST_PRIVATE = "private";
    const output = await result(`import os
try:
    dbutils.notebook.exit("JOBS_TEST_PRIVATE" in os.environ)
except Exception:
    pass
print("not reached")`);
    delete process.env.JOBS_TEST_PRIVATE;
    assert.deepEqual([output.notebook_output.result, output.logs], ["False", undefined]);
  });
});

/** A wheel of one module, as bytes. */
function makeWheel(python: string, folder: string): Buffer {
  mkdirSync(folder, { recursive: true });
  const script = `import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    info = "tiny_pack-1.0.dist-info/"
    z.writestr("tiny_pack.py", "NAME = 'tiny'\\n")
    z.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tiny-pack\\nVersion: 1.0\\n")
    z.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr(info + "RECORD", "tiny_pack.py,,\\n" + info + "METADATA,,\\n" + info + "WHEEL,,\\n" + info + "RECORD,,\\n")
`;
  const file = path.join(folder, "tiny_pack-1.0-py3-none-any.whl");
  writeFileSync(path.join(folder, "make.py"), script);
  execFileSync(python, [path.join(folder, "make.py"), file]);
  return readFileSync(file);
}

/** Libraries of tasks: wheels that a run installs, on clusters and serverless, and what is refused. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { strToU8, zipSync } from "fflate";
import { startRig, task, type Answer, type Rig } from "./helper";

const ROOT = "/Volumes/main/default/artifacts";
const CLUSTER = { new_cluster: { spark_version: "16.4.x-scala2.12", num_workers: 1 } };

describe("libraries of tasks", function () {
  this.timeout(60_000);
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    await rig.notebook("/Shared/libraries/uses", USES);
    await rig.notebook("/Shared/libraries/plain", 'dbutils.notebook.exit("ran")');
  });
  after(() => rig.close());

  const upload = async (address: string, content: Uint8Array): Promise<void> => {
    const answer = await fetch(`${rig.running.host}/api/2.0/fs/files${address}`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${rig.running.token}` },
      body: content,
    });
    assert.equal(answer.status, 204, await answer.text());
  };
  const toDbfs = (address: string, content: Uint8Array) =>
    rig.call("POST", "/api/2.0/dbfs/put", {
      path: address,
      contents: Buffer.from(content).toString("base64"),
      overwrite: true,
    });
  const uses = (module: string, more: object) => ({
    task_key: module,
    notebook_task: { notebook_path: "/Shared/libraries/uses", base_parameters: { module } },
    ...more,
  });
  const environment = (...dependencies: string[]) => ({
    environments: [{ environment_key: "default", spec: { environment_version: "4", dependencies } }],
  });
  const serverless = { environment_key: "default" };
  /** What the run's only task left. */
  const outputOf = async (tasks: object[], more: object = {}): Promise<Answer> => {
    const run = await rig.run(tasks, more);
    return rig.output(run.tasks[0].run_id);
  };
  const failure = async (tasks: object[], more: object = {}): Promise<string> => {
    const run = await rig.run(tasks, more);
    const [one] = run.tasks;
    assert.deepEqual(
      [one.state.life_cycle_state, one.state.result_state, one.status.termination_details.code],
      ["INTERNAL_ERROR", "FAILED", "LIBRARY_INSTALLATION_ERROR"],
    );
    assert.match(one.state.state_message, /^Library installation failed for library due to user error for /);
    assert.match(run.state.state_message, /^Task \w+ failed with message: Library installation failed/);
    const output = await rig.output(one.run_id);
    assert.equal(output.error, one.state.state_message);
    return output.error;
  };
  const refused = async (body: object, route = "runs/submit"): Promise<string> => {
    const answer = await rig.raw("POST", `/api/2.2/jobs/${route}`, body);
    assert.deepEqual([answer.status, answer.body.error_code], [400, "INVALID_PARAMETER_VALUE"]);
    return answer.body.message;
  };

  it("are wheels from volumes, workspace files and DBFS for the notebooks of a cluster's task", async () => {
    await upload(`${ROOT}/a b/lib_volume-1.0-py3-none-any.whl`, wheel("lib_volume", "1.0", "from a volume"));
    await rig.file(
      "/Shared/dist/lib_workspace-2.0-py3-none-any.whl",
      wheel("lib_workspace", "2.0", "workspace"),
    );
    await toDbfs("/dist/lib_dbfs-3.0-py3-none-any.whl", wheel("lib_dbfs", "3.0", "dbfs"));
    const libraries = [
      { whl: `${ROOT}/a b/lib_volume-1.0-py3-none-any.whl` },
      { whl: "/Workspace/Shared/dist/lib_workspace-2.0-py3-none-any.whl" },
      { whl: "dbfs:/dist/lib_dbfs-3.0-py3-none-any.whl" },
      { pypi: { package: "pandas>=1" } },
    ];
    const cluster = { existing_cluster_id: "1111-222222-abc", libraries };
    const run = await rig.run([
      uses("lib_volume", cluster),
      uses("lib_workspace", cluster),
      uses("lib_dbfs", { new_cluster: { spark_version: "14.3.x-scala2.12" }, libraries }),
    ]);
    assert.equal(run.state.result_state, "SUCCESS", JSON.stringify(run));
    assert.deepEqual(run.tasks[0].libraries, libraries);
    const results = [];
    for (const one of run.tasks) results.push((await rig.output(one.run_id)).notebook_output.result);
    assert.deepEqual(
      results.map((text) => JSON.parse(text)),
      [
        ["from a volume", "1.0", "from a volume"],
        ["workspace", "2.0", "workspace"],
        ["dbfs", "3.0", "dbfs"],
      ],
    );
    // Once for three runs.
    assert.equal(readdirSync(path.join(rig.dataDir, "libraries")).length, 3);
    assert.deepEqual(readdirSync(path.join(rig.dataDir, "uploads")), []);
  });

  it("come from a serverless task's environment, in submitted runs and in jobs", async () => {
    await upload(`${ROOT}/lib_serverless-1.0-py3-none-any.whl`, wheel("lib_serverless", "1.0", "serverless"));
    const requirements = `# a comment\nmlflow\n${ROOT}/lib_serverless-1.0-py3-none-any.whl  # the wheel\n`;
    await rig.file("/Shared/dist/requirements.txt", requirements);
    const settings = {
      tasks: [uses("lib_serverless", serverless)],
      ...environment("numpy", `${ROOT}/lib_serverless-1.0-py3-none-any.whl`),
    };
    const submitted = await outputOf(settings.tasks, settings);
    assert.equal(JSON.parse(submitted.notebook_output.result)[0], "serverless");
    const { job_id: job } = await rig.call("POST", "/api/2.2/jobs/create", { name: "uses", ...settings });
    const { run_id: runId } = await rig.call("POST", "/api/2.2/jobs/run-now", { job_id: job });
    const run = await rig.wait(runId);
    assert.equal(run.state.result_state, "SUCCESS", JSON.stringify(run));
    const listed = environment("-r /Workspace/Shared/dist/requirements.txt");
    assert.match((await outputOf(settings.tasks, listed)).notebook_output.result, /serverless/);
    // A task of the same run without the environment does not see it.
    const without = await rig.run([uses("lib_serverless", {})], { environments: settings.environments });
    assert.match((await rig.output(without.tasks[0].run_id)).error, /^ModuleNotFoundError/);
  });

  it("reach the notebooks that a task's notebook runs, and the programs that it starts", async () => {
    await upload(`${ROOT}/lib_child-1.0-py3-none-any.whl`, wheel("lib_child", "1.0", "child"));
    await rig.notebook(
      "/Shared/libraries/parent",
      `import subprocess, sys
child = dbutils.notebook.run("./uses", 60, {"module": "lib_child"})
program = subprocess.run([sys.executable, "-c", "import lib_child; print(lib_child.VALUE)"], capture_output=True, text=True)
dbutils.notebook.exit(child + program.stdout + program.stderr)`,
    );
    const { notebook_output: output } = await outputOf(
      [task("parent", "/Shared/libraries/parent", serverless)],
      environment(`${ROOT}/lib_child-1.0-py3-none-any.whl`),
    );
    assert.equal(output.result, '["child", "1.0", "child"]child\n');
  });

  it("are those of their content: a wheel that was replaced is installed anew", async () => {
    const address = `${ROOT}/lib_moving-1.0-py3-none-any.whl`;
    const seen: unknown[] = [];
    for (const value of ["first", "second", "first"]) {
      await upload(address, wheel("lib_moving", "1.0", value));
      const output = await outputOf([uses("lib_moving", serverless)], environment(address));
      seen.push(JSON.parse(output.notebook_output.result)[0]);
    }
    assert.deepEqual(seen, ["first", "second", "first"]);
  });

  it("say what they require and do not find, and run", async () => {
    const name = "lib_needs-1.0-py3-none-any.whl";
    await upload(`${ROOT}/${name}`, wheel("lib_needs", "1.0", "needs", ["no-such-package>=3", "pandas"]));
    const output = await outputOf([uses("lib_needs", serverless)], environment(`${ROOT}/${name}`));
    assert.equal(JSON.parse(output.notebook_output.result)[0], "needs");
    assert.match(
      output.logs,
      /lib_needs 1\.0 requires no-such-package>=3, which the local Python environment does not have/,
    );
    assert.doesNotMatch(output.logs, /pandas/);
  });

  it("fail the task before its notebook starts where they cannot be had, every one named", async () => {
    await upload(`${ROOT}/text-1.0-py3-none-any.whl`, strToU8("no wheel"));
    await upload(`${ROOT}/odd.whl`, wheel("odd", "1.0", "odd"));
    await upload(`${ROOT}/other-1.0-cp27-cp27m-win32.whl`, wheel("other", "1.0", "other"));
    const message = await failure([
      task("many", "/Shared/libraries/plain", {
        ...CLUSTER,
        libraries: [
          { whl: `${ROOT}/none-1.0-py3-none-any.whl` },
          { whl: "/Volumes/main/default/nowhere/x-1.0-py3-none-any.whl" },
          { whl: "/Workspace/Shared/none-1.0-py3-none-any.whl" },
          { whl: `${ROOT}/text-1.0-py3-none-any.whl` },
          { whl: `${ROOT}/odd.whl` },
          { whl: `${ROOT}/other-1.0-cp27-cp27m-win32.whl` },
          { whl: "s3://bucket/x-1.0-py3-none-any.whl" },
          { whl: "dbfs:/dist/lib_dbfs-3.0-py3-none-any.whl" },
          { pypi: { package: "no-such-package==1.0" } },
          { pypi: { package: "pandas<1" } },
          { egg: "dbfs:/x.egg" },
        ],
      }),
    ]);
    const reasons = message.split("Library installation failed for library").slice(1);
    const expected = [
      [/whl: "\/Volumes\/main\/default\/artifacts\/none-1/, /No such file: .* does not exist/],
      [/nowhere\/x-1/, /Volume 'main\.default\.nowhere' does not exist/],
      [/"\/Workspace\/Shared\/none/, /does not exist, or admin@local\.workspace may not read it/],
      [
        /text-1/,
        /artifacts\/text-1\.0-py3-none-any\.whl cannot be installed: it is no valid wheel: File is not a zip file/,
      ],
      [/odd\.whl/, /it has no valid wheel filename/],
      [/other-1/, /not a supported wheel/],
      [/s3:/, /at no place that the local workspace installs from/],
      [/dbfs:\/dist/, /Libraries on the DBFS root are disabled from Databricks Runtime 15\.1 on.*has 16\.4/],
      [
        /pypi: "no-such-package==1\.0"/,
        /the local Python environment has no no-such-package, and .* downloads nothing/,
      ],
      [/pandas<1/, /has pandas [\d.]+, not <1/],
      [/egg: "dbfs:\/x\.egg"/, /disabled from Databricks Runtime 15\.1/],
    ];
    assert.equal(reasons.length, expected.length, message);
    for (const [what, why] of expected) {
      const found = reasons.find((reason) => what!.test(reason));
      assert.match(found ?? "", why!, message);
    }
    assert.ok(!message.includes(rig.dataDir), "no folders of this machine");
    assert.ok(readdirSync(path.join(rig.dataDir, "libraries")).every((name) => /^[0-9a-f]{64}$/.test(name)));
  });

  it("fail a serverless task whose environment asks for more than wheels and packages that are there", async () => {
    const dependencies = {
      "git+https://example.com/x.git": /downloads nothing/,
      "x @ https://example.com/x.zip": /downloads nothing/,
      "https://example.com/x.tar.gz": /downloads nothing/,
      "/Workspace/Shared/project": /builds nothing: name a wheel/,
      "--index-url https://example.com": /no option of pip here but -r: --index-url/,
      "-r /Workspace/Shared/none.txt": /No such file: \/Workspace\/Shared\/none\.txt/,
      "dbfs:/dist/lib_dbfs-3.0-py3-none-any.whl": /DBFS root are not supported/,
      "pytest==": /Invalid requirement/,
    };
    const one = [task("one", "/Shared/libraries/plain", serverless)];
    const message = await failure(one, environment(...Object.keys(dependencies)));
    for (const reason of Object.values(dependencies)) assert.match(message, reason);
    const fine = environment(
      "numpy; python_version >= '3'",
      "nothing-here; python_version < '3'",
      "",
      "# none",
    );
    assert.equal((await outputOf(one, fine)).notebook_output.result, "ran");
  });

  it("are only what the run's identity may read", async () => {
    const created = await rig.call("POST", "/__workspace/users", {
      userName: "libraries-reader@local.workspace",
    });
    const home = "/Users/admin@local.workspace/libraries";
    await rig.file(`${home}/private-1.0-py3-none-any.whl`, wheel("private", "1.0", "private"));
    const dependency = `/Workspace${home}/private-1.0-py3-none-any.whl`;
    const answer = await rig.raw(
      "POST",
      "/api/2.2/jobs/runs/submit",
      { tasks: [task("one", "/Shared/libraries/plain", serverless)], ...environment(dependency) },
      created.token,
    );
    const run = await rig.wait(answer.body.run_id);
    assert.match(run.tasks[0].state.state_message, /or libraries-reader@local\.workspace may not read it/);
  });

  it("are checked when a run is submitted and when a job is made", async () => {
    const wheels = { libraries: [{ whl: "/Workspace/x.whl" }] };
    const at = (more: object) => ({ tasks: [task("one", "/Shared/libraries/plain", more)] });
    for (const route of ["runs/submit", "create"]) {
      assert.match(
        await refused(at(wheels), route),
        /^Task one: libraries are not supported for serverless tasks/,
      );
      assert.match(
        await refused({ ...at({ environment_key: "other" }), ...environment("x") }, route),
        /environment_key "other" names no environment; there are: default\./,
      );
      assert.match(await refused(at({ environment_key: "other" }), route), /there are: none/);
      assert.match(await refused(at({ ...CLUSTER, libraries: {} }), route), /libraries must be a list/);
      for (const bad of [{}, { whl: "a.whl", jar: "b.jar" }, { wheel: "a.whl" }, { pypi: {} }, { whl: 1 }])
        assert.match(await refused(at({ ...CLUSTER, libraries: [bad] }), route), /^Task one: libraries: /);
      const spec = { environment_version: "4" };
      const twice = [
        { environment_key: "a", spec },
        { environment_key: "a", spec },
      ];
      assert.match(await refused({ ...at({}), environments: twice }, route), /a is used more than once/);
      for (const environments of [{}, [{ spec }], [{ environment_key: "a", spec: {} }]])
        assert.match(await refused({ ...at({}), environments }, route), /^environments/);
      const dependencies = { environments: [{ environment_key: "a", spec: { ...spec, dependencies: "x" } }] };
      assert.match(
        await refused({ ...at({}), ...dependencies }, route),
        /dependencies must be a list of strings/,
      );
    }
    const older = { notebook_task: { notebook_path: "/Shared/libraries/plain" }, ...wheels };
    assert.match(await refused(older), /^Task main: libraries are not supported for serverless tasks/);
  });

  it("have the parts of a wheel that belong elsewhere where they belong", async () => {
    const address = `${ROOT}/lib_data-1.0-py3-none-any.whl`;
    const extra = { "lib_data-1.0.data/purelib/lib_moved.py": strToU8("VALUE = 'moved'\n") };
    await upload(address, wheel("lib_data", "1.0", "data", [], extra));
    await rig.notebook("/Shared/libraries/moved", "import lib_moved\ndbutils.notebook.exit(lib_moved.VALUE)");
    const one = [task("one", "/Shared/libraries/moved", serverless)];
    assert.equal((await outputOf(one, environment(address))).notebook_output.result, "moved");
  });

  it("can be installed by a notebook with %pip from a volume too", async () => {
    const address = `${ROOT}/lib_pip-1.0-py3-none-any.whl`;
    await upload(address, wheel("lib_pip", "1.0", "pip"));
    await rig.notebook(
      "/Shared/libraries/pip",
      `# MAGIC %pip install --no-index ${address}\n===\nimport lib_pip\ndbutils.notebook.exit(lib_pip.VALUE)`,
    );
    const output = await outputOf([task("one", "/Shared/libraries/pip")]);
    assert.equal(output.notebook_output.result, "pip", output.logs);
  });

  it("can only be put into a volume that exists, also by notebooks", async () => {
    await rig.notebook(
      "/Shared/libraries/volumes",
      `import json, os
seen = []
root = "${ROOT}"
with open(root + "/by-open.txt", "w") as file:
    file.write("open")
dbutils.fs.put("dbfs:" + root + "/sub/by-fs.txt", "fs")
seen.append(sorted(os.listdir(root + "/sub")))
for action in (
    lambda: open("/Volumes/main/default/none/a", "w"),
    lambda: dbutils.fs.mkdirs("/Volumes/main/default/none/a"),
    lambda: os.listdir("/Volumes/main/default/none"),
    lambda: dbutils.fs.rm(root, True),
    lambda: dbutils.fs.mkdirs("/Volumes/main/other"),
    lambda: os.mkdir("/Volumes/main/default/other"),
):
    try:
        action()
        seen.append("done")
    except OSError as error:
        seen.append(type(error).__name__)
dbutils.notebook.exit(json.dumps(seen))`,
    );
    const output = await outputOf([task("one", "/Shared/libraries/volumes")]);
    assert.deepEqual(JSON.parse(output.notebook_output?.result ?? output.error), [
      ["by-fs.txt"],
      "FileNotFoundError",
      "FileNotFoundError",
      "FileNotFoundError",
      "PermissionError",
      "PermissionError",
      "PermissionError",
    ]);
    const got = await fetch(`${rig.running.host}/api/2.0/fs/files${ROOT}/by-open.txt`, {
      headers: { Authorization: `Bearer ${rig.running.token}` },
    });
    assert.equal(await got.text(), "open");
    assert.ok(!existsSync(path.join(rig.dataDir, "volumes", "main", "other")));
  });
});

/** A notebook that imports what its parameter names: its value, its version, and a value of an inner module. */
const USES = `import importlib, importlib.metadata, json
module = importlib.import_module(dbutils.widgets.get("module"))
inner = importlib.import_module(module.__name__ + ".inner")
version = importlib.metadata.version(module.__name__)
dbutils.notebook.exit(json.dumps([module.VALUE, version, inner.VALUE]))`;

/** A pure wheel with one package, as a build tool would make it. */
function wheel(
  name: string,
  version: string,
  value: string,
  requires: readonly string[] = [],
  extra: Record<string, Uint8Array> = {},
): Buffer {
  const info = `${name}-${version}.dist-info`;
  const needs = requires.map((one) => `Requires-Dist: ${one}\n`).join("");
  const files: Record<string, Uint8Array> = {
    [`${name}/__init__.py`]: strToU8(`from .inner import VALUE\n`),
    [`${name}/inner.py`]: strToU8(`VALUE = ${JSON.stringify(value)}\n`),
    ...extra,
    [`${info}/METADATA`]: strToU8(`Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${needs}`),
    [`${info}/WHEEL`]: strToU8(
      "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    ),
  };
  const record = [...Object.keys(files), `${info}/RECORD`].map((file) => `${file},,\n`).join("");
  return Buffer.from(zipSync({ ...files, [`${info}/RECORD`]: strToU8(record) }));
}

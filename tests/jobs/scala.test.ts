/** Scala notebooks: a JVM with the Scala compiler takes seconds to start, so each test asks several things of one run. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { strToU8, zipSync } from "fflate";
import { findScala, scalaOf } from "../../workspace/jobs/scala";
import { alive } from "../support/alive";
import { byKey, eventually, startRig, task, type Answer, type Rig } from "./helper";

/** A busy machine may need a minute for what takes seconds. */
const LIMIT_MS = 120_000;

async function submit(rig: Rig, tasks: object[]): Promise<number> {
  return (await rig.call("POST", "/api/2.2/jobs/runs/submit", { run_name: "scala", tasks })).run_id;
}

function finished(rig: Rig, runId: number): Promise<Answer> {
  return eventually(
    async () => {
      const run = await rig.call("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
      return run.state.result_state && run;
    },
    `run ${runId}`,
    LIMIT_MS,
  );
}

/** Runs a notebook, alone or with more of its task's settings: its output, its task, and what its cells printed. */
async function execute(rig: Rig, name: string, source: string, more: object = {}): Promise<Answer> {
  await rig.notebook(`/Shared/scala/${name}`, source, "SCALA");
  const run = await finished(rig, await submit(rig, [task("main", `/Shared/scala/${name}`, more)]));
  return outputOf(rig, run.tasks[0]);
}

async function outputOf(rig: Rig, { run_id: id, state, status }: Answer): Promise<Answer> {
  return { ...(await rig.output(id)), state, status, printed: safely(() => printed(rig, id)) ?? "" };
}

function printed(rig: Rig, runId: number): string {
  return readFileSync(path.join(rig.dataDir, "runs", String(runId), "output.txt"), "utf8");
}

describe("jobs: Scala notebooks", function () {
  this.timeout(LIMIT_MS + 30_000);
  let rig: Rig;

  before(async function () {
    // Without Java and Maven; what such a machine says is tested in `scalaMissing.test.ts`.
    if ("missing" in findScala("")) return this.skip();
    rig = await startRig();
  });
  after(() => rig?.close());

  it("run cell by cell, with dbutils, and show their values without secrets", async () => {
    await rig.call("POST", "/api/2.0/secrets/scopes/create", { scope: "scala" });
    await rig.call("POST", "/api/2.0/secrets/put", {
      scope: "scala",
      key: "password",
      string_value: "correct horse battery",
    });
    await rig.notebook("/Shared/scala/child", 'dbutils.notebook.exit(dbutils.widgets.get("n") + "!")');
    const result = await execute(
      rig,
      "main",
      `// MAGIC %md # Not run
===
case class Point(x: Int, y: Int)
object Point { def origin = Point(0, 0) }
val name = dbutils.widgets.get("name")
===
// only a comment
===
dbutils.widgets.text("other", "default")
println(s"hello $name – " + dbutils.widgets.get("other"))
Console.err.println("to standard error")
displayHTML("<b>bold</b>")
===
val secret = dbutils.secrets.get(scope = "scala", key = "password")
===
import scala.concurrent._, duration._
import ExecutionContext.Implicits.global
val started = Seq(1, 2).map(n => Future(dbutils.notebook.run("child", 60, Map("n" -> n.toString))))
val together = Await.result(Future.sequence(started), 100.seconds)
===
dbutils.fs.put("dbfs:/scala/a.txt", "text", true)
println(dbutils.fs.ls("dbfs:/scala").map(file => file.name + file.size).mkString + dbutils.fs.head("dbfs:/scala/a.txt"))
try dbutils.secrets.get("scala", "absent") catch { case e: IllegalArgumentException => println("no such secret") }
===
val context = dbutils.notebook.getContext
println(context.notebookPath.get + " " + context.apiUrl.isDefined + " " + context.apiToken.get)
try dbutils.notebook.exit(together.mkString(",") + Point.origin) catch { case e: Exception => println("caught") } finally println("finally")
===
println("never")`,
      { notebook_task: { notebook_path: "/Shared/scala/main", base_parameters: { name: "Ada" } } },
    );
    assert.equal(result.notebook_output?.result, "1!,2!Point(0,0)", result.error_trace);
    assert.match(result.printed, /class Point\nobject Point\nval name: String = Ada\n/);
    assert.match(result.printed, /hello Ada – default\n/);
    assert.match(result.printed, /to standard error/);
    assert.match(result.printed, /val secret: String = \[REDACTED\]/);
    assert.match(result.printed, /a\.txt4text\nno such secret\n/);
    assert.match(result.printed, /\/Shared\/scala\/main true \[REDACTED\]\nfinally\n/);
    assert.doesNotMatch(result.printed, /horse|never|caught|Not run/);
  });

  it("share widgets and notebooks with cells in other languages", async () => {
    await rig.notebook("/Shared/scala/shared", "def twice(n: Int) = n * 2", "SCALA");
    const result = await execute(
      rig,
      "mixed",
      `// MAGIC %python
// MAGIC dbutils.widgets.text("from", "Python")
// MAGIC print("python", 1 + 1)
===
// MAGIC %run ./shared
===
// MAGIC %sh echo shell
===
dbutils.notebook.exit(dbutils.widgets.get("from") + twice(21))`,
    );
    assert.equal(result.notebook_output?.result, "Python42", result.error_trace);
    assert.match(result.printed, /python 2\n/);
    assert.match(result.printed, /shell\n/);
  });

  it("see nothing of another run, although interpreters are started ahead", async () => {
    const first = await execute(
      rig,
      "first",
      `object Kept { var text = "of the first run" }
System.setProperty("left.behind", "yes")
dbutils.notebook.exit(ProcessHandle.current.pid.toString)`,
    );
    const second = await execute(
      rig,
      "second",
      `val left = Option(System.getProperty("left.behind"))
println(left)
===
println(Kept.text)`,
    );
    assert.match(second.printed, /^None$/m);
    assert.match(second.error, /not found: value Kept/);
    assert.equal(alive(Number(first.notebook_output.result)), false);
  });

  it("fail with the compiler's words, or with the trace, each with its cell and line", async () => {
    await rig.notebook(
      "/Shared/scala/compile",
      "val a = 1\n===\n\nval b = a +\n  missing\nprintln(3)",
      "SCALA",
    );
    await rig.notebook(
      "/Shared/scala/throw",
      `def deep(n: Int): Int =
  if (n > 2)
    throw new IllegalStateException("too deep")
  else deep(n + 1)
===
println("before")
deep(1)
===
println("after")`,
      "SCALA",
    );
    await rig.notebook(
      "/Shared/scala/spark",
      "import spark.implicits._\n===\nspark.range(3).show()",
      "SCALA",
    );
    const names = ["compile", "throw", "spark"];
    const run = await finished(
      rig,
      await submit(
        rig,
        names.map((name) => task(name, `/Shared/scala/${name}`)),
      ),
    );
    assert.equal(run.state.result_state, "FAILED");
    const [compile, thrown, spark] = await Promise.all(names.map((name) => outputOf(rig, byKey(run)[name])));
    assert.equal(compile.error, "CompileError: line 2: error: not found: value missing");
    assert.match(
      compile.error_trace,
      /^cell 2 of \/Shared\/scala\/compile\nline 2: error: .*\n {2}missing\n {2}\^/,
    );
    assert.equal(thrown.error, "java.lang.IllegalStateException: too deep");
    assert.match(thrown.error_trace, /at deep \(cell 1 of \/Shared\/scala\/throw, line 3\)/);
    assert.match(thrown.error_trace, /\(cell 2 of \/Shared\/scala\/throw, line 2\)/);
    assert.doesNotMatch(thrown.error_trace, /scala\.tools|localworkspace|\$line/);
    assert.match(thrown.printed, /before\n/);
    assert.doesNotMatch(thrown.printed, /after\n/);
    assert.match(spark.error, /Spark is not available in Scala cells of the local workspace\. Use a %sql/);
  });

  it("are killed with all that they started, at their limit and when they are cancelled", async () => {
    const source = `import scala.sys.process._
val child = Seq("sleep", "600").run()
println("pids " + ProcessHandle.current.pid + " " + ProcessHandle.current.children.toArray.map(_.asInstanceOf[ProcessHandle].pid).mkString(" "))
while (true) { try Thread.sleep(1000) catch { case _: InterruptedException => } }`;
    await rig.notebook("/Shared/scala/endless", source, "SCALA");
    const cancelled = await submit(rig, [task("main", "/Shared/scala/endless")]);
    const pids = await pidsOf(cancelled);
    const limited = await submit(rig, [task("main", "/Shared/scala/endless", { timeout_seconds: 3 })]);
    await rig.call("POST", "/api/2.2/jobs/runs/cancel", { run_id: cancelled });
    const ends = await Promise.all([limited, cancelled].map((id) => finished(rig, id)));
    assert.deepEqual(
      ends.map((run) => run.tasks[0].state.result_state),
      ["TIMEDOUT", "CANCELED"],
    );
    for (const pid of pids) await eventually(() => !alive(pid) || undefined, `the end of ${pid}`);
    // Each interpreter has a folder while it lives; the one that waits for the next run has one as well.
    const left = () => readdirSync(path.join(rig.dataDir, "scala")).length <= 1;
    await eventually(() => left() || undefined, "the end of their interpreters");
  });

  async function pidsOf(runId: number): Promise<number[]> {
    const run = await rig.call("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
    return eventually(
      () => {
        const line = safely(() => /^pids ([\d ]+)\n/m.exec(printed(rig, run.tasks[0].run_id)))?.[1];
        const pids = line?.trim().split(" ").map(Number);
        return pids && pids.length >= 2 ? pids : undefined;
      },
      "its processes",
      LIMIT_MS,
    );
  }

  it("find their task's jars, and do not start without one of them", async () => {
    const jar = (name: string): Buffer => Buffer.from(zipSync({ [name]: strToU8(`in ${name}`) }));
    await rig.file("/Shared/jars/a.jar", jar("a.txt"));
    for (const [folder, name] of [
      ["volumes/main/default/artifacts", "b"],
      ["dbfs/jars", "c"],
    ] as const) {
      mkdirSync(path.join(rig.dataDir, folder), { recursive: true });
      writeFileSync(path.join(rig.dataDir, folder, `${name} lib.jar`), jar(`${name}.txt`));
    }
    const libraries = [
      { jar: "/Workspace/Shared/jars/a.jar" },
      { jar: "/Volumes/main/default/artifacts/b lib.jar" },
      { jar: "dbfs:/jars/c lib.jar" },
    ];
    const source = `def text(name: String) = scala.io.Source.fromResource(name, Thread.currentThread.getContextClassLoader).mkString
dbutils.notebook.exit(Seq("a.txt", "b.txt", "c.txt").map(text).mkString(", "))`;
    // Serverless tasks have no jars.
    const cluster = { new_cluster: { spark_version: "14.3.x-scala2.13", num_workers: 0 } };
    const found = await execute(rig, "jars", source, { ...cluster, libraries });
    assert.equal(found.notebook_output?.result, "in a.txt, in b.txt, in c.txt", found.error + found.printed);
    const missing = await execute(rig, "jars", source, {
      ...cluster,
      libraries: [...libraries, { jar: "/Volumes/main/default/artifacts/absent.jar" }],
    });
    assert.equal(missing.status.termination_details.code, "LIBRARY_INSTALLATION_ERROR");
    assert.match(missing.error, /No such file: \/Volumes\/main\/default\/artifacts\/absent\.jar/);
  });

  it("leave no process behind when the server stops", async () => {
    const other = await startRig();
    let pid: number;
    try {
      await execute(other, "one", 'println("warm")');
      // The next one waits already.
      pid = await eventually(() => spareOf(other), "an interpreter that was started ahead", LIMIT_MS);
    } finally {
      await other.close();
    }
    await eventually(() => !alive(pid) || undefined, `the end of ${pid}`);
  });
});

/** The guardian of the interpreter that waits in a rig's workspace. */
function spareOf(rig: Rig): number | undefined {
  return scalaOf(rig.running.workspace).waiting;
}

function safely<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Secrets in runs: readable by whoever may, and hidden in everything that a run puts out. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { issueToken } from "../../workspace/auth";
import { ensureUser } from "../../workspace/identities";
import { byKey, startRig, task, type Answer, type Rig } from "./helper";

const VALUE = 'p@ss "word" <&>é\\end';
const KEY = "-----BEGIN KEY-----\nMIIabcdefgh\nZZtop12345\n-----END KEY-----\n";

describe("secrets in runs", () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    await rig.call("POST", "/api/2.0/secrets/scopes/create", { scope: "s" });
    await rig.call("POST", "/api/2.0/secrets/put", { scope: "s", key: "Token", string_value: VALUE });
    await rig.call("POST", "/api/2.0/secrets/put", { scope: "s", key: "pem", string_value: KEY });
  });
  after(() => rig.close());

  /** Every text that the server gives or keeps about a run, the store left out. */
  async function everything(run: Answer): Promise<string> {
    const texts = [JSON.stringify(run), rig.logLines.join("\n")];
    for (const one of run.tasks) {
      texts.push(JSON.stringify(await rig.output(one.run_id)));
      texts.push(JSON.stringify(await rig.call("GET", `/api/2.2/jobs/runs/export?run_id=${one.run_id}`)));
    }
    texts.push(JSON.stringify(await rig.call("GET", "/api/2.2/jobs/runs/list?expand_tasks=true&limit=25")));
    const walk = (folder: string): void => {
      for (const name of readdirSync(folder)) {
        const file = path.join(folder, name);
        if (statSync(file).isDirectory()) walk(file);
        else texts.push(readFileSync(file, "utf8"));
      }
    };
    walk(path.join(rig.dataDir, "runs"));
    return texts.join("\n");
  }

  function assertHidden(text: string, ...values: string[]): void {
    for (const value of values) {
      for (const form of [value, JSON.stringify(value).slice(1, -1), Buffer.from(value).toString("base64")]) {
        assert.equal(text.includes(form), false, `${form} is shown`);
        assert.equal(JSON.parse(JSON.stringify(text)).includes(form), false);
      }
    }
  }

  it("are hidden in prints, child processes, displays, exit values and the token with them", async () => {
    await rig.notebook(
      "/Shared/prints",
      `import base64, os, subprocess, sys
v = dbutils.secrets.get("s", "token")
assert len(v) == ${[...VALUE].length} and v == dbutils.secrets.getBytes(scope="s", key="TOKEN").decode()
print("plain", v, "and", repr(v), "and", base64.b64encode(v.encode()).decode())
for c in v[:9]: sys.stdout.write(c)
sys.stdout.flush()
print(v[9:])
print(v, file=sys.stderr)
sys.stdout.buffer.write(v.encode())
subprocess.run(["printf", "%s\\\\n", v])
os.system("echo done")
print(dbutils.notebook.entry_point.getDbutils().notebook().getContext().apiToken().get())
print(os.environ["DATABRICKS_TOKEN"])
display([{"v": v}])
displayHTML(f"<b>{v}</b>")
import html
displayHTML(html.escape(v))
[v]
===
v
===
pem = dbutils.secrets.get("s", "pem")
print(pem)
print(pem.splitlines()[1])
===
dbutils.notebook.exit("got " + v)`,
    );
    const run = await rig.run("/Shared/prints");
    const output = await rig.output(run.tasks[0].run_id);
    assert.equal(output.error, undefined, output.error_trace);
    assert.equal(output.notebook_output.result, "got [REDACTED]");
    assert.match(output.logs, /^plain \[REDACTED\] and '\[REDACTED\]' and \[REDACTED\]\n\[REDACTED\]\n/);
    assert.match(output.logs, /\n\[REDACTED\]\[REDACTED\]\ndone\n\[REDACTED\]\n\[REDACTED\]\n/);
    const text = await everything(run);
    assertHidden(text, VALUE, VALUE.slice(0, 9), KEY, "MIIabcdefgh");
    assert.doesNotMatch(text, /dapi[0-9a-f]{8}/);
  });

  it("are hidden in errors and traces", async () => {
    await rig.notebook("/Shared/raises", 'v = dbutils.secrets.get("s", "Token")\n===\nraise KeyError(v)');
    const run = await rig.run("/Shared/raises");
    const output = await rig.output(run.tasks[0].run_id);
    assert.match(output.error, /^KeyError: .*\[REDACTED\]/);
    assert.match(output.error_trace, /\[REDACTED\]/);
    assertHidden(await everything(run), VALUE);
  });

  it("are hidden in other notebooks and tasks that they are passed to, which get the real value", async () => {
    await rig.notebook(
      "/Shared/receives",
      `v = dbutils.widgets.get("v")
print("received", v)
assert len(v) == ${[...VALUE].length}
dbutils.notebook.exit("back: " + v)`,
    );
    await rig.notebook(
      "/Shared/sends",
      `v = dbutils.secrets.get("s", "Token")
dbutils.jobs.taskValues.set("v", v)
dbutils.notebook.exit(dbutils.notebook.run("receives", 60, {"v": v}))`,
    );
    const receives = {
      notebook_path: "/Shared/receives",
      base_parameters: { v: "{{tasks.sends.values.v}}" },
    };
    const run = await rig.run([
      task("sends", "/Shared/sends"),
      { task_key: "receives", depends_on: [{ task_key: "sends" }], notebook_task: receives },
    ]);
    assert.equal(run.state.result_state, "SUCCESS", JSON.stringify(run.state));
    assert.equal((await rig.output(byKey(run).sends.run_id)).notebook_output.result, "back: [REDACTED]");
    assertHidden(await everything(run), VALUE);
  });

  it("are listed without values, and an unknown one is said to be so", async () => {
    await rig.notebook(
      "/Shared/lists",
      `import json
names = [scope.name for scope in dbutils.secrets.listScopes()]
keys = [m.key for m in dbutils.secrets.list("s")]
try:
    dbutils.secrets.get("s", "none")
except Exception as e:
    error = type(e).__name__ + ": " + str(e)
dbutils.notebook.exit(json.dumps([names, keys, error]))`,
    );
    const run = await rig.run("/Shared/lists");
    const [names, keys, error] = JSON.parse((await rig.output(run.tasks[0].run_id)).notebook_output.result);
    assert.deepEqual(names, ["s"]);
    assert.deepEqual(keys.sort(), ["Token", "pem"].sort());
    assert.match(error, /^IllegalArgumentException: .*none/);
  });

  it("are not given to a user without permission, whose token is valid only while the run lasts", async () => {
    const { store } = rig.running.workspace;
    ensureUser(store, "reader@local.workspace");
    const token = issueToken(store, "reader@local.workspace");
    await rig.notebook(
      "/Shared/reader",
      `import json, os, urllib.error, urllib.request
def ask(path):
    request = urllib.request.Request(os.environ["DATABRICKS_HOST"] + path, headers={"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"]})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
me = ask("/api/2.0/preview/scim/v2/Me")["userName"]
open("/dbfs/token", "w").write(os.environ["DATABRICKS_TOKEN"])
try:
    dbutils.secrets.get("s", "Token")
    got = "read it"
except Exception as e:
    got = str(e)
dbutils.notebook.exit(json.dumps([me, got]))`,
    );
    const submit = await rig.raw(
      "POST",
      "/api/2.2/jobs/runs/submit",
      { tasks: [task("a", "/Shared/reader")] },
      token,
    );
    const run = await rig.wait(submit.body.run_id);
    const output = await rig.output(run.tasks[0].run_id);
    const [me, got] = JSON.parse(output.notebook_output?.result ?? JSON.stringify([output.error_trace]));
    assert.equal(me, "reader@local.workspace");
    assert.match(got, /permission/i);
    const old = readFileSync(path.join(rig.dataDir, "dbfs", "token"), "utf8");
    assert.equal((await rig.raw("GET", "/api/2.0/secrets/scopes/list", undefined, old)).status, 403);
  });

  it("and tokens stand in no command line or environment that others see", async function () {
    if (process.platform !== "linux") this.skip();
    await rig.notebook(
      "/Shared/looks",
      `import os
parent = os.getppid()
texts = [open(f"/proc/{p}/{f}", "rb").read().decode("utf-8", "replace") for p in (parent, os.getpid()) for f in ("cmdline", "environ")]
token = os.environ["DATABRICKS_TOKEN"]
dbutils.notebook.exit(str([token in text for text in texts]))`,
    );
    const run = await rig.run("/Shared/looks");
    assert.equal(
      (await rig.output(run.tasks[0].run_id)).notebook_output.result,
      "[False, False, False, False]",
    );
  });
});

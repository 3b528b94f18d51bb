/** Secrets: from the environment and from Pulumi's configuration, rotated, and to be found nowhere but where they belong. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { notebook } from "../source/support";
import { ok, type PulumiRun } from "../support/pulumi";
import { changedResources, mutating, Scenario } from "./scenario";

const FROM_ENV = { first: "sesame-env-4711", second: "sesame-env-0815" };
const FROM_CONFIG = { first: "sesame-config-2342", second: "sesame-config-1701" };

/** Prints both secrets, which the workspace must hide, and answers their ends. */
const READER = notebook(`
a = dbutils.secrets.get("hidden", "from-env")
b = dbutils.secrets.get("hidden", "from-config")
print("read", a, b)
dbutils.notebook.exit(a[-4:] + " " + b[-4:])
`);

describe("secrets", function () {
  this.timeout(180_000);
  let scenario: Scenario;
  /** All that was printed, by people's and the engine's commands. */
  let printed = "";
  /** Command lines of all processes of this machine while the engine ran. */
  let processes: ProcessWatch;

  const said = (run: PulumiRun): PulumiRun => {
    printed += ok(run).output;
    return run;
  };

  before(async () => {
    processes = new ProcessWatch();
    scenario = await Scenario.start("hidden", {
      files: { "notebooks/tests/test_two.py": READER },
      config: {
        secrets: {
          scope: "hidden",
          keys: { "from-env": { env: "SESAME" }, "from-config": { config: "sesame" } },
          acls: [{ principal: "users", permission: "READ" }],
        },
      },
      env: { SESAME: FROM_ENV.first },
    });
    await setConfig(FROM_CONFIG.first);
    said(await scenario.stack.preview("--diff"));
    said(await scenario.stack.up("--diff"));
  });
  after(() => {
    processes?.stop();
    scenario?.dispose();
  });

  /** Sets the secret of the stack's configuration as a person would, and keeps it out of the command line. */
  async function setConfig(value: string): Promise<void> {
    said(await scenario.stack.run(["config", "set", "--secret", "notebook-releases:sesame", value]));
  }

  /** What the deployed test notebook and the next one read. */
  async function read(): Promise<string> {
    const { releasePath } = await scenario.stack.outputs();
    return scenario.runNotebook(`${releasePath}/tests/test_two`);
  }

  it("both are in the scope, and the tests can read them", async () => {
    const { tests, githash } = await scenario.stack.outputs();
    assert.equal(tests.tests_test_two.result, "4711 2342");
    const task = (await scenario.gateRuns(githash))[0]?.tasks?.find(
      ({ task_key }) => task_key === "tests_test_two",
    );
    const output = await scenario.workspace.ok("GET", `/api/2.2/jobs/runs/get-output?run_id=${task?.run_id}`);
    assert.match(output.logs, /read \[REDACTED\] \[REDACTED\]/);
    assertAbsent(values(), JSON.stringify(output), "the run's output");
  });

  it("a rotation of the variable and another permission: that key and that ACL in place; readers never miss them", async () => {
    scenario.stack.env.SESAME = FROM_ENV.second;
    const file = scenario.stack.configFile;
    writeFileSync(file, readFileSync(file, "utf8").replace("permission: READ", "permission: WRITE"));
    const reader = new Reader(scenario);
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up("--diff"));
    said(result);
    assert.deepEqual(mutating(requests).sort(), [
      "POST /api/2.0/secrets/acls/put",
      "POST /api/2.0/secrets/put",
    ]);
    const seen = await reader.stop();
    assert.deepEqual([...seen.values], [FROM_ENV.first, FROM_ENV.second]);
    assert.deepEqual([...seen.permissions], ["READ", "WRITE"]);
    assert.equal(await read(), "0815 2342");
  });

  it("a rotation of the configuration's value as well", async () => {
    await setConfig(FROM_CONFIG.second);
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up());
    said(result);
    assert.deepEqual(changedResources(result.output), ["SecretValue secrets-from-config updated"]);
    assert.deepEqual(mutating(requests), ["POST /api/2.0/secrets/put"]);
    assert.equal(await read(), "0815 1701");
    said(await scenario.stack.refresh("--diff"));
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  it("without the variable, the key keeps its value, and up says so", async () => {
    scenario.stack.env.SESAME = undefined;
    const run = said(await scenario.stack.up("--expect-no-changes"));
    assert.match(run.output, /SESAME is not set; the key keeps its value/);
    assert.equal(await read(), "0815 1701");
  });

  const values = () => [...Object.values(FROM_ENV), ...Object.values(FROM_CONFIG), scenario.workspace.token];

  it("no value and no token is in the state, and none of the configuration through the providers' own resources", async () => {
    const state = await scenario.stack.stateText();
    assertAbsent(values(), state, "the state");
    const providers = (await scenario.stack.resources()).filter(({ type }) =>
      type.startsWith("pulumi:providers:"),
    );
    assert.deepEqual(providers.map(({ type, inputs }) => [type, Object.keys(inputs ?? {})]).sort(), [
      ["pulumi:providers:databricks", ["__internal", "version"]],
      ["pulumi:providers:pulumi-nodejs", []],
    ]);
  });

  it("no value and no token is in what the engine printed", () => {
    assert.ok(printed.length > 1000);
    assertAbsent(values(), printed, "the output");
  });

  it("no value is in any file of the workspace, the git cache, a checkout or the backend", () => {
    const secrets = values().slice(0, -1);
    let redacted = false;
    for (const file of [...filesBelow(scenario.stack.folder), ...filesBelow(scenario.workspace.dataDir)]) {
      const text = readFileSync(file, "latin1");
      assertAbsent(secrets, text, file);
      redacted ||= text.includes("[REDACTED]");
    }
    assert.ok(redacted, "what the notebook printed is among the files");
  });

  it("no token is in any file of the stack's folder, nor in the workspace's but its own token file", () => {
    const { dataDir, token } = scenario.workspace;
    for (const file of [...filesBelow(scenario.stack.folder), ...filesBelow(dataDir)]) {
      if (file !== join(dataDir, "token")) {
        assertAbsent([token], readFileSync(file, "latin1"), file);
      }
    }
  });

  it("no value and no token was in a command line while the engine ran", function () {
    if (process.platform !== "linux") {
      this.skip();
    }
    assert.ok(processes.samples > 50, `${processes.samples} samples`);
    // The person's own `pulumi config set` names the value; it is the one exception.
    const lines = [...processes.lines].filter((line) => !line.includes("config\0set"));
    assert.ok(
      lines.some((line) => line.includes("pulumi-language-nodejs")),
      "the engine was seen",
    );
    for (const line of lines) {
      assertAbsent(values(), line, "a command line");
    }
  });
});

/** Reads a key and an ACL all the time, and collects what it saw. */
class Reader {
  private readonly seen = { values: new Set<string>(), permissions: new Set<string>() };
  private going = true;
  private readonly work: Promise<void>;

  constructor(private readonly scenario: Scenario) {
    this.work = this.loop();
  }

  private async loop(): Promise<void> {
    const { workspace } = this.scenario;
    while (this.going) {
      const secret = await workspace.ok("GET", "/api/2.0/secrets/get?scope=hidden&key=from-env");
      this.seen.values.add(Buffer.from(secret.value, "base64").toString());
      const acl = await workspace.ok("GET", "/api/2.0/secrets/acls/get?scope=hidden&principal=users");
      this.seen.permissions.add(acl.permission);
      await pause(10);
    }
  }

  /** @throws what the reader met: a key or an ACL that was not there. */
  async stop() {
    this.going = false;
    await this.work;
    return this.seen;
  }
}

function assertAbsent(secrets: readonly string[], text: string, where: string): void {
  for (const secret of secrets) {
    assert.ok(!text.includes(secret), `${where} holds a secret that ends in ${secret.slice(-4)}`);
    assert.ok(!text.includes(Buffer.from(secret).toString("base64")), `${where} holds a secret in base64`);
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

/** Looks at the command lines of all processes many times a second, where there is /proc. */
class ProcessWatch {
  readonly lines = new Set<string>();
  samples = 0;
  private readonly timer = setInterval(() => this.sample(), 60);

  private sample(): void {
    if (process.platform !== "linux") {
      return;
    }
    this.samples++;
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        this.lines.add(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
      } catch {
        // It has ended.
      }
    }
  }

  stop(): void {
    clearInterval(this.timer);
  }
}

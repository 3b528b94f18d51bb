/** The stack's configuration: what is accepted, and every problem in one message. */
import assert from "node:assert/strict";
import { parseConfiguration } from "../../components/configuration";

const good: Record<string, unknown> = {
  app: "churn",
  source: { repository: "https://github.com/acme/churn", ref: "main" },
  registry: { warehouse: "1234567890abcdef", table: "main.deployments.registry" },
};

/** As Pulumi hands configuration to a program: full keys, objects as JSON. */
function values(config: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key.includes(":") ? key : `notebook-releases:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

const parse = (config: Record<string, unknown>, stack = "staging") =>
  parseConfiguration(values(config), "notebook-releases", stack);

function problems(config: Record<string, unknown>): string {
  try {
    parse(config);
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail("expected the configuration to be refused");
}

describe("the stack's configuration", () => {
  it("has the documented defaults", () => {
    const config = parse(good);
    assert.equal(config.env, "staging");
    assert.deepEqual(config.gate, {
      tests: [],
      timeoutSeconds: 120,
      retries: 0,
      parallel: 8,
      parameters: {},
      branchTests: {},
      metrics: [],
      reuse: "rollback",
    });
    assert.deepEqual(config.source, {
      ...(good.source as object),
      path: "",
      exclude: [],
      allowUncommitted: false,
    });
    assert.equal(config.releaseRoot, undefined);
    assert.deepEqual(config.jobs, []);
  });

  it("takes a number for a workspace's id, and the empty defaults of Pulumi.yaml for nothing at all", () => {
    assert.equal(parse({ ...good, workspaceId: 1234567890 }).workspaceId, "1234567890");
    assert.equal(parse({ ...good, env: "", releaseRoot: "" }, "prod").env, "prod");
  });

  it("keeps Databricks' own settings of jobs and tasks as they are", () => {
    const schedule = { quartzCronExpression: "0 0 6 * * ?", timezoneId: "UTC" };
    const [job] = parse({
      ...good,
      jobs: [{ name: "daily", mode: "dispatch", notebook: "a", schedule, maxConcurrentRuns: 2 }],
    }).jobs;
    assert.deepEqual(job, {
      name: "daily",
      mode: "dispatch",
      notebook: "a",
      parameters: {},
      schedule,
      maxConcurrentRuns: 2,
    });
  });

  it("reports every problem at once, with its key, its value and what is allowed", () => {
    const message = problems({
      ...good,
      app: "bad name!",
      gate: { timeoutSeconds: 0, test: ["tests/**"] },
      regstry: {},
      registry: { warehouse: "x", table: "registry" },
      jobs: [{ name: "j", mode: "sometimes", notebook: "a" }],
    });
    for (const part of [
      'app is "bad name!"; expected letters, digits',
      "gate.timeoutSeconds is 0; expected at least 1",
      "gate.test: unknown key; did you mean tests?",
      "regstry: unknown key; did you mean registry?",
      'registry.table is "registry"; expected catalog.schema.table, or schema.table',
      'jobs.0.mode is "sometimes"; expected pinned | dispatch',
    ]) {
      assert.ok(message.includes(part), `${part}\n--- is not in ---\n${message}`);
    }
    assert.match(message, /has 6 problems; nothing was changed/);
  });

  it("names what is missing", () => {
    const message = problems({});
    for (const key of ["app", "source", "registry"]) {
      assert.match(message, new RegExp(`- ${key} is missing; expected`));
    }
  });

  it("refuses databricks:token with the reason, and never shows it", () => {
    const message = problems({ ...good, "databricks:token": "dapi-very-secret" });
    assert.match(message, /databricks:token: must not be in the stack's configuration/);
    assert.doesNotMatch(message, /very-secret/);
  });

  it("knows a secret's configuration key, and says where one is not set", () => {
    const secrets = { scope: "churn", keys: { token: { config: "api-token" } } };
    assert.doesNotThrow(() => parse({ ...good, secrets, "api-token": "sesame" }));
    assert.match(
      problems({ ...good, secrets }),
      /"api-token" is not set. Set it with: pulumi config set --secret api-token/,
    );
    const stray = problems({ ...good, "api-token": "sesame" });
    assert.match(stray, /api-token: unknown key/);
    assert.doesNotMatch(stray, /sesame/);
  });

  it("says of settings that belong to a later version that they are not here yet", () => {
    assert.match(
      problems({ ...good, github: { owner: "x" } }),
      /github: GitHub's statuses is not in this version yet/,
    );
  });

  it("wants a limit in each of the gate's metrics, one identity to run as, and a known answer to reuse", () => {
    const gate = { metrics: [{ name: "rmse" }], runAs: {}, reuse: "sometimes", maxSlowdownPercent: -1 };
    const text = problems({ ...good, gate });
    assert.match(text, /gate\.metrics\.0 .*at least one of min, max, maxRegressionPercent/);
    assert.match(text, /gate\.runAs .*one of userName, servicePrincipalName/);
    assert.match(text, /gate\.reuse is "sometimes"; expected never \| rollback \| always/);
    assert.match(text, /gate\.maxSlowdownPercent is -1; expected at least 0/);
  });

  it("wants of a build a command, artifacts, and a place that is a volume's or DBFS's", () => {
    const build = { command: "make", artifacts: ["dist/*.whl"] };
    assert.deepEqual(parse({ ...good, build }).build, { ...build, timeoutSeconds: 1800 });
    for (const to of ["/Volumes/main/releases/churn", "/Volumes/a/b/c/d e", "dbfs:/builds"]) {
      assert.equal(parse({ ...good, build: { ...build, to } }).build?.to, to);
    }
    for (const to of ["/Volumes/main/releases", "/Shared/x", "dbfs:/", "/Volumes/a/b/c/", "dbfs:/a/../b"]) {
      assert.match(problems({ ...good, build: { ...build, to } }), /build\.to is .*; expected/);
    }
    assert.match(problems({ ...good, build: { command: "", artifacts: [] } }), /build\.artifacts is \[\]/);
  });

  it("wants exactly one of a job's notebook and tasks", () => {
    assert.match(
      problems({ ...good, jobs: [{ name: "j", mode: "pinned" }] }),
      /jobs\.0 .*either notebook or tasks/,
    );
  });
});

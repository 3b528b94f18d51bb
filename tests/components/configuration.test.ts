/** The stack's configuration: what is accepted, and every problem in one message. */
import assert from "node:assert/strict";
import { parseConfiguration } from "../../components/configuration";
import { checkNotebooks } from "../../components/jobSettings";
import type { Source } from "../../source";

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

  it("wants a repository of GitHub by its owner and its name", () => {
    const known = parse({ ...good, github: { owner: "acme", repository: "churn", environment: "staging" } });
    assert.deepEqual(known.github, { owner: "acme", repository: "churn", environment: "staging" });
    const text = problems({ ...good, github: { repository: "acme/churn", env: "staging" } });
    assert.match(text, /github\.owner is missing; expected string/);
    assert.match(
      text,
      /github\.repository is "acme\/churn"; expected a repository's name, without its owner/,
    );
    assert.match(text, /github\.env: unknown key; known here: owner, repository, environment, context/);
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

  describe("of jobs", () => {
    const one = { name: "j", mode: "pinned", notebook: "a" };
    const tasks = [
      { taskKey: "a", notebook: "a" },
      { taskKey: "b", notebook: "b", dependsOn: ["a"] },
    ];
    const many = { name: "j", mode: "pinned", tasks };
    const job = (changes: object) => ({ ...good, jobs: [{ ...one, ...changes }] });
    const task = (changes: object, ofJob: object = {}) => ({
      ...good,
      jobs: [{ ...many, ...ofJob, tasks: [tasks[0], { ...tasks[1], ...changes }] }],
    });
    const schedule = { quartzCronExpression: "0 0 6 * * ?", timezoneId: "UTC" };

    it("lets Databricks' own settings through, of jobs and of tasks", () => {
      const settings = {
        ...{
          schedule: { ...schedule, pauseStatus: "PAUSED" },
          queue: { enabled: true },
          maxConcurrentRuns: 3,
        },
        ...{ runAs: { userName: "a@b.c" }, webhookNotifications: { onFailures: [{ id: "x" }] } },
        ...{
          tags: { team: "growth" },
          health: { rules: [] },
          permissions: [{ groupName: "g", level: "CAN_VIEW" }],
        },
        ...{ environments: [{ environmentKey: "e" }], jobClusters: [{ jobClusterKey: "c" }] },
        parameters: [{ name: "day", default: "1" }],
      };
      const own = { runIf: "ALL_DONE", maxRetries: 2, jobClusterKey: "c", libraries: [{ whl: "x" }] };
      const [parsed] = parse(task(own, settings)).jobs;
      assert.deepEqual({ ...parsed, tasks: undefined }, { ...many, ...settings, tasks: undefined });
      assert.deepEqual(parsed?.tasks?.[1], { ...tasks[1], ...own, parameters: {} });
    });

    const refusals: [what: string, config: Record<string, unknown>, expected: RegExp][] = [
      [
        "a misspelled setting",
        job({ shedule: schedule }),
        /jobs\.0\.shedule: unknown key; did you mean schedule\?/,
      ],
      [
        "one of a task",
        task({ maxRetrys: 1 }),
        /jobs\.0\.tasks\.1\.maxRetrys: unknown key; did you mean maxRetries\?/,
      ],
      ["another source", job({ gitSource: {} }), /jobs\.0\.gitSource .*the release is the source/],
      [
        "a cluster of the job",
        job({ newCluster: {} }),
        /jobs\.0\.newCluster .*set compute, or the task's own/,
      ],
      ["retries of the job", job({ maxRetries: 1 }), /jobs\.0\.maxRetries .*belongs to a task/],
      ["another kind of task", task({ sqlTask: {} }), /jobs\.0\.tasks\.1\.sqlTask: unknown key/],
      [
        "a notebook by Databricks' own key",
        task({ notebookTask: {} }),
        /notebookTask .*use notebook and parameters/,
      ],
      ["dependencies by Databricks' own key", task({ dependsOns: [] }), /dependsOns .*use dependsOn/],
      [
        "two things that start it",
        job({ schedule, continuous: {} }),
        /continuous is \{\}; expected one of schedule, continuous/,
      ],
      [
        "two keys alike",
        task({ taskKey: "a", dependsOn: [] }),
        /tasks\.1\.taskKey is "a"; expected a key of its own/,
      ],
      [
        "a dependency that is not there",
        task({ dependsOn: ["c"] }),
        /dependsOn is \["c"\]; expected keys of this job's tasks: a, b/,
      ],
      [
        "a task that waits for itself",
        task({ dependsOn: ["b"] }),
        /expected no task that waits for this one/,
      ],
      [
        "two kinds of compute",
        task({ existingClusterId: "x", newCluster: {} }),
        /newCluster is \{\}; expected nothing beside existingClusterId/,
      ],
      [
        "a cluster that is not there",
        task({ jobClusterKey: "c" }),
        /expected one of the job's jobClusters: there is none/,
      ],
      [
        "an environment that is not there",
        task({ environmentKey: "f" }, { environments: [{ environmentKey: "e" }] }),
        /expected one of the job's environments: e/,
      ],
      [
        "libraries without a cluster",
        task({ libraries: [{ whl: "x" }] }),
        /tasks\.1\.libraries .*takes packages from environments/,
      ],
      [
        "the deployment's own tags",
        job({ tags: { githash: "x" } }),
        /tags .*other tags than app, env, registry, githash, watch/,
      ],
      [
        "the deployment's own parameters",
        job({ parameters: { githash: "x" } }),
        /parameters .*other names than app, env, githash/,
      ],
      [
        "the same among a job's",
        job({ parameters: [{ name: "env", default: "x" }] }),
        /parameters .*other names than/,
      ],
      [
        "the same among a task's",
        task({ parameters: { deployment_id: "x" } }),
        /tasks\.1\.parameters .*other names than/,
      ],
      [
        "the trigger's parameters",
        job({ mode: "dispatch", parameters: { registry_table: "t" } }),
        /parameters .*registry_table/,
      ],
      [
        "a notebook outside of the release",
        job({ notebook: "../other" }),
        /expected a notebook's path inside the release/,
      ],
      [
        "two jobs of one name",
        { ...good, jobs: [one, one] },
        /jobs\.1\.name is "j"; expected a name of its own/,
      ],
      [
        "the watch's name",
        { ...good, jobs: [{ ...one, name: "churn-staging-watch" }], watch: { schedule, tests: ["t"] } },
        /jobs\.0\.name .*a name of its own/,
      ],
      [
        "a permission without a name",
        job({ permissions: [{ level: "CAN_VIEW" }] }),
        /permissions\.0 .*exactly one of userName/,
      ],
      [
        "a group that owns",
        job({ permissions: [{ groupName: "g", level: "IS_OWNER" }] }),
        /a group cannot own a job/,
      ],
      [
        "two owners",
        job({
          permissions: [
            { userName: "a", level: "IS_OWNER" },
            { userName: "b", level: "IS_OWNER" },
          ],
        }),
        /one owner at most/,
      ],
      [
        "two identities",
        job({ runAs: { userName: "a", servicePrincipalName: "b" } }),
        /runAs .*one of userName, servicePrincipalName/,
      ],
      [
        "the watch's misspelled setting",
        { ...good, watch: { schedule, tests: ["t"], emailNotification: {} } },
        /watch\.emailNotification: unknown key; did you mean emailNotifications\?/,
      ],
    ];
    for (const [what, config, expected] of refusals) {
      it(`refuses ${what}`, () => assert.match(problems(config), expected));
    }

    it("takes the trigger's parameter names in a pinned job, and libraries on the stack's cluster", () => {
      assert.doesNotThrow(() => parse(job({ parameters: { notebook: "x" } })));
      const compute = { existingClusterId: "0123" };
      assert.doesNotThrow(() => parse({ ...task({ libraries: [{ whl: "x" }] }), compute }));
    });

    it("wants their notebooks in the release, and says which are not", () => {
      const files = [
        { kind: "notebook", target: "pipeline/score" },
        { kind: "file", target: "lib/x" },
      ];
      const source = { files, commit: { githash: "0123456789abcdef" } } as unknown as Source;
      const jobs = (...notebooks: string[]) => [
        { name: "j", tasks: notebooks.map((notebook) => ({ notebook })) },
      ];
      assert.doesNotThrow(() => checkNotebooks(source, jobs("pipeline/score")));
      assert.throws(
        () => checkNotebooks(source, jobs("pipeline/score.py", "lib/x")),
        /jobs: j runs pipeline\/score\.py, which is no notebook of 0123456789ab; did you mean pipeline\/score\?\njobs: j runs lib\/x, which is no notebook of 0123456789ab$/,
      );
    });
  });
});

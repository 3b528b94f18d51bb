/** docs/results.md: its searches, its Python and its SQL, read from the page, find what the real engine deployed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { notebook } from "../source/support";
import { sharedWorkspace } from "../support/localWorkspace";
import { failed, ok, ROOT } from "../support/pulumi";
import { credentials, Scenario } from "./scenario";

const PAGE = readFileSync(join(ROOT, "docs", "results.md"), "utf8");
const HOME = "/Users/admin@local.workspace";
/** Names that the page uses for what differs from place to place. */
const [PAGE_HOME, PAGE_COMMIT, PAGE_MOMENT] = [
  "/Users/deployer@acme.com",
  "0123456789ab",
  "2026-11-24 06:00:00Z",
];
const ERROR = "the forecast is off by 3.14";

/** The page's searches by their question. */
const SEARCHES = new Map(
  [...PAGE.matchAll(/^\| ([^|]+\?) \| `([^|]+)` \|$/gm)].map(([, question = "", search = ""]) => [
    question,
    search,
  ]),
);

function blocks(language: string): string[] {
  return [...PAGE.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , code = ""]) => code);
}

/** A test that logs the model's error to the deployment's run, and goes on; without mlflow, whose import takes seconds. */
function trains(rmse: number, rest = ""): string {
  return notebook(`
import json, os, urllib.request
dbutils.widgets.text("seen", "")
body = {"run_id": dbutils.widgets.get("run_id"), "key": "rmse", "value": ${rmse}, "timestamp": 1}
urllib.request.urlopen(urllib.request.Request(
    os.environ["DATABRICKS_HOST"] + "/api/2.0/mlflow/runs/log-metric",
    json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"], "Content-Type": "application/json"},
))
${rest}`);
}

const FLAKY = `
seen = dbutils.widgets.get("seen")
first = not os.path.exists(seen)
open(seen, "w").close()
assert not first, "only the second time"`;

/** Prints the names of the runs that each search of the file finds in the experiments with these names. */
const SEARCHER = `
import json, sys
from mlflow import MlflowClient
asked = json.load(open(sys.argv[1], encoding="utf-8"))
client = MlflowClient()
ids = [client.get_experiment_by_name(name).experiment_id for name in asked["experiments"]]
found = [[run.info.run_name for run in client.search_runs(ids, search)] for search in asked["searches"]]
print(json.dumps(found))
`;

describe("docs/results.md", function () {
  this.timeout(240_000);
  let scenario: Scenario;
  let experimentId: string;
  /** The commits in the order of their deployment, by what became of them. */
  let commits: Record<"good" | "failing" | "worse" | "flaky", string>;

  before(async () => {
    const { warehouse_id } = await sharedWorkspace();
    scenario = await Scenario.start("churn", {
      files: { "notebooks/tests/test_train.py": trains(2), "notebooks/tests/test_score.py": notebook() },
      config: {
        env: "staging",
        registry: { warehouse: warehouse_id, table: "main.deployments.registry" },
        jobs: undefined,
      },
    });
    scenario.configure({
      gate: {
        tests: ["tests/test_train", "tests/test_score"],
        retries: 1,
        parameters: { seen: join(scenario.stack.folder, "seen") },
        metrics: [{ name: "rmse", max: 3 }],
      },
    });
    const commit = (text: string) => scenario.repository.commit({ "notebooks/tests/test_train.py": text });
    const good = scenario.repository.git("rev-parse", "HEAD");
    ok(await scenario.stack.up());
    const failing = commit(trains(2, `raise AssertionError("${ERROR}")`));
    failed(await scenario.stack.up());
    const worse = commit(trains(3.5));
    failed(await scenario.stack.up());
    const flaky = commit(trains(2.1, FLAKY));
    ok(await scenario.stack.up());
    commits = { good, failing, worse, flaky };
    const { deploymentId } = await scenario.stack.outputs();
    ({ experimentId } = await scenario.deployment(String(deploymentId)));
    await decoys();
  });
  after(() => scenario?.dispose());

  /** The one deployment of a commit. */
  async function deploymentOf(githash: string) {
    const { runs } = await scenario.workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [experimentId],
      filter: `params.githash = '${githash}'`,
    });
    assert.equal(runs.length, 1);
    return scenario.deployment(runs[0].info.run_id as string);
  }

  /** Runs that the searches must tell apart: one of staging that failed long ago, and one of prod that failed now. */
  async function decoys(): Promise<void> {
    const { workspace } = scenario;
    const { experiment_id: prod } = await workspace.ok("POST", "/api/2.0/mlflow/experiments/create", {
      name: `${HOME}/deployments/churn-prod`,
    });
    const [, monday] = /start_time >= (\d+)/.exec([...SEARCHES.values()].join()) ?? [];
    const month = 30 * 24 * 3600 * 1000;
    for (const [experiment_id, run_name, start_time, params] of [
      [experimentId, "a month before", Number(monday) - month, { env: "staging" }],
      [prod, "prod", Date.now(), { env: "prod", githash: "f".repeat(40), tests_test_train: "Failed" }],
    ] as const) {
      const tags = [{ key: "status", value: "failed" }];
      const body = { experiment_id, run_name, start_time, tags };
      const { run } = await workspace.ok("POST", "/api/2.0/mlflow/runs/create", body);
      await workspace.ok("POST", "/api/2.0/mlflow/runs/log-batch", {
        run_id: run.info.run_id,
        params: Object.entries(params).map(([key, value]) => ({ key, value })),
      });
    }
  }

  /** What a Python program prints that knows no more than the page tells: where the workspace is, and the tracking URI. */
  async function python(name: string, program: string, ...args: string[]): Promise<string> {
    const file = join(scenario.stack.folder, name);
    writeFileSync(file, program);
    const { HOME: home, PATH } = process.env;
    const env = { HOME: home, PATH, PYTHONIOENCODING: "utf-8", ...credentials(scenario.workspace) };
    const [, uri] = /^export MLFLOW_TRACKING_URI=(\S+)/m.exec(PAGE) ?? [];
    const { stdout } = await promisify(execFile)(
      scenario.workspace.workspace.settings.python,
      ["-W", "ignore", file, ...args],
      { env: { ...env, MLFLOW_TRACKING_URI: uri }, timeout: 120_000 },
    );
    return stdout.trimEnd();
  }

  function short(what: keyof typeof commits): string {
    return commits[what].slice(0, 12);
  }

  it("its searches find the deployments that its questions ask for", async () => {
    const expected: Record<string, (keyof typeof commits)[]> = {
      "Which deployments failed in staging this week?": ["worse", "failing"],
      "In which deployments did this test fail?": ["failing"],
      "Which deployments were stopped by a test?": ["failing"],
      "Which deployments were over a limit?": ["worse"],
      "How has this test's duration moved?": ["flaky", "worse", "failing", "good"],
      "Which deployments had flaky tests?": ["flaky"],
      "When was this test flaky?": ["flaky"],
      "What is live in staging?": ["flaky"],
      "What was ever live in staging?": ["flaky", "good"],
      "What became of this commit?": ["good"],
    };
    assert.deepEqual([...SEARCHES.keys()], Object.keys(expected));
    const asked = {
      experiments: ["staging", "prod"].map((env) => `${HOME}/deployments/churn-${env}`),
      searches: [...SEARCHES.values()].map((search) => search.replace(PAGE_COMMIT, short("good"))),
    };
    const file = join(scenario.stack.folder, "searches.json");
    writeFileSync(file, JSON.stringify(asked));
    const found = JSON.parse(await python("search.py", SEARCHER, file)) as string[][];
    assert.deepEqual(
      Object.fromEntries(Object.keys(expected).map((question, index) => [question, found[index]])),
      Object.fromEntries(
        Object.entries(expected).map(([question, which]) => [
          question,
          which.map((what) => `churn staging ${short(what)}`),
        ]),
      ),
    );
  });

  it("its Python prints the failures with their errors, where a test failed, its durations, and what is flaky", async () => {
    const program = blocks("python").join("\n");
    const printed = await python("page.py", program.replaceAll(PAGE_HOME, HOME));
    const durations = await Promise.all(
      (["good", "failing", "worse", "flaky"] as const).map(async (what) => {
        const seconds = (await deploymentOf(commits[what])).metrics.tests_test_train_dur;
        return `${short(what)} ${seconds?.toFixed(3)} s ${what === "failing" ? "Failed" : "passed"}`;
      }),
    );
    const live = "What was live in staging is live still.";
    assert.deepEqual(printed.split("\n"), [
      `churn staging ${short("worse")} The gate is closed: 2 tests passed, 1 limit broken. ${live}`,
      `churn staging ${short("failing")} The gate is closed: 1 of 2 tests failed. ${live}`,
      `  tests/test_train: AssertionError: ${ERROR}`,
      "prod ffffffffffff",
      `staging ${short("failing")}`,
      ...durations,
      "1 × tests_test_train",
    ]);
  });

  it("its SQL tells which commit was live when", async () => {
    const [history = "", moment = "", ...others] = blocks("sql");
    assert.equal(others.length, 0);
    const [now, before, ...more] = await scenario.sql(history);
    assert.equal(more.length, 0);
    assert.deepEqual([now?.githash, before?.githash], [commits.flaky, commits.good]);
    assert.equal(before?.live_until, now?.live_from);
    assert.equal(now?.live_until, null);
    assert.equal(now?.moved_by, "admin@local.workspace");
    assert.ok(moment.includes(PAGE_MOMENT), moment);
    for (const [at, githash] of [
      [now?.live_from, commits.flaky],
      [before?.live_from, commits.good],
    ]) {
      const rows = await scenario.sql(moment.replace(PAGE_MOMENT, String(at)));
      assert.deepEqual(
        rows.map((row) => row.githash),
        [githash],
      );
    }
  });
});

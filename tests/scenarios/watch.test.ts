/** The watch: a scheduled job that tests the live release and measures its model, with the real engine. */
import assert from "node:assert/strict";
import { notebook } from "../source/support";
import { ok } from "../support/pulumi";
import { releases } from "../cli/cli";
import { ENDED, poll, Scenario, type JobRun } from "./scenario";

/** "Fresh data" is a parameter here: what the model's error is today. */
const MEASURE = notebook(`
from mlflow import MlflowClient
dbutils.widgets.text("rmse", "2")
MlflowClient().log_metric(dbutils.widgets.get("run_id"), "rmse", float(dbutils.widgets.get("rmse")))
dbutils.notebook.exit("measured " + dbutils.widgets.get("githash"))
`);

describe("the watch", function () {
  this.timeout(240_000);
  let scenario: Scenario;
  let job: number;

  before(async () => {
    scenario = await Scenario.start("watch", { files: { "notebooks/tests/regression/measure.py": MEASURE } });
    scenario.configure({
      jobs: undefined,
      gate: { tests: ["tests/regression/**"] },
      watch: {
        schedule: { quartzCronExpression: "0 0 2 * * ?", timezoneId: "UTC" },
        tests: ["tests/regression/**"],
        metrics: [{ name: "rmse", max: 3, maxRegressionPercent: 10 }],
        emailNotifications: { onFailures: ["team@example.com"] },
      },
    });
    ok(await scenario.stack.up());
    const { jobs } = await scenario.workspace.ok("GET", "/api/2.2/jobs/list?name=watch-test-watch");
    job = jobs[0].job_id;
  });
  after(() => scenario?.dispose());

  /** Runs the job now; its end and the MLflow run that it logged. */
  async function watch(notebook_params: Record<string, string> = {}) {
    const { run_id } = await scenario.workspace.ok("POST", "/api/2.2/jobs/run-now", {
      job_id: job,
      notebook_params,
    });
    const run = await poll("the watch ends", async () => {
      const now: JobRun = await scenario.workspace.ok("GET", `/api/2.2/jobs/runs/get?run_id=${run_id}`);
      return ENDED.has(now.state.life_cycle_state) ? now : undefined;
    });
    return { state: run.state.result_state, logged: await newest() };
  }

  /** The newest MLflow run of the watch's experiment. */
  async function newest() {
    const name = "/Users/admin@local.workspace/deployments/watch-test-watch";
    const found = await scenario.workspace.ok(
      "GET",
      `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
    );
    const { runs } = await scenario.workspace.ok("POST", "/api/2.0/mlflow/runs/search", {
      experiment_ids: [found.experiment.experiment_id],
      order_by: ["attributes.start_time DESC"],
      max_results: 1,
    });
    return scenario.deployment(runs[0].info.run_id);
  }

  it("is a job with the schedule and the notifications that were asked for", async () => {
    const { settings } = await scenario.workspace.ok("GET", `/api/2.2/jobs/get?job_id=${job}`);
    assert.equal(settings.schedule.quartz_cron_expression, "0 0 2 * * ?");
    assert.deepEqual(settings.email_notifications.on_failure, ["team@example.com"]);
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  it("logs the tests and the model of the live release, with its githash", async () => {
    const { state, logged } = await watch();
    const githash = scenario.repository.git("rev-parse", "HEAD");
    assert.equal(state, "SUCCESS", JSON.stringify(logged));
    assert.equal(logged.params.githash, githash);
    assert.equal(logged.params.tests_regression_measure, `measured ${githash}`);
    assert.equal(logged.metrics.rmse, 2);
    assert.equal(logged.tags.status, "passed");
  });

  it("fails where the model got worse than it was at the deployment", async () => {
    const { state, logged } = await watch({ rmse: "2.4" });
    assert.equal(state, "FAILED");
    assert.match(logged.tags.message ?? "", /rmse went from 2 to 2.4: 20.0 % worse, the limit is 10 %/);
  });

  it("is run by `releases check`, which says what it found", async () => {
    const { code, stdout, stderr } = await releases(["check", "--stack", "test"], scenario);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^✓ watch\/test: 1 tests passed\n {2}http/);
  });

  it("follows the registry to the next release, and a model over its limit fails the check", async () => {
    const worse = MEASURE.replace('"rmse", "2"', '"rmse", "3.5"');
    const githash = scenario.repository.commit({ "notebooks/tests/regression/measure.py": worse });
    ok(await scenario.stack.up());
    const { code, stdout } = await releases(["check", "--stack", "test", "--json"], scenario);
    assert.equal(code, 1);
    const { passed, message } = JSON.parse(stdout) as { passed: boolean; message: string };
    assert.equal(passed, false);
    assert.match(message, /rmse is 3.5, the limit is at most 3/);
    assert.equal((await newest()).params.githash, githash);
  });

  it("and `releases tests` shows each test over the deployments", async () => {
    const all = await releases(["tests", "--stack", "test"], scenario);
    assert.match(all.stdout, /^tests_regression_measure +measured [0-9a-f]+… +\d+\.\d +0 of 2 +[▁-█]{2}$/m);
    assert.equal(all.stdout.match(/1 passed, 0 failed$/gm)?.length, 2, all.stdout);
    const one = await releases(
      ["tests", "--stack", "test", "--test", "tests_regression_measure", "--json"],
      scenario,
    );
    const { deployments } = JSON.parse(one.stdout) as { deployments: { githash: string; status: string }[] };
    assert.deepEqual(
      deployments.map(({ status }) => status),
      ["live", "superseded"],
    );
    const none = await releases(["tests", "--stack", "test", "--test", "tests_other"], scenario);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /has a test tests_other. There are: tests_regression_measure/);
  });
});

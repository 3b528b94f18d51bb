/** The stack that `npm start` makes of the example, deployed by the real engine: its tests, single ones too, are in MLflow. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeExample } from "../../scripts/start/example";
import { findScala } from "../../scripts/start/scala";
import { configuration } from "../../scripts/start/stack";
import { asRecord } from "../notebooks/support";
import { credentials } from "../scenarios/scenario";
import { sharedWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { ok, PulumiStack, ROOT } from "../support/pulumi";
import { removeSandboxes, sandbox } from "./sandbox";

const UNITS = [
  "a_forecast_is_never_below_zero",
  "fit_finds_the_weights_that_the_data_was_made_with",
  "fit_refuses_a_history_that_is_too_short",
  "the_coming_days_begin_after_the_last_one_1_",
  "the_coming_days_begin_after_the_last_one_7_",
  "the_holdout_is_the_last_days_and_none_of_them_is_trained_on",
];

describe("npm start: the example's stack", function () {
  this.timeout(300_000);
  let workspace: LocalWorkspace;
  let stack: PulumiStack;

  before(async () => {
    workspace = await sharedWorkspace();
    stack = new PulumiStack({ env: { ...credentials(workspace), API_TOKEN: "of the example" } });
    stack.env.NOTEBOOK_RELEASES_CACHE = join(stack.folder, "cache");
  });
  after(() => {
    stack?.dispose();
    removeSandboxes();
  });

  it("goes live when its notebooks' tests have passed, those in Scala too where there is Java", async () => {
    const scala = await findScala(ROOT, () => undefined);
    const jar = "jar" in scala ? scala.jar : undefined;
    const bare = join(sandbox(), "example.git");
    await makeExample(join(ROOT, "notebooks"), bare, join(ROOT, "testkit", "python"), jar);
    const config = configuration(
      { repository: bare, ref: "main" },
      String(workspace.warehouse_id),
      jar !== undefined,
    );
    const secrets = {
      ...(config["notebook-releases:secrets"] as object),
      keys: { "api-token": { env: "API_TOKEN" } },
    };
    stack.configure({ ...config, "notebook-releases:secrets": secrets });
    ok(await stack.up());

    const { tests, deploymentId } = await stack.outputs();
    assert.equal(tests.tests_test_units.result, "passed");
    assert.equal(tests.tests_test_secrets.result, "passed");
    assert.equal(tests.scala_tests_forecast?.result, jar && "passed", JSON.stringify(scala));
    const { run } = await workspace.ok("GET", `/api/2.0/mlflow/runs/get?run_id=${deploymentId}`);
    const [params, metrics] = [asRecord<string>(run.data.params), asRecord<number>(run.data.metrics)];
    assert.deepEqual(
      UNITS.map((test) => params[`unit_test_${test}`]),
      UNITS.map(() => "passed"),
    );
    assert.equal(params.unit_AllTestsPassed, "true");
    assert.ok((metrics[`unit_test_${UNITS[0]}_dur`] ?? -1) >= 0);
    if (jar !== undefined) {
      assert.equal(
        params.forecast_looks_ahead_no_further_than_the_same_weekday_of_the_week_before_is_known,
        "7 days",
      );
      assert.equal(params.forecast_AllTestsPassed, "true");
    }
    ok(await stack.preview("--expect-no-changes"));
  });
});

/** The main line with the real engine: preview, up, a job's run; then drift, what refresh says of it, and its repair. */
import assert from "node:assert/strict";
import { notebook } from "../source/support";
import { ok } from "../support/pulumi";
import { score } from "./example";
import { matchesGolden, type Replacements } from "./golden";
import { changedResources, HOLD_ASKED, imports, mutating, Scenario } from "./scenario";

const PATHS = ["lib/shared.py", "pipeline/features", "pipeline/score", "tests/test_one", "tests/test_two"];

describe("the main line", function () {
  this.timeout(120_000);
  let scenario: Scenario;
  let githash: string;
  let release: string;
  let golden: Replacements;

  before(async () => {
    const secrets = {
      scope: "mainline",
      keys: { "api-token": { env: "API_TOKEN" } },
      acls: [{ principal: "users", permission: "READ" }],
    };
    scenario = await Scenario.start("mainline", {
      config: { secrets, deployNote: "a note" },
      env: { API_TOKEN: "the value of the token" },
    });
    githash = scenario.repository.git("rev-parse", "HEAD");
    golden = [
      [scenario.repository.directory, "<repository>"],
      [githash, "<githash>"],
      [githash.slice(0, 12), "<githash>"],
    ];
  });
  after(() => scenario?.dispose());

  it("preview shows the notebooks by path and changes nothing", async () => {
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.preview());
    const { output } = ok(result);
    for (const path of PATHS) {
      assert.match(output, new RegExp(`"${path}"`));
    }
    assert.doesNotMatch(output, /README/);
    assert.deepEqual(mutating(requests), [HOLD_ASKED]);
    matchesGolden("preview", output, golden);
  });

  it("up deploys, and the outputs say what", async () => {
    const { output } = ok(await scenario.stack.up());
    matchesGolden("up", output, golden);
    const outputs = await scenario.stack.outputs();
    release = `/Users/admin@local.workspace/releases/mainline/${githash}`;
    const { deploymentId, deploymentUrl, tests, jobs, ...rest } = outputs;
    assert.deepEqual(rest, {
      githash,
      branch: "main",
      releasePath: release,
      previousGithash: "",
      changes: { added: PATHS, changed: [], removed: [] },
    });
    assert.match(
      deploymentUrl,
      new RegExp(`^${scenario.workspace.host}/ml/experiments/\\d+/runs/${deploymentId}$`),
    );
    assert.deepEqual(Object.keys(jobs), ["mainline-dispatch", "mainline-pinned"]);
    assert.equal(tests.tests_test_one.result, "passed");
    assert.equal(tests.tests_test_two.result, "two is fine");
    assert.ok(tests.tests_test_one.seconds >= 0 && tests.tests_test_one.seconds < 60);
    for (const path of [...PATHS, ".release.json"]) {
      assert.ok(await scenario.exists(`${release}/${path}`), path);
    }
  });

  it("the deployment's MLflow run has the parameters, metrics and tags", async () => {
    const { deploymentId } = await scenario.stack.outputs();
    const run = await scenario.deployment(deploymentId);
    assert.equal(run.status, "FINISHED");
    assert.deepEqual(run.params, {
      env: "test",
      githash,
      pipeline_id: "manual",
      deploy_note: "a note",
      app: "mainline",
      source: scenario.repository.directory,
      tests_test_one: "passed",
      tests_test_two: "two is fine",
    });
    const { upload_seconds, tests_test_one_dur, tests_test_two_dur, ...counts } = run.metrics;
    assert.deepEqual(counts, { tests_passed: 2, tests_failed: 0, notebooks: 4 });
    for (const seconds of [upload_seconds, tests_test_one_dur, tests_test_two_dur]) {
      assert.ok(seconds !== undefined && seconds >= 0 && seconds < 60, `${seconds} s`);
    }
    assert.equal(run.tags.status, "live");
    assert.equal(run.tags.message, "live in test");
    const { experiment } = await scenario.workspace.ok(
      "GET",
      "/api/2.0/mlflow/experiments/get-by-name?experiment_name=/Users/admin@local.workspace/deployments/mainline-test",
    );
    assert.equal(run.experimentId, experiment.experiment_id);
  });

  it("the registry's row and its history say the same", async () => {
    const { deploymentId } = await scenario.stack.outputs();
    const { move_id, deployed_at, ...row } = await scenario.row();
    assert.deepEqual(row, {
      app: "mainline",
      env: "test",
      githash,
      release_path: release,
      deployment_id: deploymentId,
      version: "1",
      deployed_by: "admin@local.workspace",
      previous_githash: "",
      note: "a note",
      hold: null,
    });
    const age = Date.now() - new Date(String(deployed_at)).getTime();
    assert.ok(age > 0 && age < 120_000, `deployed_at is ${deployed_at}`);
    const moves = await scenario.moves();
    assert.equal(moves.length, 1);
    assert.equal(moves[0]?.move_id, move_id);
    assert.deepEqual(
      [moves[0]?.kind, moves[0]?.from_githash, moves[0]?.githash, moves[0]?.moved_by],
      ["deploy", "", githash, "admin@local.workspace"],
    );
  });

  it("a second up and a preview have nothing to do", async () => {
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up("--expect-no-changes"));
    ok(result);
    assert.deepEqual(mutating(requests), []);
    ok(await scenario.stack.preview("--expect-no-changes"));
  });

  it("the dispatch job runs the live release's notebook, the pinned one points into the release", async () => {
    assert.equal(await scenario.runJob("dispatch"), `v1 ${githash}`);
    assert.equal(await scenario.jobNotebook("pinned"), `${release}/pipeline/score`);
    assert.equal(await scenario.runJob("pinned"), `v1 ${githash}`);
  });

  it("refresh shows exactly an edited notebook and a row that somebody moved", async () => {
    await scenario.editNotebook(`${release}/pipeline/score`, score("edited by hand"));
    await scenario.sql(
      `UPDATE ${scenario.table} SET githash = '${"f".repeat(40)}', version = 2, move_id = 'somebody', deployed_by = 'eve@example.com'
       WHERE app = 'mainline' AND env = 'test'`,
    );
    // The engine prints a refresh's outputs at some times and not at others.
    const { result, requests } = await scenario.requestsOf(() =>
      scenario.stack.refresh("--suppress-outputs"),
    );
    const { output } = ok(result);
    assert.deepEqual(changedResources(output), [
      "RegistryRow registry updated",
      "ReleaseDirectory release updated",
    ]);
    assert.match(output, /^ +edited pipeline\/score$/m);
    assert.match(
      output,
      new RegExp(`moved by eve@example\\.com at .*, from ${githash.slice(0, 12)} to f{12}$`, "m"),
    );
    assert.deepEqual(
      mutating(requests).filter((request) => request !== "POST /api/2.0/sql/statements"),
      [],
    );
    matchesGolden("refresh", output, golden, { sortDiagnostics: true });
  });

  it("the next up puts back exactly those two, and sends one notebook", async () => {
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up());
    const { output } = ok(result);
    assert.deepEqual(changedResources(output), [
      "RegistryRow registry updated",
      "ReleaseDirectory release updated",
    ]);
    assert.equal(imports(requests).length, 2, "the notebook and the manifest");
    assert.equal((await scenario.row()).githash, githash);
    assert.equal(await scenario.runJob("dispatch"), `v1 ${githash}`);
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  it("finds an added and a deleted notebook as well, and repairs them", async () => {
    await scenario.editNotebook(`${release}/tests/added`, notebook());
    await scenario.workspace.ok("POST", "/api/2.0/workspace/delete", {
      path: `${release}/pipeline/features`,
    });
    const { output } = ok(await scenario.stack.refresh());
    assert.deepEqual(changedResources(output), ["ReleaseDirectory release updated"]);
    assert.match(output, /^ +added tests\/added$/m);
    assert.match(output, /^ +missing pipeline\/features$/m);
    const planned = ok(await scenario.stack.preview()).output;
    assert.match(planned, /is not as it was deployed:\n +missing pipeline\/features\n +added tests\/added\n/);
    ok(await scenario.stack.up());
    assert.ok(await scenario.exists(`${release}/pipeline/features`));
    assert.ok(!(await scenario.exists(`${release}/tests/added`)));
  });
});

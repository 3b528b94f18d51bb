/** Commits come and go: a new one goes live, the first one comes back, the stack is destroyed and deployed again. */
import assert from "node:assert/strict";
import { notebook } from "../source/support";
import { ok } from "../support/pulumi";
import { score } from "./example";
import { changedResources, HOLD_ASKED, imports, mutating, Scenario } from "./scenario";

const ROOT = "/Users/admin@local.workspace/releases/commits";

describe("one commit after the other", function () {
  this.timeout(120_000);
  let scenario: Scenario;
  let first: string;
  let second: string;
  const deployments: string[] = [];

  before(async () => {
    scenario = await Scenario.start("commits", {
      config: { secrets: { scope: "commits", keys: { "api-token": { env: "API_TOKEN" } } } },
      env: { API_TOKEN: "the value of the token" },
    });
    first = scenario.repository.git("rev-parse", "HEAD");
    ok(await scenario.stack.up());
    deployments.push((await scenario.stack.outputs()).deploymentId);
  });
  after(() => scenario?.dispose());

  it("preview shows what a new commit adds, changes and removes, and changes nothing", async () => {
    second = scenario.repository.commit({
      "notebooks/pipeline/score.py": score("v2"),
      "notebooks/pipeline/report.py": notebook("print('report')"),
      "notebooks/pipeline/features.py": null,
    });
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.preview());
    const { output } = ok(result);
    assert.match(output, /added.*"pipeline\/report"/s);
    assert.match(output, /changed.*"pipeline\/score"/s);
    assert.match(output, /removed.*"pipeline\/features"/s);
    assert.deepEqual(mutating(requests), [HOLD_ASKED]);
  });

  it("up makes it live: another deployment, another release, the row, then the pinned job", async () => {
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up());
    const { output } = ok(result);
    assert.deepEqual(changedResources(output), [
      "DeploymentRun deployment replaced",
      "Job commits-pinned updated",
      "NotebookTestRun gate replaced",
      "RegistryRow registry updated",
      "ReleaseDirectory release replaced",
    ]);
    const outputs = await scenario.stack.outputs();
    deployments.push(outputs.deploymentId);
    assert.notEqual(outputs.deploymentId, deployments[0]);
    assert.equal(outputs.githash, second);
    assert.equal(outputs.previousGithash, first);
    assert.deepEqual(outputs.changes, {
      added: ["pipeline/report"],
      changed: ["pipeline/score"],
      removed: ["pipeline/features"],
    });
    const row = await scenario.row();
    assert.deepEqual([row.githash, row.previous_githash, row.version], [second, first, "2"]);
    assert.equal(await scenario.jobNotebook("pinned"), `${ROOT}/${second}/pipeline/score`);
    const asked = mutating(requests);
    assert.equal(asked[0], HOLD_ASKED);
    assert.ok(
      asked.indexOf("POST /api/2.0/sql/statements", 1) <
        asked.findIndex((request) => request.includes("/jobs/reset")),
      `the row moves before the job: ${asked.join(", ")}`,
    );
    assert.equal(await scenario.runJob("dispatch"), `v2 ${second}`);
  });

  it("the run of before is superseded, its release is still there", async () => {
    const [before, now] = await Promise.all(deployments.map((id) => scenario.deployment(id)));
    assert.equal(before?.tags.status, "superseded");
    assert.match(before?.tags.message ?? "", new RegExp(second.slice(0, 12)));
    assert.equal(now?.tags.status, "live");
    assert.ok(await scenario.exists(`${ROOT}/${first}/pipeline/features`));
  });

  it("going back to the first commit is a new deployment that uploads nothing", async () => {
    scenario.configure({
      source: { repository: scenario.repository.directory, ref: first, path: "notebooks" },
    });
    const { result, requests } = await scenario.requestsOf(() => scenario.stack.up());
    ok(result);
    assert.deepEqual(imports(requests), []);
    const outputs = await scenario.stack.outputs();
    assert.ok(!deployments.includes(outputs.deploymentId));
    assert.equal(outputs.githash, first);
    assert.equal(outputs.previousGithash, second);
    assert.deepEqual(outputs.changes.removed, ["pipeline/report"]);
    assert.equal((await scenario.row()).githash, first);
    assert.equal(await scenario.jobNotebook("pinned"), `${ROOT}/${first}/pipeline/score`);
    assert.equal(await scenario.runJob("dispatch"), `v1 ${first}`);
    assert.ok(
      await scenario.exists(`${ROOT}/${second}/pipeline/report`),
      "what is not live any more is kept",
    );
    const moves = await scenario.moves();
    assert.deepEqual(
      moves.map(({ version, from_githash, githash }) => [version, from_githash, githash]),
      [
        ["1", "", first],
        ["2", first, second],
        ["3", second, first],
      ],
    );
    ok(await scenario.stack.up("--expect-no-changes"));
  });

  it("destroy removes all but the experiment and the registry's tables", async () => {
    const experiment = (await scenario.deployment(deployments[0] as string)).experimentId;
    const { output } = ok(await scenario.stack.destroy());
    assert.deepEqual(await scenario.stack.resources(), []);
    assert.equal(await scenario.findJob("dispatch"), undefined);
    assert.equal(await scenario.findJob("pinned"), undefined);
    assert.deepEqual(await scenario.sql(`SELECT * FROM ${scenario.table}`), []);
    assert.equal((await scenario.moves()).at(-1)?.kind, "destroy");
    assert.ok(!(await scenario.exists(`${ROOT}/${first}`)), output);
    assert.ok(!(await scenario.exists(`${ROOT}/trigger`)), output);
    const { scopes = [] } = await scenario.workspace.ok("GET", "/api/2.0/secrets/scopes/list");
    assert.ok(!scopes.some(({ name }: { name: string }) => name === "commits"));
    await scenario.workspace.ok("GET", `/api/2.0/mlflow/experiments/get?experiment_id=${experiment}`);
    assert.equal((await scenario.deployment(deployments[0] as string)).experimentId, experiment);
  });

  it("up again deploys as for the first time", async () => {
    ok(await scenario.stack.up());
    const outputs = await scenario.stack.outputs();
    assert.deepEqual([outputs.githash, outputs.previousGithash], [first, ""]);
    assert.equal((await scenario.row()).githash, first);
    assert.equal(await scenario.runJob("dispatch"), `v1 ${first}`);
    assert.equal((await scenario.moves()).length, 5);
  });
});

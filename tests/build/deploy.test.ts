/** A build with the real engine, into the release's own folder: deployed, tested, drifted, repaired, put back. */
import assert from "node:assert/strict";
import { failed, ok } from "../support/pulumi";
import { changedResources, imports, mutating } from "../scenarios/scenario";
import { BuildRig, sha256 } from "./rig";
import { BUILD, DISPATCHED, WHEEL, wheelFiles } from "./wheel";

describe("a stack with a build", function () {
  this.timeout(600_000);
  let rig: BuildRig;
  let first: string;
  let second: string;
  let deploymentId: string;

  before(async () => {
    const build = { ...BUILD, command: `env; ${BUILD.command}` };
    const jobs = [
      { name: "builtin-pinned", mode: "pinned", notebook: "pipeline/score" },
      { name: "builtin-dispatch", mode: "dispatch", notebook: "pipeline/dispatched" },
    ];
    const files = { "notebooks/pipeline/dispatched.py": DISPATCHED };
    rig = await BuildRig.start("builtin", { build, jobs }, files, { SECRET_OF_THE_CI: "sesame" });
    first = rig.head;
  });
  after(() => rig?.scenario.dispose());

  const wheel = (githash: string) => `${rig.release(githash)}/artifacts/${WHEEL}`;

  it("uploads the wheel; the gate's tests and the pinned job import it", async () => {
    const { output } = ok(await rig.scenario.stack.up());
    assert.match(output, /built in [\d.]+ s, 1 of 1 artifacts uploaded/);
    const outputs = await rig.scenario.stack.outputs();
    deploymentId = outputs.deploymentId;
    assert.equal(outputs.tests.tests_test_one.result, `good day /Workspace${wheel(first)}`);
    assert.equal(await rig.scenario.runJob("pinned"), `good day /Workspace${wheel(first)}`);
    const { environments, tasks } = await rig.job();
    assert.deepEqual(environments, [
      {
        environment_key: "release",
        spec: { environment_version: "4", dependencies: [`/Workspace${wheel(first)}`] },
      },
    ]);
    assert.equal(tasks[0].environment_key, "release");
  });

  it("tells a dispatched notebook where the wheel is, and its job has none", async () => {
    assert.equal(await rig.scenario.runJob("dispatch"), "good day");
    const id = await rig.scenario.findJob("dispatch");
    const { settings } = await rig.scenario.workspace.ok("GET", `/api/2.2/jobs/get?job_id=${id}`);
    assert.equal(settings.environments, undefined);
  });

  it("writes the artifact's SHA-256 into the manifest and MLflow, and the build's output there too", async () => {
    const content = await rig.content(wheel(first));
    const { version, build, artifacts, files } = await rig.manifest();
    assert.equal(version, 3);
    assert.deepEqual(build, { command: `env; ${BUILD.command}`, artifacts: BUILD.artifacts, to: "" });
    assert.deepEqual(artifacts, [
      { name: WHEEL, path: `/Workspace${wheel(first)}`, sha256: sha256(content), size: content.length },
    ]);
    assert.ok(!files.some(({ target }: { target: string }) => target.startsWith("artifacts")));
    const { tags } = await rig.scenario.deployment(deploymentId);
    assert.equal(tags[`artifact.${WHEEL}`], sha256(content));
    assert.match(await rig.buildOutput(deploymentId), /^made the wheel$/m);
  });

  it("builds with an environment that holds no token", async () => {
    const output = await rig.buildOutput(deploymentId);
    const { repository } = rig.scenario;
    assert.match(
      output,
      new RegExp(`^SOURCE_DATE_EPOCH=${repository.git("log", "-1", "--format=%ct")}$`, "m"),
    );
    assert.doesNotMatch(output, /sesame|DATABRICKS|PULUMI/);
    assert.ok(!output.includes(rig.scenario.workspace.token));
    assert.ok(!(await rig.scenario.stack.stateText()).includes(rig.scenario.workspace.token));
  });

  it("changes nothing in a second up, and reads back no content in a refresh", async () => {
    ok(await rig.scenario.stack.up("--expect-no-changes"));
    const { requests } = await rig.scenario.requestsOf(async () =>
      ok(await rig.scenario.stack.refresh("--expect-no-changes")),
    );
    const read = requests.filter(({ path }) => path.includes("/workspace/export"));
    // One is the manifest's.
    assert.ok(read.length <= 2, JSON.stringify(read));
  });

  it("finds an edited artifact, shows no change of the job in the preview, and builds the same again", async () => {
    const before = sha256(await rig.content(wheel(first)));
    await rig.scenario.workspace.ok("POST", "/api/2.0/workspace/import", {
      path: wheel(first),
      content: Buffer.from("edited by hand").toString("base64"),
      format: "RAW",
      overwrite: true,
    });
    assert.match(ok(await rig.scenario.stack.refresh()).output, new RegExp(`edited ${WHEEL}`));
    const preview = ok(await rig.scenario.stack.preview()).output;
    assert.match(preview, /BuiltArtifacts artifacts update/);
    assert.doesNotMatch(preview, /builtin-pinned\s+update/);
    const { output } = ok(await rig.scenario.stack.up());
    assert.deepEqual(changedResources(output), ["BuiltArtifacts artifacts updated"]);
    assert.equal(sha256(await rig.content(wheel(first))), before);
    ok(await rig.scenario.stack.up("--expect-no-changes"));
  });

  it("a build that fails says why, leaves its output in MLflow, and what is live as it was", async () => {
    rig.scenario.repository.commit({
      "wheel/make.py": "print('line one')\nraise SystemExit('no compiler')\n",
    });
    const [row, job] = [await rig.scenario.row(), await rig.job()];
    const output = failed(await rig.scenario.stack.up());
    assert.match(output, new RegExp(`the build of ${rig.head.slice(0, 12)} failed \\(exit code 1\\)`));
    assert.match(output, /\| no compiler/);
    assert.deepEqual(await rig.scenario.row(), row);
    assert.deepEqual(await rig.job(), job);
    assert.ok(!(await rig.scenario.exists(rig.release())));
    const run = await rig.lastRun();
    assert.equal(run.tags.status, "failed");
    assert.match(run.tags.message ?? "", /the build of .* failed/);
    assert.match(await rig.buildOutput(run.id), /^line one$/m);
  });

  it("another commit brings another wheel", async () => {
    second = rig.scenario.repository.commit(wheelFiles("good night"));
    ok(await rig.scenario.stack.up());
    assert.match(await rig.scenario.runJob("pinned"), /^good night /);
    assert.notEqual(
      (await rig.manifest(second)).artifacts[0].sha256,
      (await rig.manifest(first)).artifacts[0].sha256,
    );
  });

  it("going back takes the artifacts over: nothing is built or uploaded, and the preview knows them", async () => {
    rig.deployRef(first);
    assert.match(
      ok(await rig.scenario.stack.preview("--diff")).output,
      new RegExp(`dependencies[^]*${second}[^]*${first}`),
    );
    const { result, requests } = await rig.scenario.requestsOf(() => rig.scenario.stack.up());
    const { output } = ok(result);
    assert.match(output, /nothing to build/);
    assert.doesNotMatch(output, /building/);
    assert.deepEqual(imports(requests), []);
    assert.match(await rig.scenario.runJob("pinned"), /^good day /);
    const { tags } = await rig.lastRun();
    assert.equal(tags[`artifact.${WHEEL}`], (await rig.manifest(first)).artifacts[0].sha256);
  });

  it("refuses another build of the same commit at the same root, and says how they differ", async () => {
    rig.deployRef(first, { build: { ...BUILD, command: `${BUILD.command} # other` } });
    const { result, requests } = await rig.scenario.requestsOf(() => rig.scenario.stack.up());
    const output = failed(result);
    assert.match(output, /holds this commit with another build: build "env; python3 wheel\/make\.py"/);
    assert.match(output, /asks for build "python3 wheel\/make\.py # other"/);
    assert.deepEqual(
      mutating(requests).filter((request) => request.includes("/workspace/")),
      [],
    );
    rig.deployRef(first, { build: undefined });
    assert.match(failed(await rig.scenario.stack.up()), /this stack asks for .*no build/);
  });

  it("destroy takes the artifacts with their release", async () => {
    ok(await rig.scenario.stack.destroy());
    assert.ok(!(await rig.scenario.exists(wheel(first))));
  });
});

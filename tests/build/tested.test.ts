/** Artifacts that must be those that another environment has tested: others are refused before anything of them is sent. */
import assert from "node:assert/strict";
import {
  ARTIFACTS_VARIABLE,
  artifactsDigest,
  artifactTags,
  taggedArtifacts,
} from "../../providers/build/tested";
import { cases } from "../conformance/providers/cases";
import { fails, Resource, type Values } from "../conformance/providers/engine";
import { Ground } from "../conformance/providers/ground";

const built = cases.find(({ type }) => type === "BuiltArtifacts")!;
const REASON =
  /artifacts of this commit are other ones than those that were tested .*:\s+zones\.txt [0-9a-f]{64}/;

describe("artifacts that were tested elsewhere", function () {
  this.timeout(60_000);
  let ground: Ground;

  before(async function () {
    this.timeout(120_000);
    ground = await Ground.enter();
  });
  afterEach(() => delete process.env[ARTIFACTS_VARIABLE]);
  after(() => ground?.leave());

  const status = async ({ deploymentId }: Values) => (await ground.mlflowRun(deploymentId)).tags.status;
  const isThere = async ({ path }: Values) =>
    (await ground.workspace.api("GET", `/api/2.0/workspace/get-status?path=${encodeURIComponent(path)}`))
      .status === 200;

  it("are told by one digest: of their names and contents, in whatever order, as MLflow's tags have them", () => {
    const [a, b] = [
      { name: "a.whl", sha256: "a".repeat(64) },
      { name: "b [1].whl", sha256: "b".repeat(64) },
    ];
    const tags = Object.entries(artifactTags([b, a])).map(([key, value]) => ({ key, value }));
    const others = [...tags, { key: "artifactory", value: "x" }, { key: "status", value: "live" }];
    assert.equal(artifactsDigest(taggedArtifacts(others)), artifactsDigest([a, b]));
    assert.notEqual(artifactsDigest([a]), artifactsDigest([a, b]));
    assert.notEqual(artifactsDigest([a, { ...b, sha256: a.sha256 }]), artifactsDigest([a, b]));
    assert.notEqual(artifactsDigest([a, { ...b, name: "c.whl" }]), artifactsDigest([a, b]));
  });

  it("go live; others do not: nothing is sent, and the deployment has failed", async () => {
    const inputs = await built.inputs(ground);
    const resource = new Resource("BuiltArtifacts");
    process.env[ARTIFACTS_VARIABLE] = "0".repeat(64);
    const checked = await resource.checked(inputs);
    await fails(resource.create(checked), REASON);
    assert.equal(await status(inputs), "failed");
    assert.equal(await isThere({ path: `${inputs.releasePath}/artifacts` }), false);

    delete process.env[ARTIFACTS_VARIABLE];
    const { artifacts } = await upOf(resource, await built.inputs(ground));
    process.env[ARTIFACTS_VARIABLE] = artifactsDigest(artifacts);
    const { artifacts: again } = await upOf(new Resource("BuiltArtifacts"), await built.inputs(ground));
    assert.equal(again[0].sha256, artifacts[0].sha256);
  });

  it("are asked for also where they were built by an earlier deployment, which failed later", async () => {
    const inputs = await built.inputs(ground);
    const resource = new Resource("BuiltArtifacts");
    await upOf(resource, inputs);
    const { deploymentId } = await ground.deployment();
    process.env[ARTIFACTS_VARIABLE] = "0".repeat(64);
    await fails(resource.up({ ...inputs, deploymentId }), REASON);
    assert.equal(await status({ deploymentId }), "failed");
    process.env[ARTIFACTS_VARIABLE] = artifactsDigest(resource.outs.artifacts);
    assert.equal(await resource.up({ ...inputs, deploymentId }), "same");
  });

  async function upOf(resource: Resource, inputs: Values): Promise<Values> {
    await resource.up(inputs);
    return resource.outs;
  }
});

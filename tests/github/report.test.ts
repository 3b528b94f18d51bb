/** What GitHub's page shows of a deployment at each of its steps, and that trouble with GitHub is none of the deployment's. */
import assert from "node:assert/strict";
import { Client } from "../../databricks/client";
import { asStepOf, setStatus } from "../../providers/deployment";
import { tellCommit } from "../../providers/github/report";
import { cases } from "../conformance/providers/cases";
import { Resource, type Values } from "../conformance/providers/engine";
import { Ground, unique } from "../conformance/providers/ground";
import { RegistryRig, rowCase } from "../conformance/providers/registry";
import {
  latestStatuses,
  secondaryRateLimit,
  startGitHub,
  stateOf,
  type Deployment,
  type GitHubDouble,
  type Repository,
} from "./double";

const run = cases.find(({ type }) => type === "DeploymentRun")!;
const VARIABLES = ["GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_URL"] as const;

describe("deployments at GitHub", function () {
  this.timeout(60_000);
  let ground: Ground;
  let github: GitHubDouble;
  let client: Client;
  /** A repository of the test's own, with the commits of the ground's. */
  let name: string;
  let repository: Repository;
  const before_ = VARIABLES.map((variable) => [variable, process.env[variable]] as const);

  before(async function () {
    this.timeout(120_000);
    [ground, github] = await Promise.all([Ground.enter(), startGitHub()]);
    client = new Client({ host: ground.place.host });
  });
  beforeEach(() => {
    name = `acme/${unique("churn")}`;
    repository = github.state.addRepository(name, { directory: ground.repository.directory });
    ground.said.splice(0);
    github.requests.splice(0);
    delete process.env.GH_TOKEN;
    process.env.GITHUB_API_URL = github.url;
    process.env.GITHUB_TOKEN = github.token;
  });
  afterEach(() => github.clearFaults());
  after(async () => {
    for (const [variable, value] of before_) {
      if (value === undefined) delete process.env[variable];
      else process.env[variable] = value;
    }
    await client?.close();
    await ground?.leave();
    await github?.stop();
  });

  async function open(more: Values = {}): Promise<{ id: string; outs: Values }> {
    const resource = new Resource("DeploymentRun");
    const target = { repository: name, environment: "staging" };
    await resource.up({ ...(await run.inputs(ground)), env: "staging", github: target, ...more });
    return resource;
  }

  /** What somebody else does in the repository. */
  async function post(path: string, body: object): Promise<any> {
    const response = await fetch(`${github.url}/repos/${name}/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${github.token}` },
      body: JSON.stringify(body),
    });
    return response.json();
  }

  /** The commit's status and the last deployment's, as GitHub's page shows them. */
  const shown = (githash = ground.githash) => {
    const status = latestStatuses(repository, githash).find(
      ({ context }) => context === "notebook-releases/staging",
    );
    const deployment = repository.deployments.at(-1);
    return [status?.state, deployment && stateOf(deployment)];
  };
  const written = () => github.requests.filter(({ method }) => method === "POST").length;

  it("shows each step of a deployment, with its address, whatever other statuses and branches say", async () => {
    await post(`statuses/${ground.githash}`, { state: "failure", context: "ci/other" });
    const { id, outs } = await open();
    assert.deepEqual(shown(), ["pending", "in_progress"]);
    const [deployment] = repository.deployments as [Deployment];
    assert.deepEqual(deployment.payload, {
      ...{ app: "churn", env: "staging", deployment_id: id, url: outs.deploymentUrl },
      manifest_digest: outs.digest,
    });
    assert.deepEqual([deployment.environment, deployment.sha], ["staging", ground.githash]);
    assert.equal((await ground.mlflowRun(id)).tags.github_deployment, String(deployment.id));

    await setStatus(client, id, "tested", "12 tests passed");
    assert.deepEqual(shown(), ["pending", "in_progress"]);
    const status = () =>
      latestStatuses(repository, ground.githash).find(({ context }) => context.startsWith("notebook-"));
    assert.equal(status()?.description, "12 tests passed");
    await setStatus(client, id, "live", "live in staging");
    assert.deepEqual(shown(), ["success", "success"]);
    assert.equal(status()?.target_url, outs.deploymentUrl);
    const last = deployment.statuses.at(-1);
    assert.deepEqual([last?.log_url, last?.environment_url], [outs.deploymentUrl, outs.deploymentUrl]);
    assert.equal(repository.deployments.length, 1);
    assert.deepEqual(ground.said, []);
  });

  it("shows a failure on both, its first line cut to what GitHub takes", async () => {
    const { id } = await open();
    const step = () => Promise.reject(new Error(`The gate is closed: ${"é".repeat(200)}\nmore`));
    await assert.rejects(asStepOf(client, id, step), /The gate is closed/);
    assert.deepEqual(shown(), ["failure", "failure"]);
    const description = latestStatuses(repository, ground.githash)[0]?.description ?? "";
    assert.match(description, /^The gate is closed: é+…$/);
    assert.equal([...description].length, 140);
  });

  it("follows the registry: what was live before becomes inactive, and so does what is destroyed", async () => {
    const rig = new RegistryRig(ground);
    const inputs = { ...(await rowCase.inputs(ground)), env: "staging" } as Values;
    const row = new Resource("RegistryRow");
    const first = await open();
    await row.up({ ...inputs, deploymentId: first.id });
    assert.deepEqual(shown(), ["success", "success"]);
    const second = await open();
    assert.deepEqual(repository.deployments.map(stateOf), ["success", "in_progress"]);
    await row.up({ ...inputs, ...(await rig.another(inputs, "2")), deploymentId: second.id });
    assert.deepEqual(repository.deployments.map(stateOf), ["inactive", "success"]);
    await row.delete();
    assert.deepEqual(repository.deployments.map(stateOf), ["inactive", "inactive"]);
    assert.equal(shown()[0], "success", "the commit was deployed well");
  });

  it("stays live beside deployments of another app and of a workflow's own job", async () => {
    const context = "notebook-releases/forecast/staging";
    const target = { repository: name, environment: "staging", context };
    const [ours, theirs] = [await open(), await open({ app: "forecast", github: target })];
    await setStatus(client, theirs.id, "failed", "a test failed");
    await setStatus(client, ours.id, "live", "live");
    const job = { ref: ground.githash, environment: "staging", required_contexts: [], auto_merge: false };
    const { id } = await post("deployments", job);
    await post(`deployments/${id}/statuses`, { state: "success" });
    assert.deepEqual(repository.deployments.map(stateOf), ["success", "failure", "success"]);
    assert.deepEqual(
      latestStatuses(repository, ground.githash).map((status) => [status.context, status.state]),
      [
        ["notebook-releases/staging", "success"],
        [context, "failure"],
      ],
    );
  });

  it("closes an interrupted deployment at GitHub too", async () => {
    const stack = { stackId: unique("stack"), experimentId: await ground.experiment() };
    await open(stack);
    await open(stack);
    assert.deepEqual(repository.deployments.map(stateOf), ["failure", "in_progress"]);
  });

  it("asks nothing of GitHub where it is not configured", async () => {
    const { id } = await open({ github: { repository: "", environment: "" } });
    await setStatus(client, id, "live", "live");
    assert.deepEqual(github.requests, []);
    const { tags } = await ground.mlflowRun(id);
    assert.deepEqual(
      Object.keys(tags).filter((tag) => /github|digest/.test(tag)),
      [],
    );
  });

  it("says once which permission the token lacks, and goes on with the rest", async () => {
    const token = github.state.token({ permissions: { statuses: "write" }, kind: "integration" });
    process.env.GITHUB_TOKEN = token;
    const { id, outs } = await open();
    await setStatus(client, id, "live", "live");
    assert.deepEqual(shown(), ["success", undefined]);
    const said = ground.said.join("");
    assert.match(said, /Resource not accessible by integration.*It needs the permission deployments: write/);
    assert.equal(said.match(/GitHub was not told/g)?.length, 1, said);
    assert.equal((await ground.mlflowRun(id)).tags.status, "live");
    assert.doesNotMatch(said + JSON.stringify(outs), new RegExp(`${token}|${github.token}`));
  });

  it("says what is wrong with the token, the repository or the commit", async () => {
    const said = async (more: Values = {}) => {
      ground.said.splice(0);
      await open(more);
      return ground.said.join("");
    };
    delete process.env.GITHUB_TOKEN;
    assert.match(await said(), /neither GITHUB_TOKEN nor GH_TOKEN is set .*\n {2}The deployment itself/);
    assert.equal(written(), 0);
    process.env.GH_TOKEN = "ghp_old";
    const unknown = await said();
    assert.match(unknown, /GitHub does not know the token \(Bad credentials\)/);
    assert.doesNotMatch(unknown, /ghp_old/);
    process.env.GH_TOKEN = github.token;
    const target = { repository: "acme/elsewhere", environment: "staging" };
    assert.match(await said({ github: target }), /acme\/elsewhere is not there, or the token cannot see it/);
    assert.match(await said({ githash: "a".repeat(40) }), /the commit is not in acme\/\S+\. Push it/);
  });

  it("waits for a rate limit, repeats what failed, and makes no deployment twice", async () => {
    const path = `POST /repos/${name}`;
    github.fault(secondaryRateLimit(`${path}/statuses`));
    github.fault({ match: `${path}/deployments`, drop: "after" });
    const began = Date.now();
    await open();
    assert.ok(Date.now() - began >= 1000, "not before the second that GitHub asks for");
    assert.deepEqual(shown(), ["pending", "in_progress"]);
    assert.equal(repository.deployments.length, 1);
    assert.deepEqual(ground.said, []);
    const statuses = github.requests.filter(({ path }) => path.includes("/statuses/"));
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [403, 201],
    );
  });

  it("makes up at a later step for what could not be told", async () => {
    github.fault({ match: `POST /repos/${name}/deployments`, status: 502, times: 10 });
    const { id } = await open();
    assert.deepEqual(shown(), ["pending", undefined]);
    assert.match(ground.said.join(""), /deployment to staging in_progress\): HTTP 502/);
    github.clearFaults();
    await setStatus(client, id, "live", "live");
    assert.deepEqual(shown(), ["success", "success"]);
  });

  it("tells of a commit that is not deployed: a preview's status", async () => {
    const context = "notebook-releases/preview";
    await tellCommit(name, ground.githash, { context, state: "success", description: "2 stacks" });
    assert.deepEqual(
      latestStatuses(repository, ground.githash).map(({ state }) => state),
      ["success"],
    );
  });
});

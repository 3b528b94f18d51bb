/** `releases promote --from-github`: what an environment has tested, read from what its deployments told GitHub. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { askGitHub } from "../../cli/promote/gitHub";
import type { Answer, From } from "../../cli/promote/tested";
import { readStackFile } from "../../cli/stackFile";
import { parseConfiguration } from "../../components/configuration";
import { Client } from "../../databricks/client";
import { logBatch } from "../../databricks/mlflow";
import { artifactsDigest, artifactTags } from "../../providers/build/tested";
import { setStatus } from "../../providers/deployment";
import type { Source } from "../../source";
import { cases } from "../conformance/providers/cases";
import { Resource, type Values } from "../conformance/providers/engine";
import { Ground, unique } from "../conformance/providers/ground";
import { finishRelease } from "../conformance/providers/finished";
import { rowCase } from "../conformance/providers/registry";
import { notebook } from "../source/support";
import { startGitHub, type GitHubDouble, type Repository } from "../github/double";

const run = cases.find(({ type }) => type === "DeploymentRun")!;
const VARIABLES = ["GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_URL"] as const;

describe("what staging has tested, by GitHub", function () {
  this.timeout(60_000);
  let ground: Ground;
  let github: GitHubDouble;
  let client: Client;
  let name: string;
  let repository: Repository;
  const before_ = VARIABLES.map((variable) => [variable, process.env[variable]] as const);

  before(async function () {
    this.timeout(120_000);
    [ground, github] = await Promise.all([Ground.enter(), startGitHub()]);
    client = new Client({ host: ground.place.host });
  });
  beforeEach(() => {
    name = unique("churn");
    repository = github.state.addRepository(`acme/${name}`, { directory: ground.repository.directory });
    delete process.env.GH_TOKEN;
    process.env.GITHUB_API_URL = github.url;
    process.env.GITHUB_TOKEN = github.state.token({
      permissions: { statuses: "write", deployments: "write" },
      kind: "integration",
    });
  });
  after(async () => {
    for (const [variable, value] of before_) {
      if (value === undefined) delete process.env[variable];
      else process.env[variable] = value;
    }
    await client?.close();
    await ground?.leave();
    await github?.stop();
  });

  async function open(more: Values = {}): Promise<Resource> {
    const resource = new Resource("DeploymentRun");
    const target = { repository: `acme/${name}`, environment: "staging" };
    await resource.up({ ...(await run.inputs(ground)), env: "staging", github: target, ...more });
    return resource;
  }
  /** A deployment that went live with this many tests. */
  async function live(more: Values = {}, passed = 2): Promise<Resource> {
    const resource = await open(more);
    await logBatch(client, resource.id, { metrics: { tests_passed: passed, tests_failed: 0 } });
    await setStatus(client, resource.id, "live", "live in staging");
    return resource;
  }
  const from = (more: object = {}): From => {
    const settings = {
      app: "churn",
      source: { repository: ground.repository.url, path: "nb" },
      registry: { warehouse: "1", table: "a.b" },
      gate: { tests: ["tests/**"] },
      github: { owner: "acme", repository: name },
      ...more,
    };
    const values = Object.entries(settings).map(([key, value]) => [
      `notebook-releases:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const config = parseConfiguration(Object.fromEntries(values) as never, "notebook-releases", "staging");
    return { name: "staging", config };
  };
  const ask = (more: object = {}, digest?: string): Promise<Answer> =>
    askGitHub(from(more), {
      wanted: digest === undefined ? undefined : ({ digest } as Source),
      limitMs: 30_000,
      onProgress: () => undefined,
    });
  const only = ({ problems }: Answer): string => {
    assert.equal(problems.length, 1, problems.join("\n"));
    return problems[0] ?? "";
  };

  it("is the deployment that is live, with its tests, whatever others deploy and whatever failed since", async () => {
    const { id, outs } = await live();
    await live({ app: "forecast" });
    await setStatus(client, (await open()).id, "failed", "a test failed");
    // Its own status tells of the failed attempt: the same commit is not taken for good.
    assert.match(
      only(await ask()),
      /^the status notebook-releases\/staging of \S+ is failure: a test failed/,
    );

    const again = await live();
    await setStatus(client, id, "superseded", "superseded by another");
    const other = ground.repository.commit({}, "another");
    await setStatus(client, (await open({ githash: other })).id, "failed", "a test failed");
    await open({ githash: other });
    const { tested, problems } = await ask();
    assert.deepEqual(problems, []);
    const { since, notes, ...rest } = tested!;
    assert.deepEqual(rest, {
      ...{ source: "github", where: `GitHub, acme/${name}`, githash: ground.githash, digest: outs.digest },
      ...{ deploymentId: again.id, deploymentUrl: again.outs.deploymentUrl, by: "deployer", isLive: true },
      ...{ passed: 2, tests: [], artifacts: undefined, artifactsDigest: artifactsDigest([]) },
    });
    assert.match(since, /^20\d\d-.*Z$/);
    assert.match(
      notes.join(),
      /GitHub does not know whether the release was edited since: releases drift --stack staging/,
    );
  });

  it("has the digest of the artifacts that it tested", async () => {
    const artifacts = [
      { name: "b [1].whl", sha256: "b".repeat(64) },
      { name: "a.whl", sha256: "a".repeat(64) },
    ];
    const { id } = await open();
    await logBatch(client, id, { tags: artifactTags(artifacts), metrics: { tests_passed: 1 } });
    await setStatus(client, id, "live", "live in staging");
    const { tested, problems } = await ask();
    assert.deepEqual([tested?.artifactsDigest, problems], [artifactsDigest(artifacts), []]);
  });

  it("is nothing before the first deployment, and where GitHub was told of nothing that followed", async () => {
    assert.match(
      only(await ask()),
      new RegExp(`nothing is live .* by GitHub \\(acme/${name}\\): it has no deployment of churn`),
    );
    const { id } = await live();
    await setStatus(client, id, "superseded", "superseded by another");
    assert.match(only(await ask()), /of \S+, is superseded \(superseded by another\)/);
    assert.match(
      only(await ask({ github: { owner: "acme", repository: name, environment: "elsewhere" } })),
      /to the environment elsewhere/,
    );
  });

  it("is refused without tests, unless its gate asks for none", async () => {
    await live({}, 0);
    assert.match(only(await ask()), /staging has run no test on it/);
    assert.deepEqual((await ask({ gate: {} })).problems, []);
  });

  it("is, where a commit is named, an earlier one with its contents, and none that was rolled back from", async () => {
    const row = new Resource("RegistryRow");
    const inputs = { ...(await rowCase.inputs(ground)), env: "staging" } as Values;
    const first = await live();
    await row.up({ ...inputs, deploymentId: first.id });
    const githash = ground.repository.commit({ "nb/pipeline/score.py": notebook("print('next')") });
    const next = { ...(await ground.source(githash)).inputs, releasePath: `${inputs.releasePath}-next` };
    await finishRelease(ground.workspace, next.releasePath, next.digest);
    const second = await open({ githash, digest: next.digest });
    await logBatch(client, second.id, { metrics: { tests_passed: 3 } });
    await row.up({ ...inputs, ...next, deploymentId: second.id });

    const digest: string = first.outs.digest;
    const found = await ask({}, digest);
    assert.deepEqual(
      [found.tested?.deploymentId, found.tested?.isLive, found.tested?.passed, found.problems],
      [first.id, false, 2, []],
    );
    assert.match(found.tested?.notes.join() ?? "", new RegExp(`moved on since: ${githash.slice(0, 12)}`));

    const back = await live();
    await row.up({ ...inputs, deploymentId: back.id, rollbackOf: row.outs.version });
    const state = repository.deployments.find(({ sha }) => sha === githash)?.statuses.at(-1);
    assert.match(state?.description ?? "", /^rolled back to /);
    const { tested } = await ask({}, next.digest);
    assert.deepEqual(
      [tested?.deploymentId, tested?.digest],
      [back.id, digest],
      "what is live, for its contents to be compared",
    );
  });

  it("says what is missing where GitHub cannot be asked", async () => {
    await assert.rejects(ask({ github: undefined }), /Stack staging is not reported to GitHub: .* no github/);
    await assert.rejects(
      ask({ github: { owner: "acme", repository: "elsewhere" } }),
      /GitHub did not tell of acme\/elsewhere: HTTP 404: .* needs deployments: read and statuses: read/,
    );
    delete process.env.GITHUB_TOKEN;
    await assert.rejects(ask(), /GitHub cannot be asked: neither GITHUB_TOKEN nor GH_TOKEN is set/);
  });
});

describe("a stack's file", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "stack file "))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (file: string, content: object) => writeFileSync(join(folder, file), stringify(content));

  it("is read without its backend: the project's values too, secrets unread", () => {
    write("Pulumi.yaml", {
      name: "notebook-releases",
      config: { app: "churn", "notebook-releases:deployNote": { default: "" }, "aws:region": { value: "x" } },
    });
    write("Pulumi.staging.yaml", {
      config: {
        "notebook-releases:source": { repository: "https://example.com/acme/churn", exclude: ["**/*.md"] },
        "notebook-releases:registry": { warehouse: "abc", table: "main.a.b" },
        "notebook-releases:secrets": { scope: "churn", keys: { token: { config: "api-token" } } },
        "notebook-releases:api-token": { secure: "v1:abc" },
      },
    });
    const config = readStackFile("acme/notebook-releases/staging", folder);
    assert.deepEqual([config.app, config.env, config.source.exclude], ["churn", "staging", ["**/*.md"]]);
  });

  it("that is not there is named", () => {
    assert.throws(() => readStackFile("staging", folder), /has no Pulumi\.yaml/);
    write("Pulumi.yaml", { name: "notebook-releases" });
    assert.throws(
      () => readStackFile("staging", folder),
      /has no Pulumi\.staging\.yaml, so nobody knows where/,
    );
  });
});

/** `releases status`: each environment as it is, each asked with its own credentials, and said to be so where it cannot be asked. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { askEnvironment } from "../../cli/environment";
import type { FoundStack } from "../../cli/stack";
import { compareEnvironments, showStatus, type StatusEntry } from "../../cli/status";
import { edit } from "../conformance/providers/cases";
import { Ground, unique } from "../conformance/providers/ground";
import { notebook } from "../source/support";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { PulumiStack } from "../support/pulumi";
import { releases } from "./cli";
import { EnvironmentRig, profiles, type Deployed } from "./rig";

const LIMIT = { limitMs: 60_000 };

describe("releases status", function () {
  this.timeout(120_000);
  let ground: Ground;
  let elsewhere: LocalWorkspace;
  let folder: string;
  let variables: NodeJS.ProcessEnv;
  let prod: EnvironmentRig;
  let staging: EnvironmentRig;
  let far: EnvironmentRig;
  let live: Deployed;
  const app = unique("status");

  before(async function () {
    this.timeout(180_000);
    variables = { ...process.env };
    const starting = startLocalWorkspace();
    ground = await Ground.enter();
    elsewhere = await starting;
    folder = mkdtempSync(join(tmpdir(), "profiles of "));
    process.env.DATABRICKS_HOST = ground.workspace.host;
    process.env.DATABRICKS_CONFIG_FILE = join(folder, ".databrickscfg");
    writeFileSync(
      process.env.DATABRICKS_CONFIG_FILE,
      profiles({
        DEFAULT: { host: "https://somewhere.example.com", token: "dapi-of-somewhere" },
        far: { host: `${elsewhere.host}/`, token: elsewhere.token },
      }),
    );
    const { repository, workspace } = ground;
    const commits = [1, 2, 3].map((n) =>
      repository.commit({ "nb/pipeline/score.py": notebook(`print(${n})`) }, `Score ${n}\n\nMore of it.`),
    );
    const of = { app, repository: repository.url };
    prod = await EnvironmentRig.make(workspace, { ...of, env: "prod" });
    staging = await EnvironmentRig.make(workspace, { ...of, env: "staging" });
    far = await EnvironmentRig.make(elsewhere, { ...of, env: "far" });
    await prod.deploy(ground, commits[2]!);
    live = await prod.deploy(ground, commits[0]!, {
      ...{ kind: "rollback", note: "wrong zones", by: "eve@example.com", release: true },
      ...{ tests: { passed: 5, failed: 0 }, at: "2026-01-01T10:02:03.000Z" },
    });
    await staging.deploy(ground, commits[2]!, { release: true });
    await far.deploy(ground, commits[1]!);
  });
  after(async () => {
    await ground?.leave();
    for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
    Object.assign(process.env, variables);
    await elsewhere?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (stacks: readonly FoundStack[], quick = false): Promise<StatusEntry[]> => {
    const asked = await Promise.all(
      stacks.map(async (stack) => ({
        environment: await askEnvironment(stack, { ...LIMIT, quick }),
        repository: stack.config.source.repository,
      })),
    );
    return compareEnvironments(asked, { quick });
  };

  it("says of each environment what is live, and how it lies to the others, also in another workspace", async () => {
    const entries = await ask([far.stack(), prod.stack(), staging.stack()]);
    assert.deepEqual(
      entries.map(({ env, host, problem, against }) => ({ env, host, problem, against })),
      [
        {
          ...{ env: "far", host: elsewhere.host, problem: "" },
          against: [
            { env: "prod", ahead: 1, behind: 0 },
            { env: "staging", ahead: 0, behind: 1 },
          ],
        },
        {
          ...{ env: "prod", host: ground.workspace.host, problem: "" },
          against: [
            { env: "far", ahead: 0, behind: 1 },
            { env: "staging", ahead: 0, behind: 2 },
          ],
        },
        {
          ...{ env: "staging", host: ground.workspace.host, problem: "" },
          against: [
            { env: "far", ahead: 1, behind: 0 },
            { env: "prod", ahead: 2, behind: 0 },
          ],
        },
      ],
    );
    const { hold, ...rest } = entries[1]!.live!;
    assert.deepEqual(rest, {
      ...live,
      subject: "Score 1",
      since: "2026-01-01T10:02:03.000Z",
      by: "eve@example.com",
      note: "wrong zones",
      deploymentUrl: `${ground.workspace.host}/ml/experiments/${prod.experimentId}/runs/${live.deploymentId}`,
      tests: { passed: 5, failed: 0 },
      release: { state: "intact", differences: [] },
    });
    assert.match(hold, /eve@example\.com.*wrong zones/);
    assert.equal(entries[0]!.live?.release.state, "missing", "nothing was uploaded there");

    const shown = showStatus(entries, Date.parse("2026-01-01T13:10:00Z"));
    const lines = shown.split("\n");
    assert.equal(lines[0], app);
    assert.match(lines[1]!, /^ENV +LIVE +SINCE \(UTC\) +BY +TESTS +RELEASE +HOLD$/);
    const [short] = [live.githash.slice(0, 12)];
    assert.match(
      lines[3]!,
      new RegExp(
        `^prod +${short}  2026-01-01 10:02 \\(3 h ago\\) +eve@example.com +5 passed +intact +on hold$`,
      ),
    );
    assert.match(
      shown,
      /^ {4}Score 1\n {4}note: wrong zones\n {4}on hold: .*\n {4}1 behind far; 2 behind staging$/m,
    );
    assert.ok(
      lines.slice(0, 5).every((line) => line.length <= 120),
      shown,
    );
  });

  it("says that a release was edited, by which notebooks; not by their contents where it shall be quick", async () => {
    await edit(ground, `${live.releasePath}/pipeline/train`, "print('by hand')");
    await edit(ground, `${live.releasePath}/pipeline/more`, "print('added')");
    const [thorough] = await ask([prod.stack()]);
    assert.deepEqual(thorough?.live?.release, {
      state: "edited",
      differences: ["added pipeline/more", "edited pipeline/train"],
    });
    assert.match(
      showStatus([thorough]),
      /release edited: added pipeline\/more, edited pipeline\/train; pulumi refresh/,
    );
    const [quick] = await ask([prod.stack()], true);
    assert.deepEqual(quick?.live?.release, { state: "edited", differences: ["added pipeline/more"] });
  });

  it("never sends one workspace's token to another, and names what is missing", async () => {
    const stack = far.stack();
    const without = { ...stack, host: "http://127.0.0.1:1" };
    const [entry] = await ask([without]);
    assert.match(
      entry!.problem,
      /no credentials for http:\/\/127\.0\.0\.1:1\. Those at hand are for .* Add a profile/,
    );
    assert.equal(entry!.live, null);
    assert.doesNotMatch(JSON.stringify(entry), new RegExp(`${ground.workspace.token}|dapi-of`));
  });

  it("has an environment with nothing live, and one whose repository is gone, as such", async () => {
    const nothing = staging.stack({ env: "next" });
    const [empty, homeless] = await ask([
      nothing,
      prod.stack({ source: { repository: join(folder, "gone"), path: "nb" } }),
    ]);
    assert.deepEqual([empty?.problem, empty?.live], ["", null]);
    assert.equal(homeless?.live?.subject, "");
    assert.match(showStatus([empty!]), /^next +nothing$/m);
  });

  it("fails with code 1 and still shows the others where one stack cannot be reached", async () => {
    const { workspace, repository } = ground;
    const settings = (env: string) => ({
      "notebook-releases:app": app,
      "notebook-releases:env": env,
      "notebook-releases:source": { repository: repository.url, path: "nb", exclude: ["**/*.md"] },
      "notebook-releases:registry": { warehouse: workspace.warehouse_id, table: prod.table },
    });
    const file = join(folder, "dead.cfg");
    writeFileSync(file, profiles({ dead: { host: "http://127.0.0.1:1", token: "dapi-of-nobody" } }));
    const stack = new PulumiStack({
      stack: "one",
      config: settings("staging"),
      env: {
        ...{
          DATABRICKS_HOST: workspace.host,
          DATABRICKS_TOKEN: workspace.token,
          DATABRICKS_CONFIG_FILE: file,
        },
        NOTEBOOK_RELEASES_CACHE: process.env.NOTEBOOK_RELEASES_CACHE,
      },
    });
    try {
      await stack.run(["config"]);
      writeFileSync(
        join(stack.program, "Pulumi.two.yaml"),
        stringify({ config: { ...settings("prod"), "databricks:host": "http://127.0.0.1:1" } }),
      );
      const init = ["--cwd", stack.program, "stack", "init", "two", "--non-interactive"];
      execFileSync("pulumi", init, { env: stack.environment(), stdio: "ignore" });
      writeFileSync(join(stack.program, "Pulumi.example.yaml"), "config: {}\n");

      const run = await releases(["status", "--json"], { stack });
      assert.equal(run.code, 1, run.stderr);
      const { environments } = JSON.parse(run.stdout) as { environments: StatusEntry[] };
      assert.deepEqual(
        environments.map((entry) => [entry.stack, entry.env, entry.live?.subject]),
        [
          ["one", "staging", "Score 3"],
          ["two", "prod", undefined],
        ],
        "a file without a stack in the backend is no environment",
      );
      assert.match(environments[1]!.problem, /127\.0\.0\.1:1 did not answer/);

      const good = await releases(["status", "--stack", "one", "--quick"], { stack });
      assert.equal(good.code, 0, good.stderr);
      assert.match(good.stdout, /^staging +[0-9a-f]{12} .* intact$/m);
      assert.doesNotMatch(run.stdout + run.stderr + good.stdout, new RegExp(`${workspace.token}|dapi-of`));
    } finally {
      stack.dispose();
    }
  });
});

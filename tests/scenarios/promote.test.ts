/** From staging to prod with the real command and the real engine: in one workspace, in two, and in CI, which has only prod's credentials. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { releases } from "../cli/cli";
import { profiles } from "../cli/rig";
import { startGitHub, type GitHubDouble } from "../github/double";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";
import { ok } from "../support/pulumi";
import { score } from "./example";
import { mutating, Scenario, type SqlRow } from "./scenario";

const APP = "promoted";
/** The commit's own file says what is built: here the same each time. */
const BUILD = { command: "sh build.sh", artifacts: ["dist/*"] };
const SAME = { "build.sh": "mkdir dist && cp notebooks/lib/shared.py dist/shared.txt\n" };
const OTHER = { "build.sh": "mkdir dist && date +%s%N > dist/shared.txt\n" };

describe("a promotion", function () {
  this.timeout(300_000);
  let github: GitHubDouble;
  /** Its stack `test` is the staging one. */
  let staging: Scenario;
  let elsewhere: LocalWorkspace;
  let tested: string;

  before(async () => {
    const starting = startLocalWorkspace();
    starting.catch(() => undefined);
    github = await startGitHub();
    staging = await Scenario.start(APP, {
      files: SAME,
      config: { jobs: [], build: BUILD, github: { owner: "acme", repository: APP } },
      env: { GITHUB_TOKEN: github.token, GITHUB_API_URL: github.url },
    });
    elsewhere = await starting;
    const { repository, stack, workspace } = staging;
    github.state.addRepository(`acme/${APP}`, { directory: repository.directory });
    repository.git("checkout", "--quiet", "-b", "feature");
    tested = repository.commit({ "notebooks/pipeline/score.py": score("v2") }, "Score by night");
    const source = { repository: repository.directory, ref: "feature", path: "notebooks" };
    staging.configure({ source });
    ok(await stack.up());
    const common = {
      "notebook-releases:app": APP,
      "notebook-releases:source": { ...source, ref: "main" },
      "notebook-releases:build": BUILD,
    };
    const registry = (of: LocalWorkspace) => ({ warehouse: of.warehouse_id, table: staging.table });
    addStack("prod", {
      ...common,
      "notebook-releases:registry": registry(workspace),
      "notebook-releases:gate": { tests: ["tests/**"] },
      "notebook-releases:jobs": [{ name: `${APP}-nightly`, mode: "pinned", notebook: "pipeline/score" }],
    });
    addStack("far", {
      ...common,
      "databricks:host": elsewhere.host,
      "notebook-releases:registry": registry(elsewhere),
    });
  });
  after(async () => {
    staging?.dispose();
    await github?.stop();
    await elsewhere?.stop();
  });

  function addStack(name: string, config: object): void {
    const { stack } = staging;
    writeFileSync(join(stack.program, `Pulumi.${name}.yaml`), stringify({ config }));
    const init = ["--cwd", stack.program, "stack", "init", name, "--non-interactive"];
    execFileSync("pulumi", init, { env: stack.environment(), stdio: "ignore" });
  }
  const promote = (to: string, args: readonly string[] = [], env: Record<string, string | undefined> = {}) =>
    releases(["promote", "--from", "test", "--to", to, "--yes", ...args], { stack: staging.stack, env });
  async function promoted(to: string, ...args: string[]) {
    const run = await promote(to, ["--json", ...args]);
    assert.equal(run.code, 0, run.stderr);
    return { ...run, answer: JSON.parse(run.stdout) };
  }
  async function rowOf(env: string): Promise<SqlRow | undefined> {
    return (await staging.sql(`SELECT * FROM ${staging.table} WHERE env = '${env}'`))[0];
  }
  /** What is live in the other workspace; empty where nothing is. */
  async function farRow(): Promise<string> {
    const answer = await elsewhere.ok("POST", "/api/2.0/sql/statements", {
      warehouse_id: elsewhere.warehouse_id,
      statement: `SELECT githash FROM ${staging.table} WHERE env = 'far'`,
      wait_timeout: "50s",
    });
    return answer.result?.data_array?.[0]?.[0] ?? "";
  }
  const short = (githash: string) => githash.slice(0, 12);

  it("makes what is live in staging prod's, the first time too, with who tested it in its history", async () => {
    const { answer, stderr } = await promoted("prod", "--note", "the night's zones");
    const from = await staging.row();
    const row = await rowOf("prod");
    const note = `promoted from test (deployment ${from.deployment_id}): the night's zones`;
    assert.deepEqual([row?.githash, row?.note, answer.note], [tested, note, note]);
    const { tests, ...told } = answer.from;
    assert.deepEqual(told, {
      ...{ stack: "test", app: APP, env: "test", source: "workspace", where: staging.workspace.host },
      ...{ githash: tested, isLive: true, deploymentId: from.deployment_id, passed: 2 },
      deploymentUrl: (await staging.stack.outputs()).deploymentUrl,
    });
    assert.deepEqual(
      tests.map(({ name, result }: { name: string; result: string }) => [name, result]),
      [
        ["tests_test_one", "passed"],
        ["tests_test_two", "two is fine"],
      ],
    );
    assert.deepEqual(
      [answer.to.before, answer.githash, answer.promoted, answer.completed, answer.artifacts.same],
      ["", tested, true, true, true],
    );
    assert.match(stderr, /tests {5}2 passed\n +tests_test_one {2}passed {2}[\d.]+ s\n/);
    assert.match(stderr, /manifest {2}the commit that was tested/);
    assert.equal((await staging.gateRuns(tested)).length, 1, "staging's");
    const { metrics, params } = await staging.deployment(row?.deployment_id ?? "");
    assert.deepEqual([metrics.tests_passed, params.env], [2, "prod"], "prod's own gate");
  });

  it("does nothing where it is live already", async () => {
    const { result, requests } = await staging.requestsOf(() => promote("prod"));
    assert.equal(result.code, 0, result.stderr);
    assert.match(
      result.stdout,
      new RegExp(`^promoted/prod: ${short(tested)} is live already; nothing was done\n$`),
    );
    assert.deepEqual(new Set(mutating(requests)), new Set(["POST /api/2.0/sql/statements"]));
  });

  it("takes the merge's commit, which has the tested manifest; broken off, it goes on", async () => {
    const { repository } = staging;
    repository.git("checkout", "--quiet", "main");
    repository.commit({ "README.md": "Still not released.\n" }, "On main meanwhile");
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge the night", "feature");
    const merge = repository.git("rev-parse", "HEAD");
    const faults = "/__workspace/faults";
    await staging.workspace.ok("POST", faults, { match: "POST /api/2.2/jobs/reset", status: 400 });
    const broken = await promote("prod", ["--ref", "main"]);
    await staging.workspace.ok("DELETE", faults);
    assert.equal(broken.code, 3, broken.stderr);
    assert.match(
      broken.stderr,
      new RegExp(`jobs may still be on ${short(tested)}\\.[^]*Promote again to go on`),
    );
    const { answer, stderr } = await promoted("prod", "--ref", "main");
    assert.match(
      stderr,
      new RegExp(`an earlier deployment of ${short(merge)} did not come to its end; it goes on`),
    );
    assert.match(stderr, new RegExp(`another commit, with the manifest that was tested as ${short(tested)}`));
    assert.deepEqual([answer.githash, answer.to.before, answer.completed], [merge, merge, true]);
    const row = await rowOf("prod");
    assert.equal(row?.githash, merge);
    const { jobs } = await staging.workspace.ok(
      "GET",
      `/api/2.2/jobs/list?name=${APP}-nightly&expand_tasks=true&limit=100`,
    );
    const paths = jobs.map(({ settings }: any) => settings.tasks[0].notebook_task.notebook_path as string);
    assert.ok(paths.includes(`${row?.release_path}/pipeline/score`), paths.join());
    assert.match(row?.note ?? "", new RegExp(`^promoted from test, tested there as ${short(tested)} `));
  });

  it("is refused, with all reasons, where staging is edited, the contents are others and prod is on hold", async () => {
    const { repository, table } = staging;
    const other = repository.commit({ "notebooks/pipeline/score.py": score("v3") }, "Not tested");
    const edited = `${(await staging.row()).release_path}/pipeline/features`;
    await staging.editNotebook(edited, score("by hand"));
    await staging.sql(`UPDATE ${table} SET hold = 'rolled back by eve' WHERE env = 'prod'`);
    const before = await rowOf("prod");
    const run = await promote("prod", ["--ref", "main"]);
    assert.equal(run.code, 1, run.stderr);
    assert.match(
      run.stderr,
      /^Error: test is not promoted to promoted\/prod for 3 reasons; nothing was changed:$/m,
    );
    assert.match(
      run.stderr,
      /^ {2}- the release \S+ at \S+ is edited: edited pipeline\/features\. Put it right/m,
    );
    assert.match(
      run.stderr,
      /^ {2}- promoted\/prod is on hold: rolled back by eve\. .*resume --stack prod$/m,
    );
    assert.match(
      run.stderr,
      new RegExp(
        `^ {2}- ${short(other)} is not what test has tested, which is ${short(tested)}: pipeline/score\\. `,
        "m",
      ),
    );
    assert.deepEqual(await rowOf("prod"), before);
    const [same, unknown] = await Promise.all([promote("test"), promote("prod", ["--ref", "no-such"])]);
    assert.deepEqual([same.code, unknown.code], [2, 1]);
    assert.match(unknown.stderr, /The commit cannot be had, so it is not promoted/);
  });

  it("reads from GitHub what was tested, where CI has only prod's credentials: nothing is asked of staging", async () => {
    const ci = { DATABRICKS_HOST: elsewhere.host, DATABRICKS_TOKEN: elsewhere.token };
    const { result, requests } = await staging.requestsOf(() => promote("far", [], ci));
    assert.equal(result.code, 0, result.stderr);
    assert.match(
      result.stderr,
      new RegExp(
        `There are no credentials for ${staging.workspace.host} here: .* from GitHub \\(acme/promoted\\)`,
      ),
    );
    assert.match(result.stderr, new RegExp(`by GitHub, acme/promoted: ${short(tested)}, live there since`));
    assert.match(result.stdout, /^ {2}artifacts {2}1, the tested ones$/m);
    assert.deepEqual(requests, []);
    assert.equal(await farRow(), tested);
    const untested = await promote("far", ["--ref", "main", "--from-github"], ci);
    assert.equal(untested.code, 1, untested.stderr);
    assert.match(untested.stderr, /is not what test has tested, which is .*: pipeline\/score\./);
  });

  it("sends each workspace its own credentials; other artifacts than the tested ones go live by consent only", async () => {
    const { repository, stack, workspace } = staging;
    const file = join(stack.folder, "profiles");
    const profile = ({ host, token }: LocalWorkspace) => ({ host, token });
    writeFileSync(file, profiles({ near: profile(workspace), far: profile(elsewhere) }));
    const both = { DATABRICKS_HOST: undefined, DATABRICKS_TOKEN: undefined, DATABRICKS_CONFIG_FILE: file };
    const unlike = repository.commit(OTHER, "Built otherwise each time");
    staging.configure({ source: { repository: repository.directory, ref: "main", path: "notebooks" } });
    ok(await stack.up());

    const refused = await promote("far", [], both);
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(
      refused.stderr,
      /other ones than those that were tested where it is promoted from:\s+shared\.txt [0-9a-f]{64}/,
    );
    assert.match(
      refused.stderr,
      new RegExp(`test was not promoted to promoted/far: ${short(tested)} is live`),
    );
    assert.equal(await farRow(), tested);

    const agreed = await promote("far", ["--other-artifacts"], both);
    assert.equal(agreed.code, 0, agreed.stderr);
    assert.match(
      agreed.stderr,
      /warning: these artifacts are not the ones that test has tested:\n {2}shared\.txt/,
    );
    assert.equal(await farRow(), unlike);
    const said = refused.stderr + agreed.stderr + agreed.stdout;
    assert.ok(![workspace, elsewhere].some(({ token }) => said.includes(token)));
  });
});

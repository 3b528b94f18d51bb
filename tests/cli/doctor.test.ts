/** `releases doctor`: each thing that can be wrong is named with the way to mend it, and nothing is left behind. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { examineWorkspace, showFindings } from "../../cli/doctor";
import { examine, ok as good, tryOut, type Finding, type Mark } from "../../cli/doctor/finding";
import { checkGround, clock } from "../../cli/doctor/ground";
import { checkEngine, checkGit, checkPython } from "../../cli/doctor/machine";
import { Client } from "../../databricks/client";
import { Ground, unique } from "../conformance/providers/ground";
import { PulumiStack, ROOT } from "../support/pulumi";
import { releases } from "./cli";
import { EnvironmentRig } from "./rig";

const marks = (findings: readonly Finding[]): Record<string, Mark> =>
  Object.fromEntries(findings.map(({ check, mark }) => [check, mark]));
const one = (findings: readonly Finding[], name: string): Finding => {
  const finding = findings.find(({ check }) => check === name);
  assert.ok(finding, `a finding ${name}`);
  return finding;
};

describe("releases doctor", function () {
  this.timeout(120_000);
  let ground: Ground;
  let rig: EnvironmentRig;
  let variables: NodeJS.ProcessEnv;

  before(async function () {
    this.timeout(180_000);
    variables = { ...process.env };
    ground = await Ground.enter();
    rig = await EnvironmentRig.make(ground.workspace, {
      ...{ app: unique("doctor"), env: "prod", repository: ground.repository.url },
    });
  });
  after(async () => {
    for (const name of Object.keys(process.env)) if (!(name in variables)) delete process.env[name];
    Object.assign(process.env, variables);
    await ground?.leave();
  });

  /** Everything that the checks could have left behind. */
  const traces = async (): Promise<string> => {
    const { workspace } = ground;
    const listings = await Promise.all([
      ...["/Shared", "/Shared/operated", "/Users/admin@local.workspace"].map((path) =>
        workspace.api("GET", `/api/2.0/workspace/list?path=${encodeURIComponent(path)}`),
      ),
      workspace.api("GET", "/api/2.2/jobs/list?limit=100"),
      workspace.api("GET", "/api/2.0/secrets/scopes/list"),
      workspace.api("POST", "/api/2.0/mlflow/experiments/search", { max_results: 1000 }),
      workspace.api("POST", "/api/2.0/mlflow/runs/search", { experiment_ids: [rig.experimentId] }),
    ]);
    // An update of no row is no commit either.
    const commits = readdirSync(workspace.dataDir, { recursive: true, encoding: "utf8" }).filter(
      (file) => /_delta_log.*\.json$/.test(file) && file.includes(rig.app.replaceAll("-", "_")),
    );
    assert.ok(commits.length > 0);
    return JSON.stringify([commits.sort(), ...listings.map(({ body }) => body)]);
  };

  it("finds nothing wrong with a stack that is right, whole in one run, and leaves nothing behind", async () => {
    const { workspace, repository } = ground;
    const app = unique("well");
    const home = "/Users/admin@local.workspace";
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: home });
    const stack = new PulumiStack({
      config: {
        "notebook-releases:app": app,
        "notebook-releases:source": { repository: repository.url, path: "nb" },
        "notebook-releases:registry": { warehouse: workspace.warehouse_id, table: rig.table },
        "notebook-releases:secrets": { scope: app },
      },
      env: {
        ...{ DATABRICKS_HOST: workspace.host, DATABRICKS_TOKEN: workspace.token },
        NOTEBOOK_RELEASES_CACHE: process.env.NOTEBOOK_RELEASES_CACHE,
      },
    });
    try {
      await stack.run(["config"]);
      const before = await traces();
      const run = await releases(["doctor", "--stack", "test"], { stack });
      assert.equal(run.code, 0, run.stdout + run.stderr);
      assert.match(run.stdout, /^✓ engine +pulumi v?3\.\d+/m);
      assert.match(
        run.stdout,
        new RegExp(
          `^✓ source +HEAD of .* is ${repository.git("rev-parse", "HEAD").slice(0, 12)}: 3 notebooks`,
          "m",
        ),
      );
      assert.match(run.stdout, /^✓ token +admin@local\.workspace, by DATABRICKS_TOKEN$/m);
      assert.match(run.stdout, /^– python +not checked: not needed/m);
      for (const check of [
        "release root",
        "import",
        "jobs",
        "secrets",
        "warehouse",
        "registry",
        "experiment",
      ]) {
        assert.match(run.stdout, new RegExp(`^✓ ${check} `, "m"), run.stdout);
      }
      assert.doesNotMatch(run.stdout, /✗|!/);
      assert.doesNotMatch(run.stdout, new RegExp(workspace.token));
      assert.equal(await traces(), before);

      const dead = await releases(["doctor", "--stack", "test", "--json"], {
        stack,
        env: { DATABRICKS_HOST: "http://127.0.0.1:1" },
      });
      assert.equal(dead.code, 1);
      const { healthy, findings } = JSON.parse(dead.stdout) as { healthy: boolean; findings: Finding[] };
      assert.equal(healthy, false);
      assert.match(one(findings, "host").found, /127\.0\.0\.1:1 did not answer/);
      assert.deepEqual(
        findings.filter(({ mark }) => mark === "problem").map(({ check }) => check),
        ["host"],
        "what depends on it is not checked",
      );
      assert.equal(one(findings, "jobs").mark, "not checked");

      const bare = await releases(["doctor", "--stack", "test"], { stack, env: { PATH: "/nowhere" } });
      assert.equal(bare.code, 1);
      assert.match(bare.stdout, /^✗ engine +pulumi is not on PATH\n +→ .*npm run --silent env/m);
      assert.match(bare.stdout, /^– configuration +not checked: pulumi comes first$/m);
      assert.match(bare.stdout, /^✗ git /m);
      assert.match(bare.stdout, /^✓ host /m);
    } finally {
      stack.dispose();
    }
  });

  it("says which credentials are wrong or missing, and never shows one", async () => {
    const stack = rig.stack();
    process.env.DATABRICKS_TOKEN = "dapi-expired";
    try {
      const { findings, met } = await checkGround(stack);
      assert.equal(met, undefined);
      assert.deepEqual(marks(findings), { host: "ok", token: "problem", clock: "not checked" });
      assert.match(one(findings, "token").mend, /DATABRICKS_TOKEN/);
      assert.doesNotMatch(JSON.stringify(findings), /dapi-expired/);
      assert.ok((await examineWorkspace({}, stack)).every(({ mark }) => mark === "not checked"));

      delete process.env.DATABRICKS_TOKEN;
      const folder = mkdtempSync(join(tmpdir(), "no profiles "));
      process.env.DATABRICKS_CONFIG_FILE = join(folder, "none");
      const without = await checkGround(stack);
      assert.match(one(without.findings, "token").found, /There are no credentials for/);
      writeFileSync(process.env.DATABRICKS_CONFIG_FILE, `[x]\nhost = ${stack.host}\ntoken = dapi-expired\n`);
      const byProfile = await checkGround(stack);
      assert.match(one(byProfile.findings, "token").found, /refused the credentials/);
      rmSync(folder, { recursive: true });
      delete process.env.DATABRICKS_CONFIG_FILE;
    } finally {
      process.env.DATABRICKS_TOKEN = ground.workspace.token;
    }
  });

  it("says that the stack is another workspace's, and that pulumi up would go elsewhere", async () => {
    const other = await checkGround(rig.stack({ workspaceId: 42 }));
    assert.match(
      one(other.findings, "host").found,
      /is workspace \d+, but this stack was deployed to workspace 42/,
    );
    process.env.DATABRICKS_HOST = "http://127.0.0.1:1";
    const token = process.env.DATABRICKS_TOKEN;
    delete process.env.DATABRICKS_TOKEN;
    const folder = mkdtempSync(join(tmpdir(), "profiles "));
    process.env.DATABRICKS_CONFIG_FILE = join(folder, "cfg");
    writeFileSync(
      process.env.DATABRICKS_CONFIG_FILE,
      `[x]\nhost = ${ground.workspace.host}\ntoken = ${token}\n`,
    );
    try {
      const { findings, met } = await checkGround(rig.stack());
      assert.ok(met);
      assert.match(
        one(findings, "host").found,
        /the environment is for http:\/\/127\.0\.0\.1:1, so pulumi up would stop/,
      );
      assert.match(one(findings, "token").found, /by profile x$/);
    } finally {
      rmSync(folder, { recursive: true });
      delete process.env.DATABRICKS_CONFIG_FILE;
      delete process.env.DATABRICKS_HOST;
      process.env.DATABRICKS_TOKEN = token;
    }
  });

  it("tells each right that a user lacks, by what was refused", async () => {
    const { workspace } = ground;
    const userName = `${unique("reader")}@example.com`;
    const token = await workspace.user(userName);
    const client = new Client({ host: workspace.host, credentials: () => ({ kind: "token", token }) });
    const root = `/Users/admin@local.workspace/${unique("closed")}`;
    await workspace.ok("POST", "/api/2.0/workspace/mkdirs", { path: root });
    const scope = unique("scope");
    await workspace.ok("POST", "/api/2.0/secrets/scopes/create", { scope });
    const stack = rig.stack({ secrets: { scope }, experiment: { path: `${root}/runs` } });
    const before = await traces();
    const findings = await examineWorkspace({ met: { client, userName } }, { ...stack, releaseRoot: root });
    const { import: imports, secrets, experiment } = marks(findings);
    assert.deepEqual(
      { imports, secrets, experiment },
      { imports: "problem", secrets: "problem", experiment: "problem" },
    );
    assert.match(one(findings, "import").mend, /CAN_EDIT on \/Users\/admin/);
    assert.match(one(findings, "secrets").found, /PERMISSION_DENIED/);
    assert.equal(await traces(), before);
  });

  it("warns of releases that everybody may edit, of a stopped warehouse and a table that is not there", async () => {
    const { workspace } = ground;
    const { client, userName } = (await checkGround(rig.stack())).met!;
    const { id } = await workspace.ok("POST", "/api/2.0/sql/warehouses", { name: unique("asleep") });
    await workspace.ok("POST", `/api/2.0/sql/warehouses/${id}/stop`);
    const asleep = await examineWorkspace(
      { met: { client, userName } },
      rig.stack({ registry: { warehouse: id, table: rig.table } }),
    );
    assert.match(one(asleep, "release root").found, /may be edited by everybody: .*(Shared|group users)/);
    assert.deepEqual(
      ["release root", "warehouse", "registry", "secrets"].map((check) => one(asleep, check).mark),
      ["warning", "warning", "not checked", "not checked"],
    );
    const { state } = await workspace.ok("GET", `/api/2.0/sql/warehouses/${id}`);
    assert.equal(state, "STOPPED", "it was not started for this");
    await workspace.ok("DELETE", `/api/2.0/sql/warehouses/${id}`);

    const table = "nowhere.registry";
    const fresh = await examineWorkspace(
      { met: { client, userName } },
      rig.stack({ registry: { warehouse: workspace.warehouse_id, table } }),
    );
    assert.match(one(fresh, "registry").found, /nowhere\.registry does not exist yet/);
    const gone = await examineWorkspace(
      { met: { client, userName } },
      rig.stack({ registry: { warehouse: "0000000000000000", table } }),
    );
    assert.match(one(gone, "warehouse").found, /there is no warehouse 0000000000000000/);
    assert.equal(one(gone, "registry").mark, "not checked");
  });

  it("looks at this machine's git, engine and Python", async () => {
    assert.equal((await checkGit()).mark, "ok");
    assert.equal((await checkPython(ROOT)).mark, "ok");
    const path = process.env.PATH;
    process.env.PATH = "/nowhere";
    try {
      assert.deepEqual([(await checkEngine()).mark, (await checkGit()).mark], ["problem", "problem"]);
    } finally {
      process.env.PATH = path;
    }
  });

  it("keeps to limits, says what could not be removed, and compares clocks", async () => {
    const slow = await examine("slow", () => new Promise<never>(() => undefined), "Wait.", 20);
    assert.deepEqual(slow, { check: "slow", mark: "problem", found: "no answer within 0 s", mend: "Wait." });
    const stuck = await tryOut("job x", async () => () => Promise.reject(new Error("refused")), "never");
    assert.deepEqual(
      [stuck.mark, stuck.found, stuck.mend],
      ["warning", "job x was made but could not be removed: refused", "Delete job x by hand."],
    );
    const now = Date.parse("2026-01-01T00:02:00Z");
    assert.match(clock("Thu, 01 Jan 2026 00:00:00 GMT", now).found, /120 s ahead of/);
    assert.equal(clock("Thu, 01 Jan 2026 00:01:59 GMT", now).mark, "ok");
    assert.equal(clock(undefined, now).mark, "not checked");
  });

  it("prints marks in a column, and long texts within 120", () => {
    const shown = showFindings([
      { check: "host", ...good("answers") },
      { check: "release root", mark: "warning", found: "a word ".repeat(40).trim(), mend: "Do it." },
    ]);
    const lines = shown.split("\n");
    assert.equal(lines[0], "✓ host          answers");
    assert.ok(lines.every((line) => line.length <= 120));
    assert.equal(lines.at(-1), "                → Do it.");
  });
});

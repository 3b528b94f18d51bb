/** One entry per provider: good inputs, another value for what may change, and what can happen to it from outside. */
import type { TypeName } from "../../../providers/tables";
import { notebook } from "../../source/support";
import type { Values } from "./engine";
import { finishRelease } from "./finished";
import { unique, type Ground } from "./ground";

/** The values of the secrets in these tests: nothing that a provider answers may contain one. */
export const SECRET_VARIABLE = "CONFORMANCE_API_TOKEN";
export const SECRET_VALUES = ["first-5e3c9a secret value", "second-77b1d0 secret value"] as const;

export interface Drift {
  /** What somebody does outside of Pulumi. */
  readonly what: string;
  readonly happen: (ground: Ground, outs: Values) => Promise<unknown>;
  /** A part of what `refresh` must show. */
  readonly shows: RegExp;
}

export interface Case {
  readonly type: TypeName;
  inputs(ground: Ground): Promise<Values>;
  /** Inputs to change for a real update in place. */
  updated?(ground: Ground, inputs: Values): Promise<Values>;
  /** Makes it vanish outside of Pulumi; absent where it cannot, or where nothing looks. */
  vanish?(ground: Ground, outs: Values): Promise<unknown>;
  readonly drifts?: readonly Drift[];
  /** `delete` leaves it where it is. */
  readonly kept?: boolean;
  /** Nothing outside the state: no call reaches a workspace. */
  readonly local?: boolean;
  /** Whether it is there, asked without the provider. */
  exists?(ground: Ground, outs: Values): Promise<boolean>;
}

const secrets = "/api/2.0/secrets";
const objects = "/api/2.0/workspace";
const mlflow = "/api/2.0/mlflow";

async function withScope(ground: Ground, more: Values): Promise<Values> {
  const scope = unique("scope");
  await ground.workspace.ok("POST", `${secrets}/scopes/create`, { scope });
  return { ...ground.place, scope, ...more };
}

async function release(ground: Ground): Promise<Values> {
  const { inputs } = await ground.source();
  const { deploymentId } = await ground.deployment();
  return {
    ...ground.place,
    ...inputs,
    ...row(ground),
    path: `/Shared/${unique("releases")}/${inputs.githash}`,
    readers: [],
    build: { command: "true", artifacts: ["nb/data/*"], to: "" },
    artifacts: [],
    deploymentId,
    retention: { keep: 5, graceHours: 72 },
  };
}

export function row(ground: Ground): Values {
  return {
    table: "conformance.registry",
    app: unique("app"),
    env: "test",
    warehouse: ground.workspace.warehouse_id ?? "any",
  };
}

/** Imports a notebook over whatever is there. */
export function edit(ground: Ground, path: string, code: string): Promise<unknown> {
  const content = Buffer.from(notebook(code)).toString("base64");
  return ground.workspace.ok("POST", `${objects}/import`, {
    path,
    content,
    format: "SOURCE",
    language: "PYTHON",
    overwrite: true,
  });
}

export const cases: readonly Case[] = [
  {
    type: "Workspace",
    inputs: async (ground) => ({
      host: ground.place.host,
      expectedWorkspaceId: "",
      move: { ...row(ground), githash: ground.githash, isRollback: false, stack: "test" },
    }),
    kept: true,
  },
  {
    type: "SecretScope",
    inputs: async ({ place }) => ({ ...place, scope: unique("scope") }),
    vanish: ({ workspace }, { scope }) => workspace.ok("POST", `${secrets}/scopes/delete`, { scope }),
    exists: async ({ workspace }, { scope }) =>
      (await workspace.api("GET", `${secrets}/list?scope=${scope}`)).status === 200,
  },
  { type: "DigestKey", inputs: async () => ({}), local: true, kept: true },
  {
    type: "SecretValue",
    inputs: (ground) => {
      const digestKey = Buffer.alloc(32, 7).toString("base64");
      return withScope(ground, {
        key: "api-token",
        from: { env: SECRET_VARIABLE },
        stack: "test",
        directory: "/",
        digestKey,
      });
    },
    updated: async (_ground, inputs) => {
      process.env[SECRET_VARIABLE] = SECRET_VALUES[1];
      return inputs;
    },
    vanish: ({ workspace }, { scope, key }) => workspace.ok("POST", `${secrets}/delete`, { scope, key }),
    exists: async ({ workspace }, { scope, key }) =>
      (await workspace.api("GET", `${secrets}/get?scope=${scope}&key=${key}`)).status === 200,
    drifts: [
      {
        what: "an overwritten secret",
        happen: ({ workspace }, { scope, key }) =>
          workspace.ok("POST", `${secrets}/put`, { scope, key, string_value: "someone's" }),
        shows: /written by somebody else at 20/,
      },
    ],
  },
  {
    type: "SecretPermission",
    inputs: async (ground) => {
      const principal = `${unique("reader")}@example.com`;
      await ground.workspace.user(principal);
      return withScope(ground, { principal, permission: "READ" });
    },
    updated: async (_ground, inputs) => ({ ...inputs, permission: "WRITE" }),
    vanish: ({ workspace }, { scope, principal }) =>
      workspace.ok("POST", `${secrets}/acls/delete`, { scope, principal }),
    exists: async ({ workspace }, { scope, principal }) =>
      (await workspace.api("GET", `${secrets}/acls/get?scope=${scope}&principal=${principal}`)).status ===
      200,
    drifts: [
      {
        what: "another permission",
        happen: ({ workspace }, { scope, principal }) =>
          workspace.ok("POST", `${secrets}/acls/put`, { scope, principal, permission: "MANAGE" }),
        shows: /"permission":"MANAGE"/,
      },
    ],
  },
  {
    type: "MlflowExperiment",
    inputs: async ({ place }) => ({ ...place, path: `/Shared/experiments of teams/${unique("experiment")}` }),
    vanish: ({ workspace }, { experimentId }) =>
      workspace.ok("POST", `${mlflow}/experiments/delete`, { experiment_id: experimentId }),
    exists: async ({ workspace }, { experimentId }) => {
      const { body } = await workspace.api("GET", `${mlflow}/experiments/get?experiment_id=${experimentId}`);
      return body.experiment?.lifecycle_stage === "active";
    },
    kept: true,
  },
  {
    type: "DeploymentRun",
    inputs: async (ground) => ({
      ...ground.place,
      experimentId: await ground.experiment(),
      ...{ app: "churn", env: "test", githash: ground.githash, digest: "d".repeat(64), gate: "g".repeat(64) },
      ...{ source: ground.repository.directory, pipelineId: "manual", note: "a note" },
      ...{ stackId: unique("stack"), rollbackFrom: "", github: { repository: "", environment: "" } },
    }),
    exists: async (ground, { deploymentId }) =>
      (await ground.mlflowRun(deploymentId)).tags.status === "running",
    kept: true,
  },
  {
    type: "GitHubClaim",
    inputs: async () => ({
      repository: "acme/churn",
      ...{ declared: ["staging", "prod"], adopted: ["prod"], there: ["prod"] },
    }),
    updated: async (_ground, inputs) => ({ ...inputs, declared: [...inputs.declared, "qa"] }),
    local: true,
    kept: true,
  },
  {
    type: "BuiltArtifacts",
    inputs: async (ground) => {
      const { digest: _, ...commit } = (await ground.source()).inputs;
      const { deploymentId } = await ground.deployment();
      return {
        ...ground.place,
        ...commit,
        command: "mkdir dist && cat nb/data/zones.csv > dist/zones.txt",
        globs: ["dist/*"],
        to: "",
        timeoutSeconds: 60,
        releasePath: `/Shared/${unique("releases")}/${commit.githash}`,
        deploymentId,
      };
    },
    exists: async ({ workspace }, { artifacts }) =>
      (await workspace.api("GET", `${objects}/get-status?path=${encodeURIComponent(artifacts[0].path)}`))
        .status === 200,
    kept: true,
    drifts: [
      {
        what: "a deleted artifact",
        happen: ({ workspace }, { artifacts }) =>
          workspace.ok("POST", `${objects}/delete`, { path: artifacts[0].path }),
        shows: /missing zones\.txt/,
      },
      {
        what: "an edited artifact",
        happen: ({ workspace }, { artifacts }) =>
          workspace.ok("POST", `${objects}/import`, {
            path: artifacts[0].path,
            content: Buffer.from("zone,name\n1,Harbor!\n").toString("base64"),
            format: "RAW",
            overwrite: true,
          }),
        shows: /edited zones\.txt/,
      },
    ],
  },
  {
    type: "ReleaseDirectory",
    inputs: release,
    updated: async (ground, inputs) => {
      const userName = `${unique("reader")}@example.com`;
      await ground.workspace.user(userName);
      return { ...inputs, readers: [{ userName }] };
    },
    vanish: ({ workspace }, { path }) => workspace.ok("POST", `${objects}/delete`, { path, recursive: true }),
    exists: async ({ workspace }, { path }) =>
      (await workspace.api("GET", `${objects}/get-status?path=${path}`)).status === 200,
    drifts: [
      {
        what: "an edited notebook",
        happen: (ground, { path }) => edit(ground, `${path}/pipeline/score`, "print('edited')"),
        shows: /"drift":\["edited pipeline\/score"\]/,
      },
      {
        what: "a deleted notebook",
        happen: ({ workspace }, { path }) =>
          workspace.ok("POST", `${objects}/delete`, { path: `${path}/pipeline/train` }),
        shows: /"drift":\["missing pipeline\/train"\]/,
      },
      {
        what: "an added notebook",
        happen: (ground, { path }) => edit(ground, `${path}/pipeline/surprise`, "print('added')"),
        shows: /"drift":\["added pipeline\/surprise"\]/,
      },
      {
        what: "an overwritten file",
        happen: ({ workspace }, { path }) =>
          workspace.ok("POST", `${objects}/import`, {
            path: `${path}/data/zones.csv`,
            content: "Cg==",
            format: "RAW",
            overwrite: true,
          }),
        shows: /"drift":\["edited data\/zones.csv"\]/,
      },
      {
        what: "a deleted folder",
        happen: ({ workspace }, { path }) =>
          workspace.ok("POST", `${objects}/delete`, { path: `${path}/pipeline`, recursive: true }),
        shows: /"drift":\["missing pipeline\/score","missing pipeline\/train"\]/,
      },
      {
        what: "a deleted manifest",
        happen: ({ workspace }, { path }) =>
          workspace.ok("POST", `${objects}/delete`, { path: `${path}/.release.json` }),
        shows: /"drift":\["missing .release.json"\]/,
      },
    ],
  },
  {
    type: "NotebookTestRun",
    inputs: async (ground) => {
      const releasePath = `/Shared/${unique("releases")}`;
      await ground.workspace.ok("POST", `${objects}/mkdirs`, { path: `${releasePath}/tests` });
      await edit(ground, `${releasePath}/tests/test_a`, "dbutils.notebook.exit('fine')");
      return {
        ...ground.place,
        ...(await ground.deployment()),
        ...row(ground),
        ...{ githash: ground.githash, digest: "d".repeat(64), gate: "g".repeat(64) },
        ...{ releasePath, tests: ["tests/test_a"], artifacts: [] },
        settings: { timeoutSeconds: 60, retries: 0, parallel: 2, parameters: {}, compute: {} },
      };
    },
    kept: true,
  },
  {
    type: "RegistryRow",
    inputs: async (ground) => {
      const { inputs } = await ground.source();
      const { deploymentId } = await ground.deployment("tested");
      const releasePath = `/Shared/releases/${inputs.githash}`;
      await finishRelease(ground.workspace, releasePath, inputs.digest);
      return {
        ...ground.place,
        ...inputs,
        ...row(ground),
        releasePath,
        deploymentId,
        note: "a note",
        rollbackOf: 0,
        adopt: false,
        stack: "test",
        retention: { keep: 5, graceHours: 72 },
      };
    },
    updated: async (ground, inputs) => {
      const { deploymentId } = await ground.deployment("tested");
      const releasePath = `${inputs.releasePath}-2`;
      await finishRelease(ground.workspace, releasePath, inputs.digest);
      return { ...inputs, deploymentId, releasePath };
    },
    vanish: (ground, { table, app }) => ground.sql(`DELETE FROM ${table} WHERE app = '${app}'`),
    exists: async (ground, { table, app }) =>
      (await ground.sql(`SELECT app FROM ${table} WHERE app = '${app}'`)).length === 1,
    drifts: [
      {
        what: "a moved row",
        happen: (ground, { table, app }) =>
          ground.sql(
            `UPDATE ${table} SET githash = '${"e".repeat(40)}', version = version + 1, move_id = 'm', deployed_by = 'eve' WHERE app = '${app}'`,
          ),
        shows: /"githash":"eeee/,
      },
    ],
  },
];

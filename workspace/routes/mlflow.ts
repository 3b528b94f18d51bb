/** MLflow behind the workspace's tokens, with Databricks' limits in front. API: /api/2.0/mlflow and what its client needs. */
import { posix } from "node:path";
import type { MiddlewareHandler } from "hono";
import { proxy } from "hono/proxy";
import type { App, Env, Workspace } from "../context";
import { ApiError } from "../errors";
import { startMlflow } from "../engines/mlflow";
import { statusOf } from "../objects";
import { mlflowArtifactRoutes, mlflowOf, speaksDatabricks, withDbfsAddresses } from "./mlflowArtifacts";

/** Databricks' limits (docs: "MLflow resource limits"); open-source MLflow allows more. */
const VALUE_BYTES = 500;
const KEY_BYTES = 255;
const BATCH_PARAMS = 100;
const BATCH_ITEMS = 1000;

export function mlflowRoutes(app: App, workspace: Workspace): void {
  const forward: MiddlewareHandler<Env> = async (c) => {
    const { url } = await mlflowOf(workspace);
    const { pathname, search } = new URL(c.req.url);
    const headers = new Headers(c.req.raw.headers);
    // MLflow refuses foreign hosts and origins, and must not see our tokens.
    ["authorization", "host", "origin", "referer", "cookie"].forEach((name) => headers.delete(name));
    const answer = await proxy(`${url}${pathname}${search}`, { raw: c.req.raw, headers });
    return speaksDatabricks(c) ? withDbfsAddresses(answer) : answer;
  };
  mlflowArtifactRoutes(app, workspace);
  app.post(
    "/api/2.0/mlflow/runs/log-parameter",
    limited((body) => checkParams([body])),
    forward,
  );
  app.post("/api/2.0/mlflow/runs/log-batch", limited(checkBatch), forward);
  app.post(
    "/api/2.0/mlflow/experiments/create",
    limited((body) => checkName(workspace, body)),
    forward,
  );
  for (const path of ["/api/2.0/mlflow/*", "/api/3.0/mlflow/*", "/api/2.0/mlflow-artifacts/*"]) {
    app.all(path, forward);
  }
  // The addresses that Databricks' own pages have; a browser is sent on to MLflow's.
  app.get("/ml/experiments/*", async (c) => {
    const ui = await workspace.mlflow?.();
    return ui ? c.redirect(`${ui.url}/#${c.req.path.slice("/ml".length)}`) : c.notFound();
  });
}

/** Starts MLflow with the server and announces its address. */
export async function mlflowEngine(workspace: Workspace): Promise<void> {
  const engine = startMlflow(workspace.settings, workspace.log);
  workspace.onStop("MLflow", () => engine.stop());
  workspace.mlflow = () => engine.ready();
  workspace.announcement.mlflow = (await engine.ready()).url;
}

interface Body {
  key?: string;
  value?: string;
  name?: string;
  params?: Body[];
  metrics?: unknown[];
  tags?: unknown[];
}

/** Looks at the body before it goes on. */
function limited(check: (body: Body) => void): MiddlewareHandler<Env> {
  return async (c, next) => {
    let body: Body;
    try {
      body = JSON.parse(await c.req.raw.clone().text()) as Body;
    } catch {
      throw new ApiError("MALFORMED_REQUEST", "Could not parse request object: the body is not valid JSON");
    }
    check(body);
    await next();
  };
}

function checkBatch({ params = [], metrics = [], tags = [] }: Body): void {
  if (params.length > BATCH_PARAMS) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `A batch can hold at most ${BATCH_PARAMS} params. Got ${params.length}.`,
    );
  }
  const items = params.length + metrics.length + tags.length;
  if (items > BATCH_ITEMS) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `A batch can hold at most ${BATCH_ITEMS} items. Got ${items}.`,
    );
  }
  checkParams(params);
}

function checkParams(params: readonly Body[]): void {
  for (const { key = "", value = "" } of params) {
    if (Buffer.byteLength(key) > KEY_BYTES) {
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        `Param key exceeds the limit of ${KEY_BYTES} bytes: ${key.slice(0, 40)}…`,
      );
    }
    if (Buffer.byteLength(value) > VALUE_BYTES) {
      const length = Buffer.byteLength(value);
      throw new ApiError(
        "INVALID_PARAMETER_VALUE",
        `Param value for '${key}' has ${length} bytes, which exceeds the limit of ${VALUE_BYTES}.`,
      );
    }
  }
}

/** On Databricks an experiment is an object of the workspace: an absolute path in a folder that exists. */
function checkName(workspace: Workspace, { name = "" }: Body): void {
  if (!name.startsWith("/")) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `Got an invalid experiment name '${name}'. An experiment name must be an absolute path within the workspace, like /Users/<user>/<name>.`,
    );
  }
  const parent = posix.dirname(name);
  if (parent !== "/" && !statusOf(workspace, parent)) {
    throw new ApiError(
      "RESOURCE_DOES_NOT_EXIST",
      `The parent folder ${parent} of the experiment does not exist.`,
    );
  }
}

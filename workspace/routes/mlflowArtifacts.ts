/**
 * Artifacts for MLflow clients whose tracking URI is `databricks`. Databricks shows such a client `dbfs:` addresses and
 * hands it signed addresses for upload and download; open-source MLflow has `mlflow-artifacts:` and serves files itself.
 * Seen in mlflow 3.17 (`DatabricksArtifactRepository`), which first tries the workspace's files API and then comes here.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { posix } from "node:path";
import { proxy } from "hono/proxy";
import { readJson, requiredString } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";

const SIGNED = "/ml/signed-artifacts";
const LIFETIME_MS = 3600_000;
/** The signed addresses of one server's life; a client asks for new ones where a signature is refused. */
const KEY = randomBytes(32);

/** True for clients that speak to Databricks through its SDK, as mlflow does with the tracking URI `databricks`. */
export function speaksDatabricks(c: RouteContext): boolean {
  return /databricks-sdk/i.test(c.req.header("user-agent") ?? "");
}

/** The answer with the artifacts' addresses as Databricks shows them. */
export async function withDbfsAddresses(answer: Response): Promise<Response> {
  if (!answer.headers.get("content-type")?.includes("json")) return answer;
  const text = (await answer.text()).replace(
    /("(?:artifact_uri|artifact_location)"\s*:\s*")mlflow-artifacts:\/([^"]*)"/g,
    (_, before: string, path: string) => {
      const shown = path.replace(/^([^/]+)\/models\//, "$1/logged_models/");
      return `${before}dbfs:/databricks/mlflow-tracking/${shown}"`;
    },
  );
  const headers = new Headers(answer.headers);
  headers.delete("content-length");
  return new Response(text, { status: answer.status, headers });
}

export function mlflowArtifactRoutes(app: App, workspace: Workspace): void {
  for (const access of ["read", "write"] as const) {
    app.post(`/api/2.0/mlflow/artifacts/credentials-for-${access}`, async (c) => {
      const body = await readJson(c);
      const runId = requiredString(body, "run_id");
      const root = await rootOfRun(workspace, runId);
      const credentials = pathsOf(body.path).map((path) => ({
        run_id: runId,
        path,
        ...signed(workspace, access, root, path),
      }));
      return c.json({ credential_infos: credentials });
    });
  }
  for (const [verb, access] of [
    ["download", "read"],
    ["upload", "write"],
  ] as const) {
    app.post(`/api/2.0/mlflow/logged-models/:model/artifacts/credentials-for-${verb}`, async (c) => {
      const body = await readJson(c);
      const model = c.req.param("model");
      const root = await rootOfModel(workspace, model);
      const credentials = pathsOf(body.paths).map((path) => ({
        model_id: model,
        credential_info: { path, ...signed(workspace, access, root, path) },
      }));
      return c.json({ credentials });
    });
  }

  // A 404 would mean an empty folder to mlflow; any other refusal sends it to the routes above.
  app.all("/api/2.0/fs/*", async (c, next) => {
    const asked =
      decoded(c.req.path) + (c.req.path.includes("/fs/create-") ? await c.req.raw.clone().text() : "");
    if (!asked.includes("/WorkspaceInternal/Mlflow/")) return next();
    throw new ApiError(
      "PERMISSION_DENIED",
      "The local workspace has no files API for artifacts; use the artifacts' credentials.",
    );
  });

  // No token here: the signature is the permission, as with a cloud's storage.
  app.on(["GET", "PUT"], `${SIGNED}/:access/:expires/:signature/*`, async (c) => {
    const { access, expires, signature } = c.req.param();
    const path = new URL(c.req.url).pathname.split("/").slice(6).join("/");
    const wanted = c.req.method === "PUT" ? "write" : "read";
    const expected = sign(access, expires, decodeURIComponent(path));
    const given = Buffer.from(signature, "hex");
    if (access !== wanted || Number(expires) < Date.now() || !equal(given, Buffer.from(expected, "hex"))) {
      throw new ApiError(
        "PERMISSION_DENIED",
        "The signature of this artifact's address is invalid or has expired.",
      );
    }
    const { url } = await mlflowOf(workspace);
    const headers = new Headers({
      "content-type": c.req.header("content-type") ?? "application/octet-stream",
    });
    return proxy(`${url}/api/2.0/mlflow-artifacts/artifacts/${path}`, { raw: c.req.raw, headers });
  });
}

function signed(workspace: Workspace, access: "read" | "write", root: string, path: string) {
  const full = posix.join(root, path);
  if (!`${full}/`.startsWith(`${root}/`))
    throw new ApiError("INVALID_PARAMETER_VALUE", `Invalid artifact path: ${path}`);
  const expires = String(Date.now() + LIFETIME_MS);
  const address = full.split("/").map(encodeURIComponent).join("/");
  return {
    signed_uri: `${workspace.settings.host}${SIGNED}/${access}/${expires}/${sign(access, expires, full)}/${address}`,
    // The type whose upload is one plain PUT, however large the file.
    type: "GCP_SIGNED_URL",
    headers: [],
  };
}

function sign(access: string, expires: string, path: string): string {
  return createHmac("sha256", KEY)
    .update(JSON.stringify([access, expires, path]))
    .digest("hex");
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path; // The files' own route says what is wrong with it.
  }
}

function pathsOf(value: unknown): string[] {
  const paths = typeof value === "string" ? [value] : Array.isArray(value) ? value : [""];
  return paths.map(String);
}

async function rootOfRun(workspace: Workspace, runId: string): Promise<string> {
  const answer = await ask(workspace, `/api/2.0/mlflow/runs/get?run_id=${encodeURIComponent(runId)}`);
  return rootOf((answer as { run: { info: { artifact_uri: string } } }).run.info.artifact_uri);
}

async function rootOfModel(workspace: Workspace, model: string): Promise<string> {
  const answer = await ask(workspace, `/api/2.0/mlflow/logged-models/${encodeURIComponent(model)}`);
  return rootOf((answer as { model: { info: { artifact_uri: string } } }).model.info.artifact_uri);
}

function rootOf(uri: string): string {
  const path = /^mlflow-artifacts:\/+(.+?)\/*$/.exec(uri)?.[1];
  if (path === undefined) {
    throw new ApiError(
      "INVALID_PARAMETER_VALUE",
      `The artifacts at ${uri} are not kept by this workspace, so it cannot sign their addresses.`,
    );
  }
  return path;
}

async function ask(workspace: Workspace, path: string): Promise<unknown> {
  const { url } = await mlflowOf(workspace);
  const answer = await fetch(url + path, { signal: AbortSignal.timeout(30_000) });
  const body = (await answer.json()) as { message?: string };
  if (!answer.ok)
    throw new ApiError("RESOURCE_DOES_NOT_EXIST", body.message ?? `MLflow answered ${answer.status}`);
  return body;
}

/** MLflow's own address. Throws `TEMPORARILY_UNAVAILABLE` where the server runs without engines. */
export async function mlflowOf(workspace: Workspace): Promise<{ url: string }> {
  if (workspace.mlflow) return workspace.mlflow();
  throw new ApiError(
    "TEMPORARILY_UNAVAILABLE",
    "This local workspace was started without its engines, so it has no MLflow.",
  );
}

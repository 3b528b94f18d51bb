/**
 * Puts the local workspace together: store, users, faults and limits, the groups of routes, and the engines behind them.
 * A new group of routes is a function in `routes/` that is added to `ROUTES`; an engine is a function in `ENGINES`.
 */
import { randomInt } from "node:crypto";
import { appendFileSync, mkdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { acceptToken, adminToken, authenticate, requireAdmin } from "./auth";
import type { Announcement, App, Env, Log, Settings, Workspace } from "./context";
import { ApiError } from "./errors";
import { Faults } from "./faults";
import { prepareVolumes } from "./files/volumes";
import { ensureUser } from "./identities";
import { limits } from "./limits";
import { lockDataDir } from "./lock";
import { behaviourOf, DEFAULT_PORT, type WorkspaceOptions } from "./options";
import { RequestLog } from "./requests";
import { adminRoutes } from "./routes/admin";
import { dbfsRoutes } from "./routes/dbfs";
import { filesRoutes } from "./routes/files";
import { groupsRoutes } from "./routes/groups";
import { jobsRoutes } from "./routes/jobs";
import { mlflowEngine, mlflowRoutes } from "./routes/mlflow";
import { objectsRoutes } from "./routes/objects";
import { oidcRoutes } from "./routes/oidc";
import { permissionsRoutes } from "./routes/permissions";
import { runsRoutes } from "./routes/runs";
import { scimRoutes } from "./routes/scim";
import { secretsRoutes } from "./routes/secrets";
import { sqlEngine, statementsRoutes } from "./routes/statements";
import { volumesRoutes } from "./routes/volumes";
import { warehousesRoutes } from "./routes/warehouses";
import { wellKnownRoutes } from "./routes/wellKnown";
import { Store } from "./store";

/** Every group of routes; the order matters only where paths overlap. */
const ROUTES: ((app: App, workspace: Workspace) => void)[] = [
  wellKnownRoutes,
  oidcRoutes,
  scimRoutes,
  groupsRoutes,
  secretsRoutes,
  objectsRoutes,
  permissionsRoutes,
  jobsRoutes,
  runsRoutes,
  mlflowRoutes,
  warehousesRoutes,
  statementsRoutes,
  volumesRoutes,
  filesRoutes,
  dbfsRoutes,
];

/**
 * What is started behind the routes, side by side, before the server says that it is ready; each registers its
 * end with `workspace.onStop`. Skipped with `engines: false`.
 */
const ENGINES: ((workspace: Workspace) => Promise<void> | void)[] = [mlflowEngine, sqlEngine];

/** The user whose token the server announces. */
const ADMIN_USER = "admin@local.workspace";
const STOP_LIMIT_MS = 10_000;

export interface RunningWorkspace extends Announcement {
  readonly workspace: Workspace;
  readonly host: string;
  readonly token: string;
  /** Stops the server and everything that it started; safe to call twice. */
  readonly stop: () => Promise<void>;
}

/** Starts a local workspace and returns when it is ready. Throws an error for people where it cannot. */
export async function startWorkspace(options: WorkspaceOptions = {}): Promise<RunningWorkspace> {
  const root = path.resolve(__dirname, "..");
  const dataDir = path.resolve(options.dataDir ?? path.join(root, ".local", "workspace"));
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const stops: { name: string; work: () => Promise<void> | void }[] = [];
  const log = logger(dataDir, options.log);
  const stop = once(() => stopAll(stops, log));
  try {
    const unlock = lockDataDir(dataDir);
    stops.push({ name: "lock", work: unlock });
    const server = createServer();
    const port = await listen(server, options.port ?? DEFAULT_PORT);
    stops.push({ name: "listener", work: () => closeServer(server) });
    const store = new Store(path.join(dataDir, "workspace.lmdb"));
    stops.splice(1, 0, { name: "store", work: () => store.close() });
    const token = adminToken(dataDir);
    acceptToken(store, token, ensureUser(store, ADMIN_USER, { admin: true }).userName);
    const settings: Settings = {
      dataDir,
      host: `http://127.0.0.1:${port}`,
      token,
      workspaceId: workspaceId(store),
      python: process.env.NOTEBOOK_RELEASES_PYTHON ?? path.join(root, ".local", "python", "bin", "python"),
      behaviour: behaviourOf(options),
    };
    const workspace: Workspace = {
      settings,
      store,
      log,
      announcement: {},
      onStop: (name, work) => stops.push({ name, work }),
    };
    prepareVolumes(workspace, ADMIN_USER);
    // Longer than clients keep an idle connection: none of them may meet one that is being closed.
    server.keepAliveTimeout = 120_000;
    const answer = getRequestListener(buildApp(workspace, options).fetch);
    server.on("request", (request, response) => void answer(request, response));
    if (options.engines !== false) await Promise.all(ENGINES.map(async (start) => start(workspace)));
    return { workspace, host: settings.host, token, ...workspace.announcement, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function buildApp(workspace: Workspace, options: WorkspaceOptions): App {
  const app: App = new Hono<Env>({ strict: false });
  const faults = new Faults();
  const requests = new RequestLog();
  app.use(requests.middleware());
  app.use("/__workspace/*", authenticate(workspace), requireAdmin());
  adminRoutes(app, workspace, { faults, requests });
  app.use(faults.middleware());
  app.use("/api/*", limits(options), authenticate(workspace), async (c, next) => {
    await next();
    c.header("X-Databricks-Org-Id", workspace.settings.workspaceId);
  });
  for (const routes of ROUTES) routes(app, workspace);
  app.notFound((c) => {
    const message = `The local workspace lacks this: ${c.req.method} ${c.req.path} is not implemented.`;
    workspace.log(`501 ${message}`);
    return new ApiError("NOT_IMPLEMENTED", message).response();
  });
  app.onError((error, c) => {
    if (error instanceof ApiError) return error.response();
    workspace.log(`500 ${c.req.method} ${c.req.path}: ${error.stack ?? error.message}`);
    return new ApiError("INTERNAL_ERROR", `The local workspace failed: ${error.message}`).response();
  });
  return app;
}

/** A number of up to 16 digits, made once a data folder: another folder is another workspace. */
function workspaceId(store: Store): string {
  const table = store.table<string>("settings");
  const id = table.get("workspaceId") ?? String(randomInt(1e13, 2e14));
  table.putSync("workspaceId", id);
  return id;
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return reject(error);
      reject(
        new Error(
          `Port ${port} on 127.0.0.1 is taken by another program. ` +
            "Stop that one, or choose another port with --port N (0 takes any free one).",
        ),
      );
    });
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function stopAll(stops: { name: string; work: () => Promise<void> | void }[], log: Log): Promise<void> {
  for (const { name, work } of [...stops].reverse()) {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<"late">(
      (resolve) => (timer = setTimeout(() => resolve("late"), STOP_LIMIT_MS)),
    );
    try {
      if ((await Promise.race([Promise.resolve(work()), limit])) === "late") {
        log(`${name} did not stop within ${STOP_LIMIT_MS / 1000} s; going on without it`);
      }
    } catch (error) {
      log(`${name} did not stop cleanly: ${(error as Error).message}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}

function logger(dataDir: string, sink: Log = (line) => process.stderr.write(`${line}\n`)): Log {
  const file = path.join(dataDir, "server.log");
  return (line) => {
    const stamped = `${new Date().toISOString()} ${line}`;
    sink(stamped);
    try {
      appendFileSync(file, `${stamped}\n`, { mode: 0o600 });
    } catch {
      // The folder may be gone already when a test removes it; standard error has the line.
    }
  };
}

/** What every group of routes is given: the store, the settings, the engines, and the neighbours that it may call. */
import type { HttpBindings } from "@hono/node-server";
import type { Context as HonoContext, Hono } from "hono";
import type { SqlService } from "./engines/sql";
import type { Behaviour } from "./options";
import type { Store } from "./store";

/** A user, service principal or token owner, as SCIM shows it. */
export interface Identity {
  readonly id: string;
  readonly userName: string;
  readonly displayName: string;
  readonly admin: boolean;
}

export interface Settings {
  /** Folder that holds everything the workspace writes: store, tables, MLflow's data, run folders, logs. */
  readonly dataDir: string;
  /** Base address of this server, e.g. `http://127.0.0.1:8650`, without a slash at the end. */
  readonly host: string;
  /** The administrator's personal access token, which engines use to call back. Never log it. */
  readonly token: string;
  /** The workspace's id, sent as `X-Databricks-Org-Id`. */
  readonly workspaceId: string;
  /** Python interpreter of the environment with pysail, mlflow, … */
  readonly python: string;
  /** Switches for what Databricks documents loosely; see `options.ts`. */
  readonly behaviour: Behaviour;
}

/** Hono's environment of our routes: Node's own request, and the caller, set by the authentication step for `/api/*`. */
export interface Env {
  Bindings: HttpBindings;
  Variables: { identity: Identity };
}
export type App = Hono<Env>;
export type RouteContext = HonoContext<Env>;

/** One line to the server's log (standard error and `<dataDir>/server.log`); never pass a token or secret value. */
export type Log = (line: string) => void;

/** What the one line on standard output says beside `host`, `token` and `pid`; filled in by whoever starts the engines. */
export interface Announcement {
  warehouse_id?: string;
  mlflow?: string;
}

export interface Workspace {
  readonly settings: Settings;
  readonly store: Store;
  readonly log: Log;
  readonly announcement: Announcement;
  /** Adds work for the end of the server (stop a process, close a session). Run last-added first, each within a limit. */
  readonly onStop: (name: string, work: () => Promise<void> | void) => void;
  /** Where notebooks find Spark, and the folder of its tables; starts it if need be. Set by the engine. */
  spark?: () => Promise<{ remote: string; warehouse: string }>;
  /** MLflow's own address; waits until it runs. Set by the engine. */
  mlflow?: () => Promise<{ url: string }>;
  /** Runs SQL; waits until the service runs. Set by the engine. */
  sql?: () => Promise<SqlService>;
}

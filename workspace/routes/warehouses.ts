/** `/api/2.0/sql/warehouses`: one is there from the start; all run on the same local Spark. https://docs.databricks.com/api/workspace/warehouses */
import { randomBytes } from "node:crypto";
import { readJson, requiredString, type Json } from "../body";
import type { App, Identity, Workspace } from "../context";
import { ApiError } from "../errors";
import type { Store } from "../store";

export interface WarehouseRecord {
  /** 16 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly state: "RUNNING" | "STOPPED";
  readonly creator: string;
  /** What else was given when it was created or edited. */
  readonly settings: Json;
}

const API = "/api/2.0/sql/warehouses";
const DEFAULTS = {
  cluster_size: "2X-Small",
  min_num_clusters: 1,
  max_num_clusters: 1,
  auto_stop_mins: 10,
  auto_resume: true,
  enable_photon: true,
  enable_serverless_compute: true,
  spot_instance_policy: "COST_OPTIMIZED",
  warehouse_type: "PRO",
  channel: { name: "CHANNEL_NAME_CURRENT" },
  tags: {},
};

export function warehousesRoutes(app: App, workspace: Workspace): void {
  const { store } = workspace;
  app.get(API, (c) => c.json({ warehouses: all(store).map((record) => view(workspace, record)) }));

  app.post(API, async (c) => {
    requireAdmin(c.get("identity"));
    const body = await readJson(c);
    const { name: _, ...settings } = body;
    const name = freeName(store, requiredString(body, "name"));
    return c.json({ id: add(store, name, c.get("identity").userName, settings).id });
  });

  app.get(`${API}/:id`, (c) => c.json(view(workspace, existing(store, c.req.param("id")))));

  app.post(`${API}/:id/edit`, async (c) => {
    requireAdmin(c.get("identity"));
    const record = existing(store, c.req.param("id"));
    const { name, id: _, ...settings } = await readJson(c);
    const renamed = typeof name === "string" && name !== record.name ? freeName(store, name) : record.name;
    put(store, { ...record, name: renamed, settings: { ...record.settings, ...settings } });
    return c.json({ id: record.id });
  });

  for (const [action, state] of [
    ["start", "RUNNING"],
    ["stop", "STOPPED"],
  ] as const) {
    app.post(`${API}/:id/${action}`, (c) => {
      put(store, { ...existing(store, c.req.param("id")), state });
      return c.json({});
    });
  }

  app.delete(`${API}/:id`, (c) => {
    requireAdmin(c.get("identity"));
    table(store).removeSync(existing(store, c.req.param("id")).id);
    return c.json({});
  });
}

/** The warehouse that every workspace has; made at the first call, its id is kept. */
export function firstWarehouse(store: Store): WarehouseRecord {
  return all(store)[0] ?? add(store, "Local warehouse", "admin@local.workspace", {});
}

/** Makes sure that the warehouse runs: one that was stopped is started by a statement. Throws where there is none. */
export function useWarehouse({ store }: Workspace, id: string): void {
  const record = existing(store, id);
  if (record.state !== "RUNNING") put(store, { ...record, state: "RUNNING" });
}

const table = (store: Store) => store.table<WarehouseRecord>("warehouses");

function all(store: Store): WarehouseRecord[] {
  return [...table(store).getRange()].map(({ value }) => value);
}

function add(store: Store, name: string, creator: string, settings: Json): WarehouseRecord {
  return put(store, { id: randomBytes(8).toString("hex"), name, state: "RUNNING", creator, settings });
}

function put(store: Store, record: WarehouseRecord): WarehouseRecord {
  table(store).putSync(record.id, record);
  return record;
}

function existing(store: Store, id: string): WarehouseRecord {
  const record = table(store).get(id);
  if (record === undefined)
    throw new ApiError("RESOURCE_DOES_NOT_EXIST", `SQL warehouse ${id} does not exist.`);
  return record;
}

function freeName(store: Store, name: string): string {
  if (all(store).some((each) => each.name === name)) {
    throw new ApiError(
      "RESOURCE_ALREADY_EXISTS",
      `A SQL warehouse named ${name} already exists. Choose another name.`,
    );
  }
  return name;
}

function requireAdmin(identity: Identity): void {
  if (!identity.admin) {
    throw new ApiError(
      "PERMISSION_DENIED",
      "Only an administrator may create, edit or delete SQL warehouses here.",
    );
  }
}

function view({ settings }: Workspace, { id, name, state, creator, settings: own }: WarehouseRecord) {
  const { hostname, port, host } = new URL(settings.host);
  const path = `/sql/1.0/warehouses/${id}`;
  return {
    ...DEFAULTS,
    ...own,
    id,
    name,
    state,
    creator_name: creator,
    num_clusters: state === "RUNNING" ? 1 : 0,
    num_active_sessions: 0,
    health: { status: "HEALTHY" },
    jdbc_url: `jdbc:spark://${host}/default;transportMode=http;ssl=0;AuthMech=3;httpPath=${path};`,
    odbc_params: { hostname, path, protocol: "http", port: Number(port) },
  };
}

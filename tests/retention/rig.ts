/** A release root with releases and a registry as they may have come about, made directly: no deployment is needed. */
import { Client } from "../../databricks/client";
import { Warehouse } from "../../databricks/sql";
import { createTables } from "../../providers/registry/table";
import {
  collect,
  type CollectOptions,
  type Ground as Place,
  type Outcome,
} from "../../providers/retention/collect";
import type { Policy } from "../../providers/retention/plan";
import { unique, type Ground } from "../conformance/providers/ground";
import { notebook } from "../source/support";

const OBJECTS = "/api/2.0/workspace";
export const DELETE = `POST ${OBJECTS}/delete`;
/** A commit's id for a small number. */
export const hash = (n: number): string => n.toString(16).padStart(40, "0");

export class RetentionRig {
  readonly app = unique("app");
  readonly root = `/Shared/retained/${this.app}`;
  readonly table = "retention.registry";
  client: Client;

  private constructor(private readonly ground: Ground) {
    this.client = new Client({ host: ground.place.host });
  }

  static async on(ground: Ground): Promise<RetentionRig> {
    const rig = new RetentionRig(ground);
    await createTables(new Warehouse(rig.client, rig.place().warehouse), rig.table);
    return rig;
  }

  place(env = "prod"): Place {
    const warehouse = this.ground.workspace.warehouse_id ?? "any";
    return { root: this.root, warehouse, table: this.table, app: this.app, env };
  }

  path(n: number): string {
    return `${this.root}/${hash(n)}`;
  }

  /** A release with one notebook; without a manifest it is an unfinished one. */
  async release(n: number, { finished = true } = {}): Promise<void> {
    const path = this.path(n);
    await this.ground.workspace.ok("POST", `${OBJECTS}/mkdirs`, { path });
    const content = Buffer.from(notebook("print(1)")).toString("base64");
    await this.import({ path: `${path}/score`, content, format: "SOURCE", language: "PYTHON" });
    if (finished) await this.write(n, { version: 2, githash: hash(n), files: [] });
  }

  /** Writes a release's manifest as it is given. */
  async write(n: number, manifest: object): Promise<void> {
    const content = Buffer.from(JSON.stringify(manifest)).toString("base64");
    await this.import({ path: `${this.path(n)}/.release.json`, content, format: "RAW", overwrite: true });
  }

  private import(body: object): Promise<unknown> {
    return this.ground.workspace.ok("POST", `${OBJECTS}/import`, body);
  }

  /** The release's manifest, or undefined. */
  async manifest(n: number): Promise<Record<string, unknown> | undefined> {
    const path = encodeURIComponent(`${this.path(n)}/.release.json`);
    const { status, body } = await this.ground.workspace.api(
      "GET",
      `${OBJECTS}/export?path=${path}&format=AUTO`,
    );
    return status === 200 ? JSON.parse(Buffer.from(body.content, "base64").toString()) : undefined;
  }

  /** Moves of an environment, one an hour, the first `hoursAgo`; the last release is live. */
  async moved(releases: readonly (number | "destroy")[], hoursAgo: number, env = "prod"): Promise<void> {
    const lines = releases.map((n, index) => {
      const at = new Date(Date.now() - (hoursAgo - index) * 3_600_000).toISOString();
      const [kind, path] = n === "destroy" ? ["destroy", ""] : ["deploy", this.path(n)];
      return `('${this.app}', '${env}', '${unique("move")}', ${index + 1}, '${kind}', '', '', '${path}', '', TIMESTAMP '${at}', 'someone', '')`;
    });
    await this.ground.sql(`INSERT INTO ${this.table}_moves VALUES ${lines.join(", ")}`);
    await this.ground.sql(`DELETE FROM ${this.table} WHERE app = '${this.app}' AND env = '${env}'`);
    const last = releases.at(-1);
    if (typeof last === "number") await this.live(last, env);
  }

  live(n: number, env = "prod"): Promise<unknown> {
    return this.ground.sql(
      `INSERT INTO ${this.table} VALUES ('${this.app}', '${env}', '${hash(n)}', '${this.path(n)}', '', '', 1, current_timestamp(), 'someone', '', '', '')`,
    );
  }

  collect(policy: Partial<Policy> = {}, options: CollectOptions = {}, env = "prod"): Promise<Outcome[]> {
    return collect(this.client, this.place(env), { keep: 1, graceHours: 0, ...policy }, options);
  }

  /** What became of each release, by its number. */
  async outcomes(
    policy: Partial<Policy> = {},
    options: CollectOptions = {},
    env = "prod",
  ): Promise<Record<number, string>> {
    const outcomes = await this.collect(policy, options, env);
    return Object.fromEntries(outcomes.map(({ githash, outcome }) => [parseInt(githash, 16), outcome]));
  }

  /** The names in the root, or undefined where it is not there. */
  async names(): Promise<string[]> {
    const { objects = [] } = await this.ground.workspace.ok("GET", `${OBJECTS}/list?path=${this.root}`);
    return objects.map(({ path }: { path: string }) => path.slice(this.root.length + 1)).sort();
  }

  async exists(n: number): Promise<boolean> {
    return (await this.names()).includes(hash(n));
  }
}

/** Rows of a registry as the provider moves them, without a repository: releases are folders with a manifest and nothing else. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type * as pulumi from "@pulumi/pulumi";
import { Client } from "../../databricks/client";
import { Warehouse } from "../../databricks/sql";
import { load } from "../../providers/handlers";
import { readMoves, type PastMove } from "../../providers/registry/history";
import { createTables, readRow, type RegistryEntry } from "../../providers/registry/table";
import type { Computed, Inputs } from "../../providers/registryRow";
import { finishRelease } from "../conformance/providers/finished";
import { unique, type Ground } from "../conformance/providers/ground";

export const DIGEST = "d".repeat(64);
/** A commit's id for a letter. */
export const commit = (letter: string): string => letter.repeat(40);

/** What a stack's state has of its row. */
export type State = Inputs & Computed;

export interface Wanted {
  /** A letter of `releases`. */
  readonly letter: string;
  readonly note?: string;
  /** Version of the row that is rolled back from. */
  readonly rollbackOf?: number;
  readonly deploymentId?: string;
}

export class RegistryRig {
  readonly warehouse: Warehouse;
  private readonly provider: pulumi.dynamic.ResourceProvider = load("RegistryRow");

  private constructor(
    private readonly ground: Ground,
    readonly table: string,
    readonly root: string,
  ) {
    this.warehouse = new Warehouse(
      new Client({ host: ground.place.host }),
      ground.workspace.warehouse_id ?? "any",
    );
  }

  /** @param releases letters of commits that have a complete release. */
  static async on(ground: Ground, releases: string): Promise<RegistryRig> {
    const name = unique("registry").replaceAll("-", "_");
    const rig = new RegistryRig(ground, `main.${name}.registry`, `/Shared/${name}`);
    for (const letter of releases) await finishRelease(ground.workspace, rig.path(letter), DIGEST);
    await createTables(rig.warehouse, rig.table);
    return rig;
  }

  /** Not named after the commit, so nothing is ever collected. */
  path(letter: string): string {
    return `${this.root}/release ${letter}`;
  }

  inputs(app: string, env: string, { letter, note = "", rollbackOf = 0, deploymentId }: Wanted): Inputs {
    return {
      ...this.ground.place,
      ...{ table: this.table, app, env, warehouse: this.warehouse.id },
      ...{ repository: "", sourcePath: "", exclude: [], digest: DIGEST, stack: env },
      ...{ githash: commit(letter), releasePath: this.path(letter) },
      ...{ deploymentId: deploymentId ?? randomUUID(), note, rollbackOf, adopt: false },
      retention: { keep: 5, graceHours: 72 },
      previousGithash: "",
      changes: { added: [], changed: [], removed: [] },
    };
  }

  async create(inputs: Inputs): Promise<State> {
    return (await this.provider.create(inputs)).outs as State;
  }
  async update(olds: State, news: Inputs): Promise<State> {
    return (await this.provider.update!("row", olds, news)).outs as State;
  }
  async refresh(olds: State): Promise<State | undefined> {
    const { id, props } = await this.provider.read!("row", olds);
    return id ? (props as State) : undefined;
  }
  destroy(state: State): Promise<void> {
    return this.provider.delete!("row", state);
  }

  row(app: string, env: string): Promise<RegistryEntry | undefined> {
    return readRow(this.warehouse, this.table, { app, env });
  }
  async live(app: string, env: string): Promise<RegistryEntry> {
    const row = await this.row(app, env);
    assert.ok(row, `${app}/${env} has a row`);
    return row;
  }
  /** Newest first. */
  moves(app: string, env: string): Promise<PastMove[]> {
    return readMoves(this.warehouse, this.table, { app, env });
  }
  /** `kind from>to`, oldest first, commits by their letters. */
  async history(app: string, env: string): Promise<string[]> {
    const letter = (githash: string) => githash.slice(0, 1) || "-";
    return (await this.moves(app, env))
      .map(({ kind, fromGithash, githash }) => `${kind} ${letter(fromGithash)}>${letter(githash)}`)
      .reverse();
  }
}

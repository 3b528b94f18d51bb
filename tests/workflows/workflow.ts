/** A workflow's file, what starts it, and the order and the matrix of its jobs: what GitHub's servers read of it. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../support/pulumi";
import { fill, type Scope, type Value } from "./expressions";

export const FOLDER = join(ROOT, ".github", "workflows");
export const FILES = readdirSync(FOLDER).sort();

export interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly run?: string;
  readonly shell?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Job {
  readonly name?: string;
  readonly if?: string;
  readonly needs?: string | readonly string[];
  readonly permissions?: Readonly<Record<string, "read" | "write">>;
  readonly environment?: { readonly name: string; readonly deployment?: boolean };
  readonly concurrency?: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly strategy?: { readonly "fail-fast"?: boolean; readonly matrix: Readonly<Record<string, string>> };
  readonly env?: Readonly<Record<string, string>>;
  readonly "timeout-minutes"?: number;
  readonly steps: readonly Step[];
}

interface Input {
  readonly required?: boolean;
  readonly default?: string;
  readonly type?: string;
  readonly options?: readonly string[];
}

export interface Workflow {
  readonly file: string;
  readonly name: string;
  readonly "run-name"?: string;
  readonly on: {
    readonly pull_request?: { readonly types?: readonly string[] } | null;
    readonly push?: { readonly branches: readonly string[] };
    readonly schedule?: readonly { readonly cron: string }[];
    readonly workflow_dispatch?: { readonly inputs?: Readonly<Record<string, Input>> } | null;
  };
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** Something that happened in the repository. */
export interface Event {
  readonly name: keyof Workflow["on"];
  /** `github.event`. */
  readonly payload: Readonly<Record<string, Value>>;
  readonly sha: string;
  /** `refs/heads/main`, `refs/pull/7/merge`. */
  readonly ref: string;
  /** Of a pull request. */
  readonly headRef?: string;
  readonly baseRef?: string;
  /** Of a start by hand. */
  readonly inputs?: Readonly<Record<string, string>>;
}

export function readWorkflow(file: string): Workflow {
  return { ...(parse(readFileSync(join(FOLDER, file), "utf8")) as Omit<Workflow, "file">), file };
}

/**
 * The workflow's inputs, as GitHub makes them of what was given; null for each where it was not started by hand.
 * @throws AssertionError where GitHub would not start it.
 */
export function inputsOf(workflow: Workflow, event: Event): Readonly<Record<string, string | null>> {
  const { file, on } = workflow;
  assert.ok(event.name in on, `${file} is not started by ${event.name}`);
  const declared = on.workflow_dispatch?.inputs ?? {};
  if (event.name !== "workflow_dispatch") {
    checkTrigger(workflow, event);
    return Object.fromEntries(Object.keys(declared).map((name) => [name, null]));
  }
  const given = event.inputs ?? {};
  for (const name of Object.keys(given)) {
    assert.ok(name in declared, `${file} has no input ${name}`);
  }
  return Object.fromEntries(
    Object.entries(declared).map(([name, input]) => {
      const value = given[name] || (input.default ?? "");
      assert.ok(!input.required || value !== "", `${file} needs the input ${name}`);
      assert.ok(!input.options || input.options.includes(value), `${file}: ${name} may not be ${value}`);
      return [name, value];
    }),
  );
}

function checkTrigger({ file, on }: Workflow, { name, payload, ref }: Event): void {
  if (name === "pull_request") {
    const types = on.pull_request?.types ?? ["opened", "synchronize", "reopened"];
    const action = payload.action as string;
    assert.ok(types.includes(action), `${file} is not started by ${action}`);
  }
  if (name === "push") {
    const branches = on.push?.branches.map((branch) => `refs/heads/${branch}`);
    assert.ok(branches?.includes(ref), `${file} is not started by a push to ${ref}`);
  }
}

/** The combinations of a job's matrix; one empty one where it has none. */
export function matrixOf({ strategy }: Job, scope: Scope): Readonly<Record<string, Value>>[] {
  return Object.entries(strategy?.matrix ?? {}).reduce<Readonly<Record<string, Value>>[]>(
    (before, [name, text]) => {
      const values = fill(text, scope);
      assert.ok(Array.isArray(values), `the matrix's ${name} is no list`);
      return before.flatMap((one) => values.map((value: Value) => ({ ...one, [name]: value })));
    },
    [{}],
  );
}

export function needsOf({ needs = [] }: Job): readonly string[] {
  return typeof needs === "string" ? [needs] : needs;
}

/** The job's steps' texts for a shell. */
export function scriptsOf({ jobs }: Workflow): string[] {
  return Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
}

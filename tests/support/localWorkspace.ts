/** Starts local workspaces for tests: on a free port, in a temporary folder, gone at the end. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { WorkspaceOptions } from "../../workspace/options";
import { startWorkspace } from "../../workspace/server";
import type { Workspace } from "../../workspace/context";

export interface Answer<T = any> {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON body, or the text where it is none. */
  readonly body: T;
}

export interface CallOptions {
  /** Another user's token, or "" for none; default: the administrator's. */
  token?: string;
  headers?: Record<string, string>;
}

export interface LocalWorkspace {
  readonly host: string;
  readonly token: string;
  readonly warehouse_id?: string;
  readonly mlflow?: string;
  readonly dataDir: string;
  /** The server's inside, for the few tests that call it directly. */
  readonly workspace: Workspace;
  /** One request; `body` is sent as JSON (FormData and Uint8Array as they are). Any status is an answer. */
  api(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  /** The same, for requests that must succeed: returns the body, or fails with what the server said. */
  ok(method: string, path: string, body?: unknown, options?: CallOptions): Promise<any>;
  /** The same, for requests that must fail: checks status and `error_code`, returns the message. */
  fails(
    status: number,
    code: string,
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<string>;
  /** The token of a user, made if there is none of that name. */
  user(userName: string, options?: { admin?: boolean }): Promise<string>;
  /** Stops the server; removes its folder unless `options.dataDir` was given. */
  stop(): Promise<void>;
}

/** A workspace of the caller's own. With `engines: false` it is there in milliseconds. The caller stops it. */
export async function startLocalWorkspace(options: WorkspaceOptions = {}): Promise<LocalWorkspace> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "local workspace ")));
  const running = await startWorkspace({ port: 0, log: () => undefined, ...options, dataDir });
  const api: LocalWorkspace["api"] = (method, route, body, callOptions) =>
    request(`${running.host}${route}`, method, body, { token: running.token, ...callOptions });
  const ok: LocalWorkspace["ok"] = async (method, route, body, callOptions) => {
    const answer = await api(method, route, body, callOptions);
    assert.ok(answer.status < 300, `${method} ${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    host: running.host,
    token: running.token,
    warehouse_id: running.warehouse_id,
    mlflow: running.mlflow,
    dataDir,
    workspace: running.workspace,
    api,
    ok,
    fails: async (status, code, method, route, body, callOptions) => {
      const answer = await api(method, route, body, callOptions);
      assert.equal(
        answer.status,
        status,
        `${method} ${route}: ${answer.status} ${JSON.stringify(answer.body)}`,
      );
      assert.equal(answer.body.error_code, code);
      assert.equal(typeof answer.body.message, "string");
      return answer.body.message;
    },
    user: async (userName, { admin } = {}) =>
      (await ok("POST", "/__workspace/users", { userName, admin })).token,
    stop: async () => {
      await running.stop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

let shared: Promise<LocalWorkspace> | undefined;

/**
 * The workspace with its engines that all tests of this process share: started by the first caller (give its
 * `before` a timeout of a minute), stopped after the last test. Use names of your own in it.
 */
export function sharedWorkspace(): Promise<LocalWorkspace> {
  return (shared ??= startLocalWorkspace());
}

// Mocha loads test files inside its root suite, so this is a root hook. In a lane of `npm test` it would be one of the
// lane's first suite only: there the engines end with the lane's process, and `npm test` removes the folder.
if (typeof after === "function" && process.env.MOCHA_WORKER_ID === undefined) {
  after("stop the shared local workspace", async function () {
    this.timeout(60_000);
    await (await shared?.catch(() => undefined))?.stop();
  });
}

async function request(url: string, method: string, body: unknown, options: CallOptions): Promise<Answer> {
  const raw = body instanceof FormData || body instanceof Uint8Array || typeof body === "string";
  const headers: Record<string, string> = { ...options.headers };
  if (options.token) headers.Authorization = `Bearer ${options.token}`;
  if (body !== undefined && !raw) headers["Content-Type"] ??= "application/json";
  const response = await fetch(url, {
    method,
    headers,
    body: body === undefined ? undefined : raw ? (body as FormData) : JSON.stringify(body),
    signal: AbortSignal.timeout(120_000),
  });
  const text = await response.text();
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // No JSON: the text itself is the body.
  }
  return { status: response.status, headers: response.headers, body: value };
}

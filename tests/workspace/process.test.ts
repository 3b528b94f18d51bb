/** The local workspace as a process: its one line, its errors, its end, and what a kill in the middle of writes leaves. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const MAIN = path.resolve(__dirname, "../../workspace/main.ts");

interface Started {
  readonly child: ChildProcess;
  readonly host: string;
  readonly token: string;
  readonly pid: number;
  readonly line: string;
}

describe("workspace: process", function () {
  this.timeout(60_000);
  let folder: string;
  const children = new Set<ChildProcess>();
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "process "));
  });
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL");
    children.clear();
    await rm(folder, { recursive: true, force: true });
  });

  function launch(...args: string[]): ChildProcess {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", MAIN, "--no-engines", "--data", path.join(folder, "data"), ...args],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    children.add(child);
    return child;
  }

  const ended = (child: ChildProcess) =>
    new Promise<{ code: number | null; stderr: string; stdout: string }>((resolve) => {
      let [stderr, stdout] = ["", ""];
      child.stderr?.on("data", (chunk) => (stderr += chunk));
      child.stdout?.on("data", (chunk) => (stdout += chunk));
      child.on("close", (code) => resolve({ code, stderr, stdout }));
    });

  function started(child: ChildProcess): Promise<Started> {
    return new Promise((resolve, reject) => {
      let [stderr, stdout] = ["", ""];
      child.stderr?.on("data", (chunk) => (stderr += chunk));
      child.stdout?.on("data", (chunk) => {
        stdout += chunk;
        if (stdout.endsWith("\n")) resolve({ child, line: stdout, ...JSON.parse(stdout) });
      });
      child.on("close", (code) => reject(new Error(`ended with ${code}: ${stderr}`)));
    });
  }

  const call = (server: Started, method: string, route: string, body?: unknown) =>
    fetch(server.host + route, {
      method,
      headers: { Authorization: `Bearer ${server.token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });

  it("prints one line, answers on loopback, and ends on SIGTERM with 0", async () => {
    const server = await started(launch("--port", "0"));
    assert.equal(server.pid, server.child.pid);
    assert.match(server.host, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await call(server, "GET", "/api/2.0/preview/scim/v2/Me")).status, 200);
    const end = ended(server.child);
    server.child.kill("SIGTERM");
    const { code, stdout } = await end;
    assert.deepEqual([code, stdout], [0, ""]);
    await assert.rejects(call(server, "GET", "/api/2.0/preview/scim/v2/Me"));
  });

  it("says which port is taken, and which folder is in use by whom", async () => {
    const server = await started(launch("--port", "0"));
    const port = new URL(server.host).port;
    const taken = await ended(launch("--port", port, "--data", path.join(folder, "other")));
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`Error: Port ${port} on 127\\.0\\.0\\.1 is taken .*--port`));
    const shared = await ended(launch("--port", "0"));
    assert.equal(shared.code, 1);
    assert.match(
      shared.stderr,
      new RegExp(`in use by another local workspace \\(process ${server.pid}\\).*--data`),
    );
    assert.equal(shared.stdout + taken.stdout, "");
  });

  it("refuses options that make no sense, naming them", async () => {
    for (const [option, value] of [
      ["--port", "70000"],
      ["--port", "x"],
      ["--rps", "-1"],
      ["--archive-mode", "explode"],
    ] as const) {
      const { code, stderr } = await ended(launch(option, value));
      assert.equal(code, 1);
      assert.ok(stderr.includes(option) && stderr.includes(value), stderr);
    }
  });

  it("keeps every answered write through kill -9 in the middle of writes, and starts again", async () => {
    const answered: number[] = [];
    let server = await started(launch("--port", "0"));
    for (const round of [1, 2]) {
      const end = ended(server.child);
      const target = round * 60;
      const writer = async (start: number) => {
        for (let index = start; ; index += 4) {
          const name = round * 100_000 + index;
          const body = {
            path: `/Shared/n${name}.py`,
            content: Buffer.from(`# Databricks notebook source\n${name}`).toString("base64"),
            format: "AUTO",
          };
          try {
            if ((await call(server, "POST", "/api/2.0/workspace/import", body)).status === 200)
              answered.push(name);
          } catch {
            return;
          }
          if (answered.length === target) server.child.kill("SIGKILL");
        }
      };
      await Promise.all([0, 1, 2, 3].map(writer));
      await end;
      server = await started(launch("--port", "0"));
      for (const name of answered) {
        const answer = await call(server, "GET", `/api/2.0/workspace/export?path=/Shared/n${name}`);
        const { content } = (await answer.json()) as { content: string };
        assert.equal(
          Buffer.from(content ?? "", "base64").toString(),
          `# Databricks notebook source\n${name}`,
        );
      }
    }
    assert.ok(answered.length >= 120);
  });

  it("takes over a folder whose owner died, even where its number lives on", async () => {
    const first = await started(launch("--port", "0"));
    const end = ended(first.child);
    first.child.kill("SIGKILL");
    await end;
    await writeFile(path.join(folder, "data", "server.lock"), `${process.pid} long-ago`);
    const second = await started(launch("--port", "0"));
    assert.equal(second.token, first.token);
  });
});

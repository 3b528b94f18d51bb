/** Processes that wait for orders to move rows, so that a race costs no start of a process. */
import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { Order, Outcome } from "./racer";

export class Racer {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly waiting: ((outcome: Outcome) => void)[] = [];
  private ended = "";
  /** Resolves once the process waits for orders. */
  readonly ready: Promise<Outcome>;

  constructor(token: string) {
    const tsx = pathToFileURL(require.resolve("tsx")).href;
    this.child = spawn(process.execPath, ["--import", tsx, join(__dirname, "racer.ts")], {
      env: { ...process.env, DATABRICKS_TOKEN: token },
    });
    this.ready = this.answer();
    createInterface({ input: this.child.stdout }).on("line", (line) =>
      this.waiting.shift()?.(JSON.parse(line) as Outcome),
    );
    let said = "";
    this.child.stderr.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-4000)));
    this.child.on("close", (code) => {
      this.ended = `the racer ended with ${code}: ${said}`;
      this.waiting.splice(0).forEach((answer) => answer({ error: this.ended }));
    });
  }

  move(order: Order): Promise<Outcome> {
    assert.equal(this.ended, "");
    const answer = this.answer();
    this.child.stdin.write(`${JSON.stringify(order)}\n`);
    return answer;
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }

  private answer(): Promise<Outcome> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}

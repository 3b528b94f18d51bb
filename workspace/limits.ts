/** What a network and a busy workspace add: latency for every API request, and a limit on requests a second. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MiddlewareHandler } from "hono";
import type { Env } from "./context";

export interface LimitOptions {
  /** Milliseconds added to every API request. */
  latencyMs?: number;
  /** API requests admitted in any one second; unlimited where absent or 0. */
  rps?: number;
  /** Seconds to send as `Retry-After` with a 429. Databricks documents none, so there is none by default. */
  retryAfter?: number;
}

/** Admits at most `rps` requests in any window of one second; a refused request does not count. Times in milliseconds. */
export class SlidingWindow {
  private readonly admitted: number[] = [];
  private next = 0;

  constructor(private readonly rps: number) {}

  take(now: number): boolean {
    const size = Math.max(1, Math.floor(this.rps));
    const windowMs = (size / this.rps) * 1000;
    const oldest = this.admitted[this.next];
    if (oldest !== undefined && now - oldest < windowMs) return false;
    this.admitted[this.next] = now;
    this.next = (this.next + 1) % size;
    return true;
  }
}

export function limits(options: LimitOptions): MiddlewareHandler<Env> {
  const window = options.rps ? new SlidingWindow(options.rps) : undefined;
  const headers: Record<string, string> =
    options.retryAfter === undefined ? {} : { "Retry-After": String(options.retryAfter) };
  return async (_c, next) => {
    if (options.latencyMs) await sleep(options.latencyMs);
    if (window && !window.take(performance.now())) {
      const message = `Current request rate exceeds this workspace's limit of ${options.rps} requests a second. Retry later.`;
      return Response.json({ error_code: "REQUEST_LIMIT_EXCEEDED", message }, { status: 429, headers });
    }
    return next();
  };
}

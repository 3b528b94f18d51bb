/** The last requests that the server answered, for tests and benchmarks: no headers, no bodies, no query values. */
import type { MiddlewareHandler } from "hono";
import type { Env } from "./context";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** HTTP status, or 0 where the connection was closed without an answer. */
  readonly status: number;
  /** Milliseconds from the request's arrival to its answer. */
  readonly ms: number;
  /** Arrival, in milliseconds since 1970. */
  readonly at: number;
}

/** Bounded: the oldest entries go first. */
export class RequestLog {
  private entries: SeenRequest[] = [];
  private total = 0;

  constructor(private readonly capacity = 100_000) {}

  private add(entry: SeenRequest): void {
    this.entries[this.total++ % this.capacity] = entry;
  }

  clear(): void {
    this.entries = [];
    this.total = 0;
  }

  /** In the order of their answers; `dropped` counts those that no longer fit. */
  list(): { requests: SeenRequest[]; dropped: number } {
    const start = this.total > this.capacity ? this.total % this.capacity : 0;
    const requests =
      start === 0 ? [...this.entries] : [...this.entries.slice(start), ...this.entries.slice(0, start)];
    return { requests, dropped: Math.max(0, this.total - this.capacity) };
  }

  middleware(): MiddlewareHandler<Env> {
    return async (c, next) => {
      if (c.req.path.startsWith("/__workspace/")) return next();
      const at = Date.now();
      const started = performance.now();
      await next();
      const status = c.env.incoming.socket?.destroyed ? 0 : c.res.status;
      this.add({
        method: c.req.method,
        path: c.req.path,
        status,
        ms: Math.round((performance.now() - started) * 100) / 100,
        at,
      });
    };
  }
}

/** Faults on demand: rules that make matching requests fail, wait, or lose their answer. Kept in memory only. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MiddlewareHandler } from "hono";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Env } from "./context";
import { ApiError } from "./errors";

/** One rule, as `POST /__workspace/faults` takes it. */
export interface Fault {
  /** `METHOD /path`: the path itself or a prefix of it at a `/`; `*` stands for anything; the method may be `*`. */
  match: string;
  /** HTTP status to answer with instead of doing the work. */
  status?: number;
  /** `error_code` and `message` of that answer; defaults that fit the status. */
  errorCode?: string;
  message?: string;
  /** How many matching requests it affects; default 1, 0 for all. */
  times?: number;
  /** How many matching requests it lets pass first; default 0. */
  after?: number;
  /** Seconds for a `Retry-After` header. */
  retryAfter?: number;
  /** Milliseconds to wait before anything else. */
  latencyMs?: number;
  /** Close the connection: `before` doing anything, or `after` the work, so that only the answer is lost. */
  drop?: "before" | "after";
}

interface ActiveFault {
  readonly rule: Fault;
  readonly pattern: RegExp;
  seen: number;
  hits: number;
}

const DEFAULT_CODES: Record<number, string> = {
  400: "BAD_REQUEST",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "RESOURCE_DOES_NOT_EXIST",
  409: "RESOURCE_CONFLICT",
  429: "REQUEST_LIMIT_EXCEEDED",
  500: "INTERNAL_ERROR",
  501: "NOT_IMPLEMENTED",
  503: "TEMPORARILY_UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

export class Faults {
  private active: ActiveFault[] = [];

  /** Adds a rule; throws `INVALID_PARAMETER_VALUE` for one that could never do anything. */
  add(rule: Fault): void {
    this.active.push({ rule, pattern: compile(validate(rule).match), seen: 0, hits: 0 });
  }

  clear(): void {
    this.active = [];
  }

  /** The rules with how often each was seen and applied. */
  list(): (Fault & { seen: number; hits: number })[] {
    return this.active.map(({ rule, seen, hits }) => ({ ...rule, seen, hits }));
  }

  /** The first rule that applies to this request; counts the request for every rule that matches it. */
  private take(method: string, path: string): Fault | undefined {
    const request = `${method} ${path}`;
    let chosen: Fault | undefined;
    for (const fault of this.active) {
      if (!fault.pattern.test(request)) continue;
      fault.seen++;
      const times = fault.rule.times ?? 1;
      if (chosen || fault.seen <= (fault.rule.after ?? 0) || (times > 0 && fault.hits >= times)) continue;
      fault.hits++;
      chosen = fault.rule;
    }
    return chosen;
  }

  middleware(): MiddlewareHandler<Env> {
    return async (c, next) => {
      const fault = this.active.length > 0 ? this.take(c.req.method, c.req.path) : undefined;
      if (!fault) return next();
      if (fault.latencyMs) await sleep(fault.latencyMs);
      if (fault.drop === "before") {
        c.env.incoming.socket.destroy();
        return RESPONSE_ALREADY_SENT;
      }
      if (fault.status) return faultResponse(fault, fault.status);
      await next();
      if (fault.drop === "after") {
        c.env.incoming.socket.destroy();
        c.res = RESPONSE_ALREADY_SENT;
      }
    };
  }
}

function faultResponse(fault: Fault, status: number): Response {
  const headers: Record<string, string> =
    fault.retryAfter === undefined ? {} : { "Retry-After": String(fault.retryAfter) };
  const code = fault.errorCode ?? DEFAULT_CODES[status] ?? "INTERNAL_ERROR";
  return Response.json(
    { error_code: code, message: fault.message ?? "Fault on demand." },
    { status, headers },
  );
}

const NUMBERS = {
  status: [200, 599],
  times: [0, 1e9],
  after: [0, 1e9],
  retryAfter: [0, 3600],
  latencyMs: [0, 600_000],
};
const FIELDS = new Set(["match", "errorCode", "message", "drop", ...Object.keys(NUMBERS)]);

function validate(rule: Fault): Fault {
  const invalid = (text: string) => new ApiError("INVALID_PARAMETER_VALUE", `Fault: ${text}`);
  if (typeof rule.match !== "string" || !/^(\*|[A-Z]+) [/*]/.test(rule.match)) {
    throw invalid(
      `match must be "METHOD /path", such as "POST /api/2.0/workspace/import", not ${JSON.stringify(rule.match)}`,
    );
  }
  for (const field of Object.keys(rule)) if (!FIELDS.has(field)) throw invalid(`unknown field ${field}`);
  for (const [field, [min, max]] of Object.entries(NUMBERS) as [keyof typeof NUMBERS, [number, number]][]) {
    const value = rule[field];
    if (value === undefined) continue;
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      throw invalid(`${field} must be a number from ${min} to ${max}, not ${JSON.stringify(value)}`);
    }
  }
  if (rule.drop !== undefined && rule.drop !== "before" && rule.drop !== "after") {
    throw invalid(`drop must be "before" or "after", not ${JSON.stringify(rule.drop)}`);
  }
  if (!rule.status && !rule.drop && !rule.latencyMs)
    throw invalid("one of status, drop and latencyMs is needed");
  return rule;
}

function compile(match: string): RegExp {
  const [method = "*", pattern = "*"] = [
    match.slice(0, match.indexOf(" ")),
    match.slice(match.indexOf(" ") + 1),
  ];
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*");
  return new RegExp(`^${method === "*" ? "[A-Z]+" : method} ${escaped.replace(/\/$/, "")}(/.*)?$`);
}

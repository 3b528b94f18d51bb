/**
 * A double of GitHub's API for tests: REST at `/` (as api.github.com) and at `/api/v3` (as GitHub Enterprise, which the
 * Terraform provider asks), state in memory. Every answer is checked against GitHub's OpenAPI description; one that does
 * not hold is a 500 and makes `stop` fail. What it lacks is a loud 501.
 */
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { reach, refuseWithout, type Reached } from "./double/access";
import { GitHubError, linkHeader, type Answer, type Route } from "./double/http";
import { actionRoutes } from "./double/routes/actions";
import { deploymentRoutes } from "./double/routes/deployments";
import { environmentRoutes } from "./double/routes/environments";
import { issueRoutes } from "./double/routes/issues";
import { pullRoutes } from "./double/routes/pulls";
import { repositoryRoutes } from "./double/routes/repositories";
import { rulesetRoutes } from "./double/routes/rulesets";
import { statusRoutes } from "./double/routes/statuses";
import { fill, operationOf, problemsOf } from "./double/schema";
import { State } from "./double/state";

export type * from "./double/state";
export { stateOf } from "./double/routes/deployments";
export { latestStatuses } from "./double/routes/statuses";
export { fullName } from "./double/state";

type App = Hono<{ Bindings: HttpBindings }>;
type AppContext = Context<{ Bindings: HttpBindings }>;

const ROUTES: readonly Route[] = [
  ...repositoryRoutes,
  ...statusRoutes,
  ...deploymentRoutes,
  ...pullRoutes,
  ...issueRoutes,
  ...environmentRoutes,
  ...rulesetRoutes,
  ...actionRoutes,
];
const ENTERPRISE = "/api/v3";

export interface Fault {
  /** The beginning of `METHOD /path`, without the API's prefix; default: every request. */
  readonly match?: string;
  /** Answered in place of GitHub's own; absent: only `latencyMs` or `drop`. */
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly latencyMs?: number;
  /** Closes the connection: before anything is done, or after it. */
  readonly drop?: "before" | "after";
  /** How many requests it meets. Default: 1. */
  readonly times?: number;
}

/** The fault that GitHub calls a secondary rate limit. */
export function secondaryRateLimit(match: string, { retryAfter = 1, times = 1 } = {}): Fault {
  return {
    match,
    times,
    status: 403,
    headers: { "retry-after": String(retryAfter) },
    body: {
      message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
      documentation_url:
        "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
    },
  };
}

export interface SeenRequest {
  readonly method: string;
  /** Without the API's prefix, with the query. */
  readonly path: string;
  readonly status: number;
}

export interface GitHubDouble {
  /** The value of `GITHUB_API_URL`, and of octokit's `baseUrl`; with a slash, the `baseUrl` of `@pulumi/github`. */
  readonly url: string;
  /** An owner's token: it may do everything. `state.token` makes others. */
  readonly token: string;
  readonly state: State;
  /** All requests since the start, the oldest first. */
  readonly requests: SeenRequest[];
  /** Answers that GitHub would not have given, a line each. */
  readonly problems: string[];
  fault(fault: Fault): void;
  clearFaults(): void;
  /** @throws Error where an answer was none of GitHub's. */
  stop(): Promise<void>;
}

/** @param port default: a free one. */
export async function startGitHub({ port = 0 }: { port?: number } = {}): Promise<GitHubDouble> {
  const state = new State();
  const requests: SeenRequest[] = [];
  const problems: string[] = [];
  const faults: { rule: Fault; left: number }[] = [];
  const server = createServer();
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", done);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const root: App = new Hono<{ Bindings: HttpBindings }>({ strict: false });
  root.use(async (c, next) => {
    const { pathname, search } = new URL(c.req.url);
    const path = pathname.replace(ENTERPRISE, "") + search;
    await withFault(c, faults, `${c.req.method} ${path}`, next);
    requests.push({ method: c.req.method, path, status: c.res.status });
  });
  for (const prefix of [ENTERPRISE, ""]) {
    for (const route of ROUTES) {
      const handle = (c: AppContext) => answer(c, route, { state, base: url + prefix, problems });
      for (const path of addressesOf(route.path)) {
        root.on(route.method, prefix + path, handle);
      }
    }
  }
  root.notFound((c) => {
    const message = `The double of GitHub lacks this: ${c.req.method} ${c.req.path}. Add a route in tests/github/double/routes/.`;
    problems.push(message);
    return c.json({ message }, 501);
  });
  root.onError((error, c) => {
    problems.push(`${c.req.method} ${c.req.path}: ${error.stack}`);
    return c.json({ message: error.message }, 500);
  });
  const listen = getRequestListener(root.fetch);
  server.on("request", (request, response) => void listen(request, response));

  return {
    url,
    token: state.token({ login: "owner" }),
    state,
    requests,
    problems,
    fault: (rule) => void faults.push({ rule, left: rule.times ?? 1 }),
    clearFaults: () => void faults.splice(0),
    stop: async () => {
      await close(server);
      if (problems.length > 0) {
        throw new Error(`The double of GitHub:\n${[...new Set(problems)].join("\n")}`);
      }
    },
  };
}

/** The address in hono's form; environments are also reached by the repository's id, as older clients do. */
function addressesOf(path: string): string[] {
  const own = path.replace(/\{(\w+)\}/g, ":$1");
  return path.includes("/environments")
    ? [own, own.replace("/repos/:owner/:repo", "/repositories/:repository_id")]
    : [own];
}

interface Context_ {
  readonly state: State;
  readonly base: string;
  readonly problems: string[];
}

async function answer(c: AppContext, route: Route, { state, base, problems }: Context_): Promise<Response> {
  const name = `${route.method} ${route.path}`;
  const operation = operationOf(name);
  const accepted = Object.entries(route.needs ?? {}).map(([permission, level]) => `${permission}=${level}`);
  c.header("x-accepted-github-permissions", accepted.join("; "));
  c.header("x-ratelimit-limit", "5000");
  c.header("x-ratelimit-remaining", "4999");
  let status: number;
  let body: unknown;
  try {
    const reached: Reached = reach(state, c.req.header("authorization"), c.req.param(), route);
    refuseWithout(route, reached);
    const given = await readBody(c);
    const wrong =
      operation.request && given !== undefined ? problemsOf(lenient(operation.request), given) : [];
    if (wrong.length > 0) {
      throw new GitHubError(422, `Invalid request.\n\n${wrong.join("\n")}`);
    }
    const query = new URL(c.req.url).searchParams;
    const made: Answer = route.handle({
      ...reached,
      state,
      base,
      query,
      params: c.req.param(),
      body: given,
    });
    status = made.status ?? 200;
    body = made.body;
    const link = made.total === undefined ? undefined : linkHeader(base + pathOf(c), query, made.total);
    if (link) c.header("link", link);
  } catch (error) {
    if (!(error instanceof GitHubError)) throw error;
    status = error.status;
    const documentation_url = "https://docs.github.com/rest";
    body = { message: error.message, documentation_url, status: String(status), errors: error.errors };
    for (const [header, value] of Object.entries(error.headers)) c.header(header, value);
  }
  const schema = operation.responses[status];
  if (schema === undefined && status < 400) {
    problems.push(`${name}: GitHub does not answer ${status}`);
  }
  const full = schema ? fill(schema, body, base) : body;
  if (schema) {
    problems.push(...problemsOf(schema, full).map((problem) => `${name} ${status}: ${problem}`));
  }
  return send(c, status, full);
}

function send(c: AppContext, status: number, body: unknown): Response {
  if (body === undefined) {
    return c.body(null, status as 204);
  }
  const text = JSON.stringify(body);
  const etag = `"${createHash("sha256").update(text).digest("hex")}"`;
  if (c.req.method === "GET" && status === 200) {
    c.header("etag", etag);
    if (c.req.header("if-none-match") === etag) return c.body(null, 304);
  }
  return c.body(text, status as 200, { "content-type": "application/json; charset=utf-8" });
}

/** GitHub takes more than it describes (`can_admins_bypass` of an environment): nothing is refused for being there. */
function lenient(schema: Readonly<Record<string, any>>): Readonly<Record<string, any>> {
  let known = lenientSchemas.get(schema);
  if (!known) {
    known = JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
      key === "additionalProperties" && value === false ? true : value,
    ) as Readonly<Record<string, any>>;
    lenientSchemas.set(schema, known);
  }
  return known;
}
const lenientSchemas = new Map<object, Readonly<Record<string, any>>>();

async function readBody(c: AppContext): Promise<unknown> {
  const text = c.req.method === "GET" ? "" : await c.req.text();
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    throw new GitHubError(400, "Problems parsing JSON");
  }
}

function pathOf(c: AppContext): string {
  return new URL(c.req.url).pathname.replace(ENTERPRISE, "");
}

/** Does the work, or what the first fault says that the request meets. */
async function withFault(
  c: AppContext,
  faults: { rule: Fault; left: number }[],
  request: string,
  work: () => Promise<void>,
): Promise<void> {
  const fault = faults.find(({ rule, left }) => left > 0 && request.startsWith(rule.match ?? ""));
  if (!fault) {
    return work();
  }
  fault.left -= 1;
  const { latencyMs = 0, drop, status, body, headers } = fault.rule;
  await sleep(latencyMs);
  if (drop !== "before" && status === undefined) {
    await work();
  }
  if (drop) {
    c.env.incoming.socket.destroy();
    // Nobody gets it; without one, hono would take it for a mistake.
    if (drop === "before") c.res = new Response(null, { status: 500 });
  }
  if (status !== undefined) {
    c.res = new Response(JSON.stringify(body ?? { message: "a fault" }), { status, headers });
  }
}

function close(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

/**
 * The REST client: one request, signed, with a time limit, retried only where a repeat is safe.
 * The files beside this one hold one API group each and build on `call`.
 */
import {
  DelegateBackoff,
  ExponentialBackoff,
  decorrelatedJitterGenerator,
  handleWhen,
  retry,
  type IBackoff,
  type IRetryBackoffContext,
  type RetryPolicy,
} from "cockatiel";
import { Agent, request, type Dispatcher, type FormData } from "undici";
import { resolveCredentials, type Credentials } from "./credentials";
import { ApiError, ConnectionError, CredentialsError } from "./errors";
import { TokenSource } from "./token";

export type Method = "HEAD" | "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in place of `body`: a file's bytes, or a form. */
  readonly payload?: Buffer | FormData;
  /**
   * Whether a repeat does no harm, so that a lost connection or a 5xx may be retried.
   * Default: true for HEAD, GET, PUT and DELETE, false for POST and PATCH. 429 is retried in any case: nothing was done.
   */
  readonly repeatable?: boolean;
  /** The caller paces its requests (`pacing.ts`): a 429 and a passed time limit are its to repeat, not the client's. */
  readonly paced?: boolean;
  /** Limit of one attempt in ms. Default: 60,000. */
  readonly timeoutMs?: number;
  /** Limit of the whole call in ms, repeats and the waits between them included. Default: none. */
  readonly deadlineMs?: number;
}

export interface ClientOptions {
  readonly host: string;
  /** Resolved anew for each request, so that a rotated token is used at once. Default: the environment's. */
  readonly credentials?: () => Credentials;
  /** Attempts of one call that fails otherwise than by a 429, the first included. Default: 6. */
  readonly attempts?: number;
  /** For how long a workspace that says "too many requests" is asked again, in ms. Default: 60,000. */
  readonly busyLimitMs?: number;
  /** Limit for a connection to be made in ms. Default: 5,000, so that a wrong address is said within seconds. */
  readonly connectTimeoutMs?: number;
}

/** What a server may mean by "try again": too many requests, or a passing failure of its own. */
const PASSING_STATUS = new Set([500, 502, 503, 504]);
const LONGEST_RETRY_AFTER_S = 60;

export class Client {
  readonly host: string;
  private readonly dispatcher: Dispatcher;
  private readonly tokens: TokenSource;
  private readonly attempts: number;
  /** As in the options. */
  readonly busyLimitMs: number;

  constructor(options: ClientOptions) {
    this.host = options.host;
    this.attempts = options.attempts ?? 6;
    this.busyLimitMs = options.busyLimitMs ?? 60_000;
    this.dispatcher = new Agent({ connect: { timeout: options.connectTimeoutMs ?? 5000 }, connections: 64 });
    this.tokens = new TokenSource(
      options.host,
      options.credentials ?? (() => resolveCredentials()),
      this.dispatcher,
    );
  }

  /**
   * One API call; answers the decoded JSON body (`{}` where it is empty).
   * @throws ApiError, ConnectionError, CredentialsError
   */
  async call<T>(method: Method, path: string, options: Call = {}): Promise<T> {
    return (await this.exchange<T>(method, path, options)).value;
  }

  /** As `call`, with the answer's headers beside the decoded body. */
  async exchange<T>(method: Method, path: string, options: Call = {}) {
    const { headers, status, body } = await this.answer(method, path, options);
    return { headers, value: decode<T>(method, path, this.host, status, body) };
  }

  /** As `call`, for a file: the answer's bytes as they are. */
  async bytes(method: Method, path: string, options: Call = {}): Promise<Buffer> {
    return (await this.answer(method, path, options, "*/*")).body;
  }

  private async answer(method: Method, path: string, options: Call, accept = "application/json") {
    const repeatable = options.repeatable ?? (method !== "POST" && method !== "PATCH");
    const deadline = options.deadlineMs === undefined ? Infinity : Date.now() + options.deadlineMs;
    const busyUntil = options.paced ? 0 : Math.min(deadline, Date.now() + this.busyLimitMs);
    const policy = retryPolicy({ attempts: this.attempts, repeatable, deadline, busyUntil });
    return policy.execute(() => this.attempt(method, path, options, deadline, accept));
  }

  private async attempt(method: Method, path: string, options: Call, deadline: number, accept: string) {
    const json = options.body === undefined ? undefined : JSON.stringify(options.body);
    const timeout = options.timeoutMs ?? 60_000;
    let response: Dispatcher.ResponseData;
    let body: Buffer;
    try {
      const authorization = await this.tokens.authorization();
      response = await request(this.host + path, {
        method,
        query: withoutUndefined(options.query),
        headers: {
          authorization,
          accept,
          "user-agent": "notebook-releases",
          ...contentType(options),
        },
        body: options.payload ?? json,
        signal: deadline === Infinity ? undefined : AbortSignal.timeout(Math.max(1, deadline - Date.now())),
        dispatcher: this.dispatcher,
        headersTimeout: timeout,
        bodyTimeout: timeout,
      });
      body = Buffer.from(await response.body.arrayBuffer());
    } catch (error) {
      throw connectionError(method, path, this.host, error);
    }
    // A redirection is none of the API's answers: what was asked for was not done.
    if (response.statusCode >= 300) {
      throw apiError(method, path, this.host, response, body);
    }
    return { headers: response.headers, status: response.statusCode, body };
  }

  async close(): Promise<void> {
    await this.dispatcher.close();
  }
}

/** A form says its own. */
function contentType({ body, payload }: Call): Record<string, string> {
  if (payload === undefined) {
    return body === undefined ? {} : { "content-type": "application/json" };
  }
  return Buffer.isBuffer(payload) ? { "content-type": "application/octet-stream" } : {};
}

interface Patience {
  /** Of failures other than a 429. */
  readonly attempts: number;
  readonly repeatable: boolean;
  /** Epoch ms after which nothing is tried again. */
  readonly deadline: number;
  /** Epoch ms until which "too many requests" is no failure; 0 for a caller that paces its requests itself. */
  readonly busyUntil: number;
}

function retryPolicy({ attempts, repeatable, deadline, busyUntil }: Patience): RetryPolicy {
  let failures = 0;
  const passing = (error: Error) => {
    if (busyUntil === 0 && isSetback(error)) {
      return false;
    }
    const wait = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
    if (Date.now() + wait * 1000 >= deadline) {
      return false;
    }
    if (error instanceof ApiError && error.status === 429) {
      return Date.now() < busyUntil;
    }
    failures += 1;
    if (failures >= attempts) {
      return false;
    }
    if (error instanceof ApiError) {
      return repeatable && PASSING_STATUS.has(error.status);
    }
    return (
      error instanceof ConnectionError &&
      (repeatable || error.code === "ECONNREFUSED") &&
      !isUnreachable(error)
    );
  };
  const jitter = new ExponentialBackoff({
    initialDelay: 200,
    maxDelay: 10_000,
    generator: decorrelatedJitterGenerator,
  });
  type Context = IRetryBackoffContext<unknown>;
  const backoff = new DelegateBackoff<Context, IBackoff<Context>>((context, previous) => {
    const next = previous ? previous.next(context) : jitter.next();
    const error = "error" in context.result ? context.result.error : undefined;
    const asked = error instanceof ApiError ? error.retryAfter : undefined;
    return { delay: asked === undefined ? next.duration : asked * 1000, state: next };
  });
  return retry(handleWhen(passing), { maxAttempts: Infinity, backoff });
}

/** What tells a caller that paces its requests to slow down. */
function isSetback(error: Error): boolean {
  return error instanceof ApiError
    ? error.status === 429
    : error instanceof ConnectionError && error.timedOut;
}

/** A host that has no address, or that let the time limit for connecting pass: trying again would only wait. */
function isUnreachable(error: ConnectionError): boolean {
  return ["ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "EHOSTUNREACH", "ENETUNREACH"].includes(
    error.code,
  );
}

function connectionError(method: string, path: string, host: string, error: unknown): Error {
  if (error instanceof CredentialsError || error instanceof ApiError) {
    return error;
  }
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new ConnectionError(method, path, host, "TIMEOUT", "no answer within the time limit");
  }
  const cause = error as { code?: string; message?: string; errors?: { code?: string; message?: string }[] };
  // Node tries each address of a name and reports the failures together (AggregateError).
  const first = cause.errors?.[0];
  const code = cause.code ?? first?.code ?? "UNKNOWN";
  return new ConnectionError(method, path, host, code, cause.message || first?.message || code);
}

function apiError(
  method: string,
  path: string,
  host: string,
  response: Dispatcher.ResponseData,
  body: Buffer,
) {
  const { code, detail } = decodeError(body, response.statusCode);
  const hint =
    response.statusCode === 401 || (response.statusCode === 403 && /token/i.test(detail))
      ? ` ${host} refused the credentials. Check DATABRICKS_TOKEN (or the client id and secret): are they this workspace's, and still valid?`
      : "";
  const retryAfter = Number(response.headers["retry-after"]);
  return new ApiError(
    method,
    path,
    response.statusCode,
    code,
    detail + hint,
    Number.isFinite(retryAfter) && retryAfter > 0 ? Math.min(retryAfter, LONGEST_RETRY_AFTER_S) : undefined,
  );
}

/** The JSON of a good answer; a sign-in page or a proxy answers 200 as well, with something else. */
function decode<T>(method: string, path: string, host: string, status: number, body: Buffer): T {
  if (body.length === 0) {
    return {} as T;
  }
  const text = body.toString("utf8");
  try {
    return JSON.parse(text) as T;
  } catch {
    const detail = `the answer is no JSON: "${excerpt(text)}". Is ${host} a Databricks workspace's address?`;
    throw new ApiError(method, path, status, "NO_JSON", detail);
  }
}

/** The start of a page's text, without its tags. */
function excerpt(page: string): string {
  return page
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);
}

/** Databricks' error body; gateways in front of it may answer with HTML or nothing at all. */
function decodeError(body: Buffer, status: number): { code: string; detail: string } {
  const text = body.toString("utf8");
  try {
    const { error_code, message, detail } = JSON.parse(text) as Record<string, string | number | undefined>;
    return { code: String(error_code ?? `HTTP_${status}`), detail: String(message ?? detail ?? "") };
  } catch {
    return { code: `HTTP_${status}`, detail: excerpt(text) };
  }
}

function withoutUndefined(query: Query | undefined): Record<string, string | number | boolean> | undefined {
  return (
    query && (Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as never)
  );
}

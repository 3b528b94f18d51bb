/** One operation of the double: who may call it, what it answers; and the errors and pages as GitHub has them. */
import type { Repository, State, Token } from "./state";

export type Level = "read" | "write";
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Call {
  readonly state: State;
  /** The repository in the path; of paths without one, nothing that may be read. */
  readonly repository: Repository;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: any;
  /** Who calls; undefined without a token. */
  readonly token?: Token;
  /** The address that answers refer to: of the double and the API's prefix. */
  readonly base: string;
}

export interface Answer {
  readonly status?: number;
  /** undefined: no body. */
  readonly body?: unknown;
  /** Total of a list that was cut into a page. */
  readonly total?: number;
}

export interface Route {
  readonly method: Method;
  /** As in GitHub's OpenAPI description. */
  readonly path: string;
  /**
   * What a token must have of the repository, any of them; the names are GitHub's own in `permissions` of a workflow and
   * in `X-Accepted-GitHub-Permissions`. Absent: any token will do.
   */
  readonly needs?: Readonly<Record<string, Level>>;
  readonly handle: (call: Call) => Answer;
}

/** An answer that is an error; the body is GitHub's. */
export class GitHubError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly errors?: readonly (string | Readonly<Record<string, string>>)[],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export const notFound = () => new GitHubError(404, "Not Found");

export function invalid(resource: string, field: string, code: string, message?: string): GitHubError {
  return new GitHubError(422, "Validation Failed", [
    { resource, field, code, ...(message ? { message } : {}) },
  ]);
}

export function found<T>(value: T | undefined): T {
  if (value === undefined) {
    throw notFound();
  }
  return value;
}

/** One page of a list: 30 items, at most 100, as `per_page` and `page` ask. */
export function page<T>(query: URLSearchParams, items: readonly T[]): { items: T[]; total: number } {
  const { size, number } = pageOf(query);
  return { items: items.slice((number - 1) * size, number * size), total: items.length };
}

/** The page as an answer's whole body. */
export function list<T>({ query }: Call, items: readonly T[], show: (item: T) => unknown): Answer {
  const { items: shown, total } = page(query, items);
  return { body: shown.map(show), total };
}

/** The page as a property of the answer's body, beside `total_count`. */
export function counted<T>(
  { query }: Call,
  name: string,
  items: readonly T[],
  show: (item: T) => unknown,
): Answer {
  const { items: shown, total } = page(query, items);
  return { body: { total_count: total, [name]: shown.map(show) }, total };
}

export function pageOf(query: URLSearchParams): { size: number; number: number } {
  const number = (name: string, fallback: number) => {
    const value = Number.parseInt(query.get(name) ?? "", 10);
    return Number.isNaN(value) || value < 1 ? fallback : value;
  };
  return { size: Math.min(100, number("per_page", 30)), number: number("page", 1) };
}

/** The `Link` header of a page; undefined where all is on one. */
export function linkHeader(address: string, query: URLSearchParams, total: number): string | undefined {
  const { size, number } = pageOf(query);
  const last = Math.ceil(total / size);
  if (last <= 1) {
    return undefined;
  }
  const to = (page: number, rel: string) => {
    const next = new URLSearchParams(query);
    next.set("page", String(page));
    return `<${address}?${next.toString()}>; rel="${rel}"`;
  };
  const before = number > 1 ? [to(number - 1, "prev"), to(1, "first")] : [];
  const after = number < last ? [to(number + 1, "next"), to(last, "last")] : [];
  return [...before, ...after].join(", ");
}

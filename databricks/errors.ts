/** The errors of the REST client, each with what failed, where, and what to do next. Never holds a token. */

/** Databricks answered with an error. `code` is the API's `error_code`, or `HTTP_<status>` where there is none. */
export class ApiError extends Error {
  constructor(
    readonly method: string,
    readonly path: string,
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    /** Seconds from `Retry-After`, where the server sent it. */
    readonly retryAfter?: number,
  ) {
    super(`${method} ${path}: ${code} (HTTP ${status})${detail ? `: ${detail}` : ""}`);
    this.name = "ApiError";
  }

  /** Something that does not exist (or was deleted meanwhile). */
  get notFound(): boolean {
    return this.status === 404 || this.code === "RESOURCE_DOES_NOT_EXIST";
  }

  get alreadyExists(): boolean {
    return this.code === "RESOURCE_ALREADY_EXISTS";
  }
}

/** No answer: the host cannot be reached, or the connection broke. The request may or may not have been carried out. */
export class ConnectionError extends Error {
  constructor(
    readonly method: string,
    readonly path: string,
    readonly host: string,
    readonly code: string,
    reason: string,
  ) {
    super(
      `${host} did not answer ${method} ${path} (${reason}). ` +
        "Check the address (DATABRICKS_HOST or databricks:host), the network, and that the workspace is up.",
    );
    this.name = "ConnectionError";
  }

  /** The server took the request and let the time limit pass. */
  get timedOut(): boolean {
    return ["TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"].includes(this.code);
  }
}

/** Credentials are missing or unusable; nothing was sent. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** True for a request that Databricks refused because the thing is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.notFound;
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The one error type that routes throw; `server.ts` turns it into Databricks' JSON error body. */

/** Databricks' documented `error_code` values that this server uses, with their HTTP status. */
const STATUS = {
  "401": 401,
  "403": 403,
  BAD_REQUEST: 400,
  INVALID_PARAMETER_VALUE: 400,
  MALFORMED_REQUEST: 400,
  INVALID_STATE: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  MAX_NOTEBOOK_SIZE_EXCEEDED: 400,
  MAX_READ_SIZE_EXCEEDED: 400,
  MAX_BLOCK_SIZE_EXCEEDED: 400,
  IO_ERROR: 400,
  DIRECTORY_NOT_EMPTY: 400,
  DIRECTORY_PROTECTED: 400,
  QUOTA_EXCEEDED: 400,
  RESOURCE_LIMIT_EXCEEDED: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  RESOURCE_DOES_NOT_EXIST: 404,
  NOT_FOUND: 404,
  ENDPOINT_NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 412,
  REQUEST_LIMIT_EXCEEDED: 429,
  INTERNAL_ERROR: 500,
  NOT_IMPLEMENTED: 501,
  TEMPORARILY_UNAVAILABLE: 503,
} as const;

export type ErrorCode = keyof typeof STATUS;

/** An error that the client sees as `{"error_code": code, "message": message}` with the code's HTTP status. */
export class ApiError extends Error {
  readonly status: number;
  /** A finer word for the code, as the Files API sends it in the error's details. */
  readonly reason?: string;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { status?: number; reason?: string } = {},
  ) {
    super(message);
    this.status = options.status ?? STATUS[code];
    this.reason = options.reason;
  }

  /** The answer that the client gets. */
  response(): Response {
    const info = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: this.reason };
    const details =
      this.reason === undefined ? undefined : [{ ...info, domain: "filesystem.databricks.com" }];
    return Response.json({ error_code: this.code, message: this.message, details }, { status: this.status });
  }
}

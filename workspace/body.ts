/** Reads a request's JSON body and its fields, with the errors that Databricks gives for bad ones. */
import type { RouteContext } from "./context";
import { ApiError } from "./errors";

export type Json = Record<string, unknown>;

/** The body as an object; an absent one is `{}`. Throws `MALFORMED_REQUEST` for anything that is no JSON object. */
export async function readJson<T extends object = Json>(c: RouteContext): Promise<T> {
  const text = await c.req.text();
  if (text.trim() === "") return {} as T;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError("MALFORMED_REQUEST", "Could not parse request object: the body is not valid JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ApiError("MALFORMED_REQUEST", "Could not parse request object: the body must be a JSON object");
  }
  return value as T;
}

/** A string field that must be there and not be empty. */
export function requiredString(from: Json, field: string): string {
  const value = from[field];
  if (value === undefined || value === null || value === "") {
    throw new ApiError("INVALID_PARAMETER_VALUE", `Missing required field: ${field}`);
  }
  if (typeof value !== "string") {
    throw new ApiError("MALFORMED_REQUEST", `Could not parse request object: ${field} must be a string`);
  }
  return value;
}

/** A string field, or undefined where it is absent. */
export function optionalString(from: Json, field: string): string | undefined {
  const value = from[field];
  return value === undefined || value === null || value === "" ? undefined : requiredString(from, field);
}

/** A boolean field, `false` where it is absent; `"true"` and `"false"` count, as forms and query strings send them. */
export function optionalBoolean(from: Json, field: string): boolean {
  const value = from[field];
  if (value === undefined || value === null || value === "") return false;
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw new ApiError("MALFORMED_REQUEST", `Could not parse request object: ${field} must be true or false`);
}

/** A required parameter of the query string. */
export function requiredQuery(c: RouteContext, name: string): string {
  const value = c.req.query(name);
  if (value === undefined || value === "") {
    throw new ApiError("INVALID_PARAMETER_VALUE", `Missing required field: ${name}`);
  }
  return value;
}

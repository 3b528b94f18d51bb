/** SCIM's list answers: filter and pages. */
import type { RouteContext } from "../context";
import { ApiError } from "../errors";

type Resource = Record<string, unknown>;

/**
 * A `ListResponse` of what the query's `filter` (`attribute eq|co|sw "value"`, joined by `and` or by `or`), `startIndex`
 * and `count` leave. Throws `INVALID_PARAMETER_VALUE` for a filter that is none of these.
 */
export function page(c: RouteContext, resources: Resource[]): Resource {
  const filter = c.req.query("filter");
  const matching = filter ? resources.filter(compile(filter)) : resources;
  const startIndex = Math.max(1, Number(c.req.query("startIndex") ?? 1) || 1);
  const count = Number(c.req.query("count") ?? 100);
  const shown = matching.slice(startIndex - 1, startIndex - 1 + (Number.isFinite(count) ? count : 100));
  return {
    schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
    totalResults: matching.length,
    startIndex,
    itemsPerPage: shown.length,
    Resources: shown,
  };
}

function compile(filter: string): (resource: Resource) => boolean {
  const either = filter.split(/ or /i);
  const terms = (either.length > 1 ? either : filter.split(/ and /i)).map(compileTerm);
  return (resource) =>
    either.length > 1 ? terms.some((term) => term(resource)) : terms.every((term) => term(resource));
}

function compileTerm(text: string): (resource: Resource) => boolean {
  const match = /^\s*([\w.]+)\s+(eq|co|sw)\s+"?([^"]*)"?\s*$/i.exec(text);
  if (!match) throw new ApiError("INVALID_PARAMETER_VALUE", `This filter is not understood: ${text}`);
  const [, attribute = "", operator = "", value = ""] = match;
  const wanted = value.toLowerCase();
  return (resource) => {
    const key = Object.keys(resource).find((name) => name.toLowerCase() === attribute.toLowerCase());
    const found = key === undefined ? undefined : resource[key];
    const actual = typeof found === "string" || typeof found === "boolean" ? String(found).toLowerCase() : "";
    if (operator.toLowerCase() === "eq") return actual === wanted;
    return operator.toLowerCase() === "sw" ? actual.startsWith(wanted) : actual.includes(wanted);
  };
}

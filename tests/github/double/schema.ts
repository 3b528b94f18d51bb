/** GitHub's OpenAPI description (openapi/excerpt.json) at work: checks requests and answers, fills what nobody asked about. */
import Ajv, { type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import excerpt from "../openapi/excerpt.json";

type Schema = Readonly<Record<string, any>>;
interface Operation {
  readonly request: Schema | null;
  /** By status; null: an answer without a body. */
  readonly responses: Readonly<Record<string, Schema | null>>;
}

const operations = excerpt.operations as unknown as Readonly<Record<string, Operation>>;
const schemas = excerpt.schemas as unknown as Readonly<Record<string, Schema>>;
// Its own format of a repository's name has no definition.
const formats = { "repo.nwo": true } as const;
const ajv = addFormats(new Ajv({ strict: false, allErrors: true, formats }));
ajv.addSchema({ $id: "github", schemas: excerpt.schemas });
const validators = new Map<Schema, ValidateFunction>();

/** @param name as "POST /repos/{owner}/{repo}/deployments". */
export function operationOf(name: string): Operation {
  const operation = operations[name];
  if (!operation) {
    throw new Error(`${name} is not in openapi/excerpt.json: add it to excerpt.mjs and make the file anew`);
  }
  return operation;
}

/** What is wrong with the value, a line each; empty where nothing is. */
export function problemsOf(schema: Schema, value: unknown): string[] {
  let validate = validators.get(schema);
  if (!validate) {
    validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/schemas/', '"github#/schemas/')));
    validators.set(schema, validate);
  }
  return validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "body"} ${message}`);
}

/**
 * The value with what the schema also requires: null where that is allowed, else something empty of its type. What a
 * handler gives stays as it is, right or wrong.
 */
export function fill(schema: Schema, value: any, address: string): any {
  const real = resolve(schema);
  const isNothing = value === undefined || value === null;
  const alternatives: Schema[] | undefined = real.anyOf ?? real.oneOf;
  if (alternatives) {
    if (isNothing && alternatives.some(({ type }) => type === "null")) {
      return null;
    }
    const fitting = alternatives.find((one) => resolve(one).type === typeOf(value)) ?? alternatives[0];
    return fill(fitting ?? {}, value, address);
  }
  if (real.allOf) {
    return real.allOf.reduce((at: unknown, part: Schema) => fill(part, at, address), value);
  }
  if (Array.isArray(value)) {
    return value.map((item) => fill(real.items ?? {}, item, address));
  }
  if (typeOf(value) === "object" || (value === undefined && real.type === "object")) {
    return fillObject(real, value ?? {}, address);
  }
  return value === undefined ? empty(real, address) : value;
}

function fillObject(schema: Schema, value: Record<string, unknown>, address: string) {
  const properties: Record<string, Schema> = schema.properties ?? {};
  const names = new Set([...Object.keys(value), ...((schema.required as string[] | undefined) ?? [])]);
  const entries = [...names]
    .filter((name) => value[name] !== undefined || schema.required?.includes(name))
    .map((name) => [name, properties[name] ? fill(properties[name], value[name], address) : value[name]]);
  return Object.fromEntries(entries);
}

function resolve(schema: Schema): Schema {
  const name: string | undefined = schema.$ref?.split("/").at(-1);
  return name ? (schemas[name] ?? {}) : schema;
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
}

function empty({ type, format, enum: values }: Schema, address: string): unknown {
  if (values) {
    return values[0];
  }
  switch (type) {
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return false;
    case "array":
      return [];
    case "string":
      return format === "date-time" ? "2026-01-01T00:00:00Z" : format === "uri" ? address : "";
    default:
      return null;
  }
}

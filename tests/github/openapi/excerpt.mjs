/**
 * Writes excerpt.json: what GitHub's OpenAPI description says of the operations that the double has. The package
 * @octokit/openapi (MIT) holds it, and is 400 MB on disk: too much for everybody's node_modules.
 *
 *     node tests/github/openapi/excerpt.mjs [VERSION]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format } from "prettier";

const VERSION = process.argv[2] ?? "23.0.2";
const REPO = "/repos/{owner}/{repo}";
const ENVIRONMENT = `${REPO}/environments/{environment_name}`;

/** What is said for people. The same words may also be names of properties, which stay. */
const PROSE = new Set(["description", "example", "examples", "externalDocs", "title", "deprecated"]);

const OPERATIONS = {
  "/user": ["get"],
  "/users/{username}": ["get"],
  "/orgs/{org}": ["get"],
  [REPO]: ["get"],
  [`${REPO}/branches/{branch}`]: ["get"],
  [`${REPO}/commits/{ref}`]: ["get"],
  [`${REPO}/commits/{ref}/status`]: ["get"],
  [`${REPO}/commits/{ref}/statuses`]: ["get"],
  [`${REPO}/commits/{commit_sha}/pulls`]: ["get"],
  [`${REPO}/statuses/{sha}`]: ["post"],
  [`${REPO}/deployments`]: ["get", "post"],
  [`${REPO}/deployments/{deployment_id}`]: ["get", "delete"],
  [`${REPO}/deployments/{deployment_id}/statuses`]: ["get", "post"],
  [`${REPO}/pulls`]: ["get", "post"],
  [`${REPO}/pulls/{pull_number}`]: ["get", "patch"],
  [`${REPO}/pulls/{pull_number}/merge`]: ["put"],
  [`${REPO}/issues`]: ["get", "post"],
  [`${REPO}/issues/{issue_number}`]: ["get", "patch"],
  [`${REPO}/issues/{issue_number}/comments`]: ["get", "post"],
  [`${REPO}/issues/{issue_number}/labels`]: ["get", "post"],
  [`${REPO}/issues/comments/{comment_id}`]: ["get", "patch", "delete"],
  [`${REPO}/environments`]: ["get"],
  [ENVIRONMENT]: ["get", "put", "delete"],
  [`${ENVIRONMENT}/deployment-branch-policies`]: ["get", "post"],
  [`${ENVIRONMENT}/deployment-branch-policies/{branch_policy_id}`]: ["get", "put", "delete"],
  [`${ENVIRONMENT}/variables`]: ["get", "post"],
  [`${ENVIRONMENT}/variables/{name}`]: ["get", "patch", "delete"],
  [`${ENVIRONMENT}/secrets`]: ["get"],
  [`${ENVIRONMENT}/secrets/public-key`]: ["get"],
  [`${ENVIRONMENT}/secrets/{secret_name}`]: ["get", "put", "delete"],
  [`${REPO}/rulesets`]: ["get", "post"],
  [`${REPO}/rulesets/{ruleset_id}`]: ["get", "put", "delete"],
  [`${REPO}/actions/workflows/{workflow_id}/dispatches`]: ["post"],
  [`${REPO}/actions/workflows/{workflow_id}/runs`]: ["get"],
  [`${REPO}/actions/runs`]: ["get"],
  [`${REPO}/actions/runs/{run_id}`]: ["get"],
  [`${REPO}/actions/runs/{run_id}/jobs`]: ["get"],
  [`${REPO}/actions/runs/{run_id}/pending_deployments`]: ["get"],
};

const description = download(VERSION);
/** @type {Record<string, unknown>} */
const schemas = {};
const operations = Object.fromEntries(
  Object.entries(OPERATIONS).flatMap(([path, methods]) =>
    methods.map((method) => [`${method.toUpperCase()} ${path}`, operation(description.paths[path][method])]),
  ),
);
const text = JSON.stringify({
  $comment: `From @octokit/openapi ${VERSION} (MIT License, Copyright (c) 2020 Octokit contributors), by excerpt.mjs`,
  operations,
  schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
});
writeFileSync(
  new URL("excerpt.json", import.meta.url),
  await format(text, { parser: "json", printWidth: 110, objectWrap: "collapse" }),
);

/** @param {string} version */
function download(version) {
  const folder = mkdtempSync(join(tmpdir(), "octokit openapi "));
  try {
    execFileSync("npm", ["pack", `@octokit/openapi@${version}`, "--pack-destination", folder], {
      stdio: "ignore",
    });
    const member = "package/generated/api.github.com.json";
    execFileSync("tar", ["xzf", `octokit-openapi-${version}.tgz`, member], { cwd: folder });
    return JSON.parse(readFileSync(join(folder, member), "utf8"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The schemas of what is asked and of each answer; `null`: an answer without a body.
 * @param {any} described
 */
function operation({ requestBody, responses }) {
  const answers = Object.entries(responses).map(([status, response]) => [
    status,
    schemaOf(response.$ref ? lookUp(response.$ref) : response),
  ]);
  return { request: schemaOf(requestBody ?? {}), responses: Object.fromEntries(answers) };
}

/** @param {any} described */
function schemaOf({ content }) {
  const schema = content?.["application/json"]?.schema;
  return schema ? plain(schema) : null;
}

/** @param {string} reference */
function lookUp(reference) {
  return reference
    .slice(2)
    .split("/")
    .reduce((at, part) => at[part], description);
}

/**
 * OpenAPI 3.0 → JSON Schema, without prose; schemas that it refers to are gathered in `schemas`.
 * @param {any} schema
 * @returns {any}
 */
function plain(schema) {
  if (Array.isArray(schema)) return schema.map(plain);
  if (schema === null || typeof schema !== "object") return schema;
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    if (!(name in schemas)) {
      schemas[name] = {};
      schemas[name] = plain(lookUp(schema.$ref));
    }
    return { $ref: `#/schemas/${name}` };
  }
  const { nullable, ...rest } = schema;
  const entries = Object.entries(rest).filter(([key]) => !PROSE.has(key) && !key.startsWith("x-"));
  const cleaned = Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      key === "properties"
        ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
        : key === "default" || key === "enum" || key === "required"
          ? value
          : plain(value),
    ]),
  );
  return nullable ? { anyOf: [{ type: "null" }, cleaned] } : cleaned;
}

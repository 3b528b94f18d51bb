/** Which credentials go to which workspace, where a command asks several. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveCredentials, type Environment } from "../../databricks/credentials";
import { environmentFor } from "../../databricks/hosts";

const A = "https://a.example.com";
const B = "https://b.example.com";

describe("credentials for one of several workspaces", () => {
  let folder: string;
  let file: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "profiles of "));
    file = join(folder, ".databrickscfg");
    writeFileSync(
      file,
      [
        `[DEFAULT]\nhost = ${A}\ntoken = default-of-a`,
        `[also.a]\nhost = ${A}\ntoken = also-of-a`,
        `[b]\nhost = B.example.com/\ntoken = of-b`,
        `[twice]\nhost = https://c.example.com\ntoken = one`,
        `[again]\nhost = https://c.example.com\nclient_id = id\nclient_secret = two`,
        `[signed-in]\nhost = https://d.example.com\nauth_type = databricks-cli`,
      ].join("\n\n"),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const tokenFor = (host: string, env: Environment): string => {
    const found = resolveCredentials(environmentFor(host, { DATABRICKS_CONFIG_FILE: file, ...env }));
    return found.kind === "token" ? found.token : found.kind;
  };

  it("are the environment's where it names this workspace or none", () => {
    assert.equal(tokenFor(B, { DATABRICKS_TOKEN: "mine" }), "mine");
    assert.equal(tokenFor(B, { DATABRICKS_TOKEN: "mine", DATABRICKS_HOST: "b.example.com" }), "mine");
    assert.equal(tokenFor(A, { DATABRICKS_CONFIG_PROFILE: "also.a" }), "also-of-a");
    assert.equal(tokenFor(A, {}), "default-of-a");
    const github = {
      ...{ DATABRICKS_AUTH_TYPE: "github-oidc", DATABRICKS_CLIENT_ID: "id" },
      ...{ ACTIONS_ID_TOKEN_REQUEST_URL: "https://token.example.com", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "t" },
    };
    assert.equal(tokenFor(A, { ...github, DATABRICKS_CONFIG_FILE: join(folder, "none") }), "github-oidc");
  });

  it("are those of the profile with its address where the environment names another", () => {
    const other = { DATABRICKS_HOST: A, DATABRICKS_TOKEN: "of-a" };
    assert.equal(tokenFor(B, other), "of-b");
    assert.equal(tokenFor(B, { ...other, DATABRICKS_AUTH_TYPE: "pat" }), "of-b");
    assert.equal(tokenFor(B, { DATABRICKS_CONFIG_PROFILE: "also.a" }), "of-b");
    assert.equal(tokenFor(B, {}), "of-b", "DEFAULT is another workspace's");
  });

  it("are said to be missing, to be several, or to be of a kind that is not known here", () => {
    const other = { DATABRICKS_HOST: A, DATABRICKS_TOKEN: "secret-of-a" };
    const problem = (host: string, env: Environment): string => {
      try {
        tokenFor(host, env);
      } catch (error) {
        return (error as Error).message;
      }
      return assert.fail(`credentials for ${host}`);
    };
    assert.match(
      problem("https://e.example.com", other),
      /no credentials for https:\/\/e\.example\.com\. Those at hand are for https:\/\/a\.example\.com\. Add a profile/,
    );
    assert.match(
      problem("https://c.example.com", other),
      /several profiles .*: twice, again\. Name one in DATABRICKS_CONFIG_PROFILE/,
    );
    assert.match(
      problem("https://d.example.com", other),
      /Its profile signed-in holds neither a token nor a client id/,
    );
    assert.match(problem(B, { DATABRICKS_CONFIG_PROFILE: "nope" }), /has no profile "nope"/);
    const nothing = { DATABRICKS_CONFIG_FILE: join(folder, "none") };
    assert.match(problem(B, nothing), /no credentials for https:\/\/b\.example\.com\. Add a profile/);
    assert.doesNotMatch(problem("https://e.example.com", other), /secret-of-a/);
  });
});

/** Signing in from GitHub Actions without a secret, against the local workspace, as the official SDK does it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "../../databricks/client";
import { resolveCredentials } from "../../databricks/credentials";
import { GitHubIssuer } from "../support/gitHubIssuer";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

const PYTHON = process.env.NOTEBOOK_RELEASES_PYTHON ?? join(__dirname, "../../.local/python/bin/python");
const SUBJECT = "repo:acme/churn:environment:prod";
const ACCOUNT = "00000000-0000-0000-0000-000000000000";

describe("GitHub's OIDC", function () {
  this.timeout(60_000);
  let local: LocalWorkspace;
  let issuer: GitHubIssuer;
  let principal: { id: string; applicationId: string };
  let policies: string;
  const clients: Client[] = [];
  before(async () => {
    [local, issuer] = await Promise.all([startLocalWorkspace({ engines: false }), GitHubIssuer.start()]);
    principal = await local.ok("POST", "/api/2.0/preview/scim/v2/ServicePrincipals", { displayName: "ci" });
    policies = `/api/2.0/accounts/${ACCOUNT}/servicePrincipals/${principal.id}/federationPolicies`;
    const audiences = [`${local.host}/oidc/v1/token`];
    await local.ok("POST", policies, {
      oidc_policy: { issuer: issuer.address, subject: SUBJECT, audiences },
    });
  });
  afterEach(() => {
    issuer.asked.length = 0;
  });
  after(async () => {
    issuer.stop();
    await Promise.all(clients.map((client) => client.close()));
    await local.stop();
  });

  /** The environment of a job with `id-token: write`. */
  const job = (subject = SUBJECT) => ({
    DATABRICKS_HOST: local.host,
    DATABRICKS_AUTH_TYPE: "github-oidc",
    DATABRICKS_CLIENT_ID: principal.applicationId,
    DATABRICKS_CONFIG_FILE: "/nowhere/.databrickscfg",
    ...issuer.job(subject),
  });
  const me = async (environment: Record<string, string>) => {
    const credentials = () => resolveCredentials(environment);
    const client = new Client({ host: local.host, credentials, attempts: 1 });
    clients.push(client);
    return client.call<{ userName: string }>("GET", "/api/2.0/preview/scim/v2/Me");
  };

  it("makes the job the service principal, without any secret", async () => {
    assert.equal((await me(job())).userName, principal.applicationId);
    assert.deepEqual(issuer.asked, [`${local.host}/oidc/v1/token`]);
  });

  it("is what Databricks' own SDK does against the same workspace", async () => {
    const program = "from databricks.sdk import WorkspaceClient as W; print(W().current_user.me().user_name)";
    const environment = { PATH: process.env.PATH ?? "", HOME: "/nowhere", ...job() };
    const { stdout } = await promisify(execFile)(PYTHON, ["-c", program], { env: environment });
    assert.equal(stdout.trim(), principal.applicationId);
    assert.deepEqual([...new Set(issuer.asked)], [`${local.host}/oidc/v1/token`]);
  });

  it("asks for the audience that is set", async () => {
    const audiences = ["the account"];
    const added = await local.ok("POST", policies, {
      oidc_policy: { issuer: issuer.address, subject: SUBJECT, audiences },
    });
    await me({ ...job(), DATABRICKS_TOKEN_AUDIENCE: "the account" });
    assert.deepEqual(issuer.asked, ["the account"]);
    await local.ok("DELETE", `${policies}/${added.uid}`);
  });

  it("is refused for another branch or repository, which is said; no token is shown", async () => {
    const mallory = job("repo:mallory/churn:environment:prod");
    await assert.rejects(me(mallory), (error: Error) => {
      assert.match(error.message, /refused the identity of this GitHub job.*federation policy/);
      assert.ok(
        !error.message.includes(mallory.ACTIONS_ID_TOKEN_REQUEST_TOKEN) && !/eyJ/.test(error.message),
        error.message,
      );
      return true;
    });
  });

  it("is refused with another audience than the policy's", async () => {
    await assert.rejects(me({ ...job(), DATABRICKS_TOKEN_AUDIENCE: "others" }), /refused the identity/);
  });

  it("says what a job lacks", async () => {
    await assert.rejects(
      me({ ...job(), ACTIONS_ID_TOKEN_REQUEST_TOKEN: "another" }),
      /gave this job no identity\. Has it the permission id-token: write\?/,
    );
    await assert.rejects(
      me({ ...job(), ACTIONS_ID_TOKEN_REQUEST_URL: "" }),
      /DATABRICKS_AUTH_TYPE is "github-oidc", but ACTIONS_ID_TOKEN_REQUEST_URL/,
    );
    await assert.rejects(
      me({ ...job(), DATABRICKS_AUTH_TYPE: "azure-cli" }),
      /auth type "azure-cli" .* not supported here\. Use one of: pat, oauth-m2m, github-oidc/,
    );
  });

  it("gives way to a token, unless it is asked for", async () => {
    const { DATABRICKS_AUTH_TYPE: _, ...unsaid } = job();
    assert.equal((await me({ ...unsaid, DATABRICKS_TOKEN: local.token })).userName, "admin@local.workspace");
    assert.equal((await me({ ...job(), DATABRICKS_TOKEN: local.token })).userName, principal.applicationId);
    assert.equal((await me(unsaid)).userName, principal.applicationId);
  });
});

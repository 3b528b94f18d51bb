/** Where host and credentials come from: environment before profile, as in Databricks' own clients. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { normalizeHost, resolveCredentials, resolveHost } from "../../databricks/credentials";
import { CredentialsError } from "../../databricks/errors";

const PROFILES = `
; my workspaces
[DEFAULT]
host  = https://default.example.com/
token = dapi-default

[adb.prod west]
host = prod.example.com
client_id     = 1234-5678
client_secret = dose-prod
# token = dapi-commented

[empty]
host = https://empty.example.com
`;

describe("credentials", () => {
  let folder: string;
  let file: Record<string, string>;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "profiles "));
    const path = join(folder, ".databrickscfg");
    writeFileSync(path, PROFILES);
    file = { DATABRICKS_CONFIG_FILE: path };
  });
  after(() => rmSync(folder, { recursive: true }));
  const refused = (work: () => unknown, pattern: RegExp) =>
    assert.throws(work, (error: Error) => error instanceof CredentialsError && pattern.test(error.message));

  it("take the token first, then the client, then the profile", () => {
    const token = { DATABRICKS_TOKEN: "dapi-env" };
    const client = { DATABRICKS_CLIENT_ID: "id", DATABRICKS_CLIENT_SECRET: "secret" };
    const profile = { ...file, DATABRICKS_CONFIG_PROFILE: "adb.prod west" };
    assert.deepEqual(resolveCredentials({ ...token, ...client, ...profile }), {
      kind: "token",
      token: "dapi-env",
    });
    assert.deepEqual(resolveCredentials({ ...client, ...profile }), {
      kind: "client",
      clientId: "id",
      clientSecret: "secret",
    });
    assert.deepEqual(resolveCredentials(profile), {
      kind: "client",
      clientId: "1234-5678",
      clientSecret: "dose-prod",
    });
    assert.deepEqual(resolveCredentials(file), { kind: "token", token: "dapi-default" });
  });

  it("need both parts of a client", () => {
    const half = { DATABRICKS_CLIENT_ID: "id", DATABRICKS_TOKEN: "" };
    assert.deepEqual(resolveCredentials({ ...half, ...file }), { kind: "token", token: "dapi-default" });
  });

  it("say what to set where there are none", () => {
    const nowhere = { DATABRICKS_CONFIG_FILE: join(folder, "none") };
    refused(
      () => resolveCredentials(nowhere),
      /^No Databricks credentials\. Set DATABRICKS_TOKEN, or .*DATABRICKS_CONFIG_PROFILE/,
    );
    refused(
      () => resolveCredentials({ ...file, DATABRICKS_CONFIG_PROFILE: "empty" }),
      /No Databricks credentials/,
    );
  });

  it("say which profiles there are where the named one is not, and which file is missing", () => {
    const profile = { DATABRICKS_CONFIG_PROFILE: "prd" };
    refused(
      () => resolveCredentials({ ...file, ...profile }),
      /has no profile "prd"\. It has: DEFAULT, adb\.prod west, empty\.$|has no profile "prd"\. It has: DEFAULT, empty, adb\.prod west\.$/,
    );
    const missing = { ...profile, DATABRICKS_CONFIG_FILE: join(folder, "none") };
    refused(
      () => resolveCredentials(missing),
      /DATABRICKS_CONFIG_PROFILE is "prd", but .*none does not exist/,
    );
  });

  it("hosts: the stack's, then the environment's, then the profile's", () => {
    const env = { ...file, DATABRICKS_HOST: "env.example.com" };
    assert.equal(resolveHost("https://stack.example.com", env), "https://stack.example.com");
    assert.equal(resolveHost(undefined, env), "https://env.example.com");
    assert.equal(resolveHost("", file), "https://default.example.com");
    assert.equal(
      resolveHost(undefined, { ...file, DATABRICKS_CONFIG_PROFILE: "adb.prod west" }),
      "https://prod.example.com",
    );
    refused(
      () => resolveHost(undefined, { DATABRICKS_CONFIG_FILE: join(folder, "none") }),
      /No workspace is named\. Set DATABRICKS_HOST/,
    );
  });

  it("hosts: with or without scheme, slash and path", () => {
    const expected = "https://adb-1.2.azuredatabricks.net";
    for (const host of [
      "adb-1.2.azuredatabricks.net",
      `${expected}/`,
      `${expected}/?o=123`,
      `${expected}/browse/folders/1`,
      expected.toUpperCase(),
    ]) {
      assert.equal(normalizeHost(host), expected, host);
    }
    assert.equal(normalizeHost("http://127.0.0.1:8650/"), "http://127.0.0.1:8650");
    refused(() => normalizeHost("not a host"), /"not a host" is not a workspace's address/);
  });

  it("hosts: refused with credentials in them, which are not shown", () => {
    refused(() => normalizeHost("https://me:dapi-secret@host.example.com"), /must not contain credentials/);
    assert.throws(
      () => normalizeHost("https://me:dapi-secret@host.example.com"),
      (error: Error) => !error.message.includes("dapi-secret"),
    );
  });
});

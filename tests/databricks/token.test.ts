/** OAuth for a service principal (machine to machine): the exchange, its renewal, and its refusals. */
import assert from "node:assert/strict";
import type { Client } from "../../databricks/client";
import { json, Stub, type Reply } from "./stub";

const PATH = "/api/2.0/thing";
const SECRET = "dose-s3cr3t";

describe("access tokens of a service principal", () => {
  let stub: Stub;
  let client: Client;
  beforeEach(async () => {
    stub = await Stub.start();
    client = stub.client({
      credentials: () => ({ kind: "client", clientId: "the id", clientSecret: SECRET }),
    });
  });
  afterEach(() => stub.stop());

  /** Issues `token 1`, `token 2`, … and answers everything else with the token that it came with. */
  function issuing(expiresIn: number | undefined, ...first: Reply[]): void {
    let issued = 0;
    const answer: Reply = (response, request) => {
      if (!request.path.startsWith("/oidc/"))
        return json(200, { with: request.authorization })(response, request);
      const reply =
        first.shift() ??
        json(200, { access_token: `token ${++issued}`, token_type: "Bearer", expires_in: expiresIn });
      reply(response, request);
    };
    stub.answers(answer);
  }
  const exchanges = () => stub.requests.filter((request) => request === "POST /oidc/v1/token").length;

  it("come from the workspace, for the client's id and secret", async () => {
    issuing(3600);
    assert.deepEqual(await client.call("GET", PATH), { with: "Bearer token 1" });
    const [exchange] = stub.seen;
    assert.equal(exchange?.path, "/oidc/v1/token");
    assert.equal(exchange?.authorization, `Basic ${Buffer.from(`the id:${SECRET}`).toString("base64")}`);
    assert.deepEqual(Object.fromEntries(new URLSearchParams(exchange?.body)), {
      grant_type: "client_credentials",
      scope: "all-apis",
    });
  });

  it("are used until shortly before they end, however many calls there are at once", async () => {
    issuing(3600);
    await Promise.all(Array.from({ length: 10 }, () => client.call("GET", PATH)));
    assert.deepEqual(await client.call("GET", PATH), { with: "Bearer token 1" });
    assert.equal(exchanges(), 1);
  });

  it("last an hour where nothing is said", async () => {
    issuing(undefined);
    await client.call("GET", PATH);
    await client.call("GET", PATH);
    assert.equal(exchanges(), 1);
  });

  it("are renewed when less than a minute is left", async () => {
    issuing(59);
    assert.deepEqual(await client.call("GET", PATH), { with: "Bearer token 1" });
    assert.deepEqual(await client.call("GET", PATH), { with: "Bearer token 2" });
  });

  it("are asked for again where the workspace has trouble of its own", async () => {
    issuing(3600, json(503, {}), json(429, {}));
    assert.deepEqual(await client.call("GET", PATH), { with: "Bearer token 1" });
    assert.equal(exchanges(), 3);
  });

  it("are not asked for again where they were refused; the secret is never shown", async () => {
    issuing(3600, json(401, { error: "invalid_client", error_description: `${SECRET} is wrong` }));
    await assert.rejects(client.call("GET", PATH), (error: Error) => {
      assert.match(
        error.message,
        /UNAUTHENTICATED \(HTTP 401\): .* refused the client id or secret\. Check DATABRICKS_CLIENT_ID/,
      );
      assert.ok(error.message.includes(stub.host));
      assert.ok(!error.message.includes(SECRET));
      return true;
    });
    assert.deepEqual(stub.requests, ["POST /oidc/v1/token"]);
  });

  it("can be asked for again after a refusal: it is not remembered", async () => {
    issuing(3600, json(401, {}));
    await assert.rejects(client.call("GET", PATH));
    assert.deepEqual(await client.call("GET", PATH), { with: "Bearer token 1" });
  });

  it("are missed in an answer without one", async () => {
    issuing(3600, json(200, { token_type: "Bearer" }));
    await assert.rejects(client.call("GET", PATH), /answered without an access token/);
  });

  it("are missed in an answer that is a page", async () => {
    issuing(3600, (response) => response.writeHead(200).end("<html>Sign in</html>"));
    await assert.rejects(client.call("GET", PATH), /answered without an access token/);
  });
});

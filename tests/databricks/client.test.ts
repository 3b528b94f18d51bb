/** The REST client: what it repeats, what it does not, and what it says when there is no good answer. */
import assert from "node:assert/strict";
import { ApiError, ConnectionError } from "../../databricks/errors";
import { whoAmI } from "../../databricks/identity";
import { drop, json, raw, silence, Stub } from "./stub";

const PATH = "/api/2.0/thing";
const DONE = json(200, { done: true });

describe("the REST client", () => {
  let stub: Stub;
  beforeEach(async () => (stub = await Stub.start()));
  afterEach(() => stub.stop());

  async function apiError(work: Promise<unknown>): Promise<ApiError> {
    const error = await work.then(
      () => assert.fail("expected a failure"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ApiError, String(error));
    return error;
  }

  describe("repeats", () => {
    it("any request after a 429: nothing was done", async () => {
      stub.answers(raw(429, ""), json(429, { error_code: "REQUEST_LIMIT_EXCEEDED" }), DONE);
      assert.deepEqual(await stub.client().call("POST", PATH, { body: { a: 1 } }), { done: true });
      assert.deepEqual(stub.requests, Array(3).fill(`POST ${PATH}`));
      assert.deepEqual(new Set(stub.seen.map(({ body }) => body)), new Set(['{"a":1}']));
    });

    it("after as many seconds as Retry-After says", async () => {
      stub.answers(raw(429, "", { "retry-after": "1" }), DONE);
      const started = performance.now();
      await stub.client().call("GET", PATH);
      assert.ok(performance.now() - started >= 990);
    });

    it("after a pause of its own where Retry-After is a date or nonsense", async () => {
      stub.answers(
        raw(429, "", { "retry-after": "Wed, 21 Oct 2037 07:28:00 GMT" }),
        raw(429, "", { "retry-after": "-3" }),
        DONE,
      );
      const started = performance.now();
      await stub.client().call("GET", PATH);
      assert.ok(performance.now() - started < 5000);
    });

    for (const status of [500, 502, 503, 504]) {
      it(`reads after a ${status}, and writes that are told to be repeatable, but no others`, async () => {
        stub.answers(raw(status, ""), DONE);
        await stub.client().call("GET", PATH);
        stub.answers(raw(status, ""), DONE);
        await stub.client().call("POST", PATH, { repeatable: true });
        for (const method of ["POST", "PATCH"] as const) {
          stub.answers(raw(status, ""), DONE);
          assert.equal((await apiError(stub.client().call(method, PATH))).status, status);
          assert.equal(stub.seen.length, 1);
        }
      });
    }

    it("no write after a lost connection, unless it is told to be repeatable: it may have been done", async () => {
      stub.answers(drop, DONE);
      await assert.rejects(stub.client().call("POST", PATH), ConnectionError);
      assert.equal(stub.seen.length, 1);
      for (const [method, repeatable] of [
        ["POST", true],
        ["GET", undefined],
        ["PUT", undefined],
        ["DELETE", undefined],
      ] as const) {
        stub.answers(drop, DONE);
        await stub.client().call(method, PATH, { repeatable });
        assert.equal(stub.seen.length, 2, method);
      }
      stub.answers(drop, DONE);
      await assert.rejects(stub.client().call("GET", PATH, { repeatable: false }), ConnectionError);
    });

    it("nothing that was refused", async () => {
      for (const status of [400, 401, 403, 404, 409, 501]) {
        stub.answers(json(status, { error_code: "NO", message: "no" }));
        await apiError(stub.client().call("GET", PATH));
        assert.equal(stub.seen.length, 1, String(status));
      }
    });

    it("only as often as it may, and then fails with the last answer", async () => {
      stub.answers(json(503, { error_code: "TEMPORARILY_UNAVAILABLE", message: "soon" }));
      const error = await apiError(stub.client({ attempts: 3 }).call("GET", PATH));
      assert.equal(error.message, `GET ${PATH}: TEMPORARILY_UNAVAILABLE (HTTP 503): soon`);
      assert.equal(stub.seen.length, 3);
    });
  });

  describe("answers", () => {
    it("decoded JSON, and {} where there is no body", async () => {
      stub.answers(json(200, [1, "é"]));
      assert.deepEqual(await stub.client().call("GET", PATH), [1, "é"]);
      stub.answers(raw(200, ""));
      assert.deepEqual(await stub.client().call("POST", PATH), {});
    });

    it("leaves undefined query values out and encodes the others", async () => {
      stub.answers(DONE);
      await stub
        .client()
        .call("GET", PATH, { query: { path: "/Shared/a b&c", none: undefined, limit: 3, deep: false } });
      const { searchParams } = new URL(stub.seen[0]?.path ?? "", stub.host);
      assert.deepEqual(Object.fromEntries(searchParams), {
        path: "/Shared/a b&c",
        limit: "3",
        deep: "false",
      });
    });

    it("asks for the credentials each time, so that a rotated token is used at once", async () => {
      stub.answers(DONE);
      let token = "old";
      const client = stub.client({ credentials: () => ({ kind: "token", token }) });
      await client.call("GET", PATH);
      token = "new";
      await client.call("GET", PATH);
      assert.deepEqual(
        stub.seen.map(({ authorization }) => authorization),
        ["Bearer old", "Bearer new"],
      );
    });
  });

  describe("says", () => {
    const bodies: [string, string, RegExp][] = [
      [
        "Databricks' error",
        '{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No scope x"}',
        /: RESOURCE_DOES_NOT_EXIST \(HTTP 404\): No scope x$/,
      ],
      ["SCIM's error", '{"detail":"No user","status":"404"}', /: HTTP_404 \(HTTP 404\): No user$/],
      [
        "a page",
        "<html><body><h1>Not  Found</h1>\n<p>nginx</p></body></html>",
        /: HTTP_404 \(HTTP 404\): Not Found nginx$/,
      ],
      ["nothing", "", /: HTTP_404 \(HTTP 404\)$/],
      ["JSON that is no object", "null", /: HTTP_404 \(HTTP 404\)/],
      ["half of a JSON", '{"error_code":', /: HTTP_404 \(HTTP 404\): \{"error_code":$/],
    ];
    for (const [what, body, expected] of bodies) {
      it(`what it got, where it got ${what}`, async () => {
        stub.answers(raw(404, body));
        const error = await apiError(stub.client().call("GET", PATH));
        assert.match(error.message, expected);
        assert.ok(error.message.startsWith(`GET ${PATH}: `));
        assert.ok(error.notFound);
      });
    }

    it("no more than the start of a long page", async () => {
      stub.answers(raw(400, `<p>${"x".repeat(100_000)}</p>`));
      assert.ok((await apiError(stub.client().call("GET", PATH))).message.length < 400);
    });

    it("that a good answer was no JSON, as a sign-in page's", async () => {
      stub.answers(raw(200, "<html><title>Sign in</title></html>"));
      const error = await apiError(stub.client().call("GET", PATH));
      assert.match(
        error.message,
        /NO_JSON.*Sign in.*Is http:\/\/127\.0\.0\.1:\d+ a Databricks workspace's address/,
      );
    });

    it("that it was redirected, instead of taking it for done", async () => {
      stub.answers(raw(302, "", { location: "https://elsewhere.example/login" }));
      assert.equal((await apiError(stub.client().call("POST", PATH))).status, 302);
    });

    it("where to look for a refused token, which it never shows", async () => {
      for (const [status, message] of [
        [401, "Credential was not sent"],
        [403, "Invalid access token."],
      ] as const) {
        stub.answers(json(status, { error_code: "UNAUTHENTICATED", message }));
        const error = await apiError(stub.client().call("GET", PATH));
        assert.match(error.message, /Check DATABRICKS_TOKEN/);
        assert.ok(error.message.includes(stub.host));
        const everything = JSON.stringify([error, error.stack, Object.getOwnPropertyDescriptors(error)]);
        assert.doesNotMatch(everything, /dapi-of-the-test/);
      }
    });

    it("nothing of tokens where a permission is missing", async () => {
      stub.answers(
        json(403, { error_code: "PERMISSION_DENIED", message: "no MANAGE permission on scope x" }),
      );
      assert.doesNotMatch((await apiError(stub.client().call("GET", PATH))).message, /DATABRICKS_TOKEN/);
    });
  });

  describe("within 10 seconds", () => {
    async function unreachable(host: string, credentials?: "client", limitMs?: number): Promise<void> {
      const client = stub.client({
        host,
        ...(credentials
          ? { credentials: () => ({ kind: "client", clientId: "id", clientSecret: "s3cr3t" }) }
          : {}),
      });
      const started = performance.now();
      await assert.rejects(whoAmI(client, limitMs), (error: Error) => {
        assert.ok(error instanceof ConnectionError, String(error));
        assert.ok(
          error.message.startsWith(`${host} did not answer GET /api/2.0/preview/scim/v2/Me (`),
          error.message,
        );
        assert.match(error.message, /Check the address \(DATABRICKS_HOST/);
        assert.doesNotMatch(error.message, /s3cr3t/);
        return true;
      });
      assert.ok(performance.now() - started < 10_000);
    }

    it("says that nobody listens", () => unreachable("http://127.0.0.1:1"));
    it("says so where it needs an access token first", () => unreachable("http://127.0.0.1:1", "client"));
    it("says that a name is unknown", () => unreachable("http://no-such-host.invalid"));
    it("says that a host takes the connection and never answers", async () => {
      stub.answers(silence);
      await unreachable(stub.host, undefined, 1500);
    });
    it("says that a host hangs up each time", async () => {
      stub.answers(drop);
      await unreachable(stub.host);
    });

    it("does not wait for a Retry-After that lies beyond its limit", async () => {
      stub.answers(raw(429, "", { "retry-after": "60" }));
      const started = performance.now();
      await assert.rejects(whoAmI(stub.client()), /HTTP 429/);
      assert.ok(performance.now() - started < 5000);
    });

    it("ends an attempt at its own limit", async () => {
      stub.answers(silence);
      await assert.rejects(
        stub.client({ attempts: 1 }).call("GET", PATH, { timeoutMs: 500 }),
        ConnectionError,
      );
    });
  });
});

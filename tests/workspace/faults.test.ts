/** Faults, latency and rate limits on demand, and the list of requests. */
import assert from "node:assert/strict";
import { SlidingWindow } from "../../workspace/limits";
import { startLocalWorkspace, type LocalWorkspace } from "../support/localWorkspace";

describe("workspace: faults", () => {
  let local: LocalWorkspace;
  before(async () => {
    local = await startLocalWorkspace({ engines: false });
  });
  after(() => local.stop());
  afterEach(() => local.ok("DELETE", "/__workspace/faults"));

  const add = (fault: object) => local.ok("POST", "/__workspace/faults", fault);
  const mkdirs = (path = "/Shared/x") => local.api("POST", "/api/2.0/workspace/mkdirs", { path });
  const exists = async (path: string) =>
    (await local.api("GET", `/api/2.0/workspace/get-status?path=${path}`)).status === 200;

  it("fails the given number of matching requests, after the given number", async () => {
    await add({ match: "POST /api/2.0/workspace/mkdirs", status: 503, times: 2, after: 1, retryAfter: 1 });
    const seen = [];
    for (let index = 0; index < 4; index++) seen.push(await mkdirs());
    assert.deepEqual(
      seen.map((answer) => answer.status),
      [200, 503, 503, 200],
    );
    assert.equal(seen[1]?.headers.get("Retry-After"), "1");
    assert.equal(seen[1]?.body.error_code, "TEMPORARILY_UNAVAILABLE");
    assert.deepEqual(
      (await local.ok("GET", "/__workspace/faults")).faults.map((fault: any) => [fault.seen, fault.hits]),
      [[4, 2]],
    );
  });

  it("matches a path, what is below it, and wildcards, but no other method or longer name", async () => {
    await add({ match: "GET /api/2.0/secrets", status: 500, times: 0 });
    await add({ match: "* /api/*/workspace/l*t", status: 429, times: 0 });
    const status = async (method: string, path: string) =>
      (await local.api(method, path, method === "POST" ? {} : undefined)).status;
    assert.equal(await status("GET", "/api/2.0/secrets/scopes/list"), 500);
    assert.equal(await status("GET", "/api/2.0/secretsauce"), 501);
    assert.equal(await status("POST", "/api/2.0/secrets/put"), 400);
    assert.equal(await status("GET", "/api/2.0/workspace/list?path=/"), 429);
    assert.equal(await status("GET", "/api/2.0/workspace/get-status?path=/"), 200);
  });

  it("drops the connection before the work, or after it", async () => {
    await add({ match: "POST /api/2.0/workspace/mkdirs", drop: "before" });
    await assert.rejects(mkdirs("/Shared/before"));
    assert.equal(await exists("/Shared/before"), false);
    await add({ match: "POST /api/2.0/workspace/mkdirs", drop: "after" });
    await assert.rejects(mkdirs("/Shared/after"));
    assert.equal(await exists("/Shared/after"), true);
    assert.equal((await mkdirs("/Shared/later")).status, 200);
  });

  it("waits", async () => {
    await add({ match: "POST /api/2.0/workspace/mkdirs", latencyMs: 120 });
    const started = performance.now();
    assert.equal((await mkdirs()).status, 200);
    assert.ok(performance.now() - started >= 118);
  });

  it("comes before authentication, and never to its own routes", async () => {
    await add({ match: "* /*", status: 503, times: 0 });
    assert.equal(
      (await local.api("GET", "/api/2.0/secrets/scopes/list", undefined, { token: "" })).status,
      503,
    );
    assert.equal((await local.api("GET", "/.well-known/databricks-config")).status, 503);
    assert.equal((await local.api("GET", "/__workspace/faults")).status, 200);
  });

  it("refuses rules that could do nothing", async () => {
    const bad = [
      {},
      { match: "/api", status: 500 },
      { match: "GET /api" },
      { match: "GET /api", status: "500" },
      { match: "GET /api", drop: "never" },
      { match: "GET /api", status: 500, times: -1 },
      { match: "GET /api", status: 500, tiems: 1 },
    ];
    for (const fault of bad)
      await local.fails(400, "INVALID_PARAMETER_VALUE", "POST", "/__workspace/faults", fault);
  });

  it("lists the requests that it saw, without queries or bodies, and forgets them on request", async () => {
    await local.ok("DELETE", "/__workspace/requests");
    await mkdirs("/Shared/seen");
    await local.api("GET", "/api/2.0/workspace/list?path=/nope");
    await add({ match: "GET /api/2.0/workspace/list", drop: "before" });
    await assert.rejects(local.api("GET", "/api/2.0/workspace/list?path=/"));
    const { requests, dropped } = await local.ok("GET", "/__workspace/requests");
    assert.deepEqual(
      requests.map((seen: any) => [seen.method, seen.path, seen.status]),
      [
        ["POST", "/api/2.0/workspace/mkdirs", 200],
        ["GET", "/api/2.0/workspace/list", 404],
        ["GET", "/api/2.0/workspace/list", 0],
      ],
    );
    assert.equal(dropped, 0);
    assert.ok(requests.every((seen: any) => seen.ms >= 0 && Math.abs(Date.now() - seen.at) < 60_000));
    await local.ok("DELETE", "/__workspace/requests");
    assert.deepEqual((await local.ok("GET", "/__workspace/requests")).requests, []);
  });
});

describe("workspace: limits", () => {
  it("admits at most so many requests in any second, and then again", () => {
    const window = new SlidingWindow(30);
    let admitted = 0;
    for (let now = 0; now < 10_000; now += 5) if (window.take(now)) admitted++;
    assert.equal(admitted, 300);
    const slow = new SlidingWindow(0.5);
    assert.deepEqual(
      [0, 1_999, 2_000, 3_999, 4_000].map((now) => slow.take(now)),
      [true, false, true, false, true],
    );
  });

  it("answers 429 over the limit, with Retry-After only where told", async () => {
    for (const retryAfter of [undefined, 2]) {
      const local = await startLocalWorkspace({ engines: false, rps: 5, retryAfter });
      try {
        const answers = await Promise.all(
          Array.from({ length: 8 }, () => local.api("GET", "/api/2.0/secrets/scopes/list")),
        );
        const refused = answers.filter((answer) => answer.status === 429);
        assert.equal(refused.length, 3);
        assert.equal(refused[0]?.body.error_code, "REQUEST_LIMIT_EXCEEDED");
        assert.equal(refused[0]?.headers.get("Retry-After"), retryAfter === undefined ? null : "2");
        assert.equal((await local.api("GET", "/__workspace/requests")).status, 200);
      } finally {
        await local.stop();
      }
    }
  });

  it("adds latency to API requests", async () => {
    const local = await startLocalWorkspace({ engines: false, latencyMs: 60 });
    try {
      const started = performance.now();
      await local.ok("GET", "/api/2.0/secrets/scopes/list");
      assert.ok(performance.now() - started >= 59);
    } finally {
      await local.stop();
    }
  });
});

/** Pacing against simulated servers, in simulated time: as fast as they admit, no faster, and never stuck. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ApiError, ConnectionError } from "../../databricks/errors";
import { ceilings, Pacer, type Ceilings } from "../../databricks/pacing";
import { eachPaced, type Clock } from "../../providers/release/concurrent";
import { SlidingWindow } from "../../workspace/limits";
import { json, raw, silence, Stub } from "./stub";

/** Time that passes only when nothing else is left to do. */
class Simulation implements Clock {
  private time = 0;
  private readonly timers = new Map<object, { readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.time;
  }

  after(ms: number, callback: () => void): () => void {
    const key = {};
    this.timers.set(key, { at: this.time + ms, callback });
    return () => this.timers.delete(key);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs `work` to its end; fails where it waits for something that never comes. */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const end = () => (settled = true);
    work.then(end, end);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (settled) return work;
      let next: object | undefined;
      let at = Infinity;
      for (const [key, timer] of this.timers) {
        if (timer.at < at) [next, at] = [key, timer.at];
      }
      const timer = next && this.timers.get(next);
      assert.ok(next && timer, "deadlock: nothing is under way");
      this.timers.delete(next);
      this.time = at;
      timer.callback();
    }
  }
}

/** What a server makes of one request: how long it takes, and then an answer or an error. */
interface Outcome {
  readonly ms: number;
  readonly error?: Error;
}
type Server = (now: number, inFlight: number) => Outcome;

const refusal = (retryAfter?: number) =>
  new ApiError("POST", "/api/2.0/workspace/import", 429, "REQUEST_LIMIT_EXCEEDED", "busy", retryAfter);
const timeout = () => new ConnectionError("POST", "/import", "https://x", "UND_ERR_HEADERS_TIMEOUT", "late");

interface Course {
  readonly seconds: number;
  readonly refused: number;
  readonly mostInFlight: number;
  /** When each request began, in ms, and when the successful ones ended. */
  readonly begun: readonly number[];
  readonly ended: readonly number[];
}

/** Sends `count` items to `server` and checks what holds for every server: each arrives, and no ceiling is passed. */
async function simulate(
  count: number,
  server: Server,
  limits: Ceilings = {},
  patienceMs?: number,
): Promise<Course> {
  const clock = new Simulation();
  const arrived = new Set<number>();
  const [begun, ended]: number[][] = [[], []];
  let [inFlight, mostInFlight, refused] = [0, 0, 0];
  const send = async (item: number) => {
    begun!.push(clock.now());
    mostInFlight = Math.max(mostInFlight, ++inFlight);
    const { ms, error } = server(clock.now(), inFlight);
    await clock.sleep(ms);
    inFlight--;
    if (error) {
      refused += error instanceof ApiError ? 1 : 0;
      throw error;
    }
    arrived.add(item);
    ended!.push(clock.now());
  };
  const items = Array.from({ length: count }, (_, item) => item);
  await clock.run(eachPaced(items, new Pacer(limits), send, { clock, patienceMs }));
  assert.equal(arrived.size, count);
  assert.equal(inFlight, 0);
  assert.ok(mostInFlight <= (limits.connections ?? 64), `${mostInFlight} in flight`);
  return { seconds: clock.now() / 1000, refused, mostInFlight, begun: begun!, ended: ended! };
}

/** Admits `perSecond`; what was saved in idle times may be spent at once, up to `burst`. */
function tokenBucket(perSecond: number, burst: number, latency: () => number, retryAfter?: number): Server {
  let [tokens, at] = [burst, 0];
  return (now) => {
    tokens = Math.min(burst, tokens + ((now - at) * perSecond) / 1000);
    at = now;
    if (tokens < 1) return { ms: latency(), error: refusal(retryAfter) };
    tokens--;
    return { ms: latency() };
  };
}

/** Settled: a bound on speed holds for nearly all of many random servers, and a test must not fail by chance. */
const SEED = 20261123;

/** Numbers from 0 to 1 that a seed settles, for jitter. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** A whole flight at the first limit, and then one in 15. */
const FEW_OF_1000 = 64 + 1000 / 15;

/** The most in any second. */
function mostInASecond(times: readonly number[]): number {
  let first = 0;
  return times.reduce((most, time, index) => {
    while (times[first]! <= time - 1000) first++;
    return Math.max(most, index - first + 1);
  }, 0);
}

describe("pacing", function () {
  this.timeout(60_000);
  const latencies = fc.record({
    base: fc.integer({ min: 2, max: 200 }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.nat(),
  });
  const latency = ({ base, jitter, seed }: { base: number; jitter: number; seed: number }) => {
    const next = random(seed);
    return () => base * (1 + jitter * next());
  };

  it("comes within 10 % of a limit of 30 a second, whatever the latency, with few refusals", async () => {
    const burst = fc.integer({ min: 3, max: 60 });
    const property = fc.asyncProperty(latencies, burst, async (timing, size) => {
      const { seconds, refused } = await simulate(1000, tokenBucket(30, size, latency(timing)));
      assert.ok(seconds <= (1000 / 30) * 1.1, `${seconds} s`);
      assert.ok(refused <= FEW_OF_1000, `${refused} refused`);
    });
    await fc.assert(property, { numRuns: 30, seed: SEED });
  });

  it("comes within 10 % of 30 in any second, as the local workspace counts", async () => {
    const property = fc.asyncProperty(latencies, async (timing) => {
      const ms = latency(timing);
      const window = new SlidingWindow(30);
      const { seconds, refused } = await simulate(1000, (now) => {
        return window.take(now) ? { ms: ms() } : { ms: ms(), error: refusal() };
      });
      assert.ok(seconds <= (1000 / 30) * 1.1, `${seconds} s`);
      assert.ok(refused <= FEW_OF_1000, `${refused} refused`);
    });
    await fc.assert(property, { numRuns: 30, seed: SEED });
  });

  it("comes within 10 % of it where others had a part of the first second, and a server does one thing at a time", async () => {
    const starts = fc.record({
      others: fc.integer({ min: 0, max: 15 }),
      workMs: fc.integer({ min: 1, max: 12 }),
    });
    const property = fc.asyncProperty(starts, latencies, async ({ others, workMs }, timing) => {
      const ms = latency({ ...timing, base: Math.min(timing.base, 40) });
      const window = new SlidingWindow(30);
      for (let at = 0; at < others; at++) window.take(at - 300);
      let busyUntil = 0;
      const { seconds, refused } = await simulate(1000, (now) => {
        if (!window.take(now)) return { ms: ms(), error: refusal() };
        busyUntil = Math.max(busyUntil, now) + workMs;
        return { ms: ms() + busyUntil - now };
      });
      assert.ok(seconds <= (1000 / 30) * 1.1, `${seconds} s`);
      assert.ok(refused <= FEW_OF_1000, `${refused} refused`);
    });
    await fc.assert(property, { numRuns: 30, seed: SEED });
  });

  it("finds any limit, also where every refusal costs a pause", async () => {
    const limits = fc.record({
      perSecond: fc.integer({ min: 5, max: 400 }),
      retryAfter: fc.constantFrom(undefined, 1, 2),
    });
    const property = fc.asyncProperty(limits, latencies, async ({ perSecond, retryAfter }, timing) => {
      const count = 60 * perSecond;
      const base = Math.min(timing.base, 20_000 / perSecond);
      const server = tokenBucket(perSecond, perSecond, latency({ ...timing, base }), retryAfter);
      const { seconds, refused } = await simulate(count, server);
      // Each time that the limit is met costs the pause that the server asks for.
      assert.ok(seconds <= 60 * 1.1 + 8 * (retryAfter ?? 0), `${seconds} s`);
      assert.ok(refused <= 64 + count / 10, `${refused} of ${count} refused`);
    });
    await fc.assert(property, { numRuns: 20, seed: SEED });
  });

  it("fills all connections where nothing is limited", async () => {
    const { seconds, mostInFlight } = await simulate(1000, () => ({ ms: 20 }));
    assert.equal(mostInFlight, 64);
    assert.ok(seconds < (1000 / 64) * 0.02 + 0.2, `${seconds} s`);
  });

  it("keeps no more in flight than do good where latency rises with the load", async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 8, max: 14 }),
      fc.integer({ min: 10, max: 300 }),
      async (width, base) => {
        const { seconds, begun, ended } = await simulate(3000, (_, inFlight) => ({
          ms: base * Math.max(1, inFlight / width),
        }));
        const ideal = (3000 / width) * (base / 1000);
        assert.ok(seconds <= ideal * 1.2 + 1, `${seconds} s instead of ${ideal}`);
        // Little's law: the mean number in flight is the mean latency times the throughput.
        const sum = (times: readonly number[]) => times.reduce((total, time) => total + time, 0);
        const mean = (sum(ended) - sum(begun)) / (seconds * 1000);
        assert.ok(mean <= 4 * width, `${mean} in flight on average`);
      },
    );
    await fc.assert(property, { numRuns: 20, seed: SEED });
  });

  it("is back at full speed after a slow phase, of latency or of admission", async () => {
    const slow = (now: number) => now >= 20_000 && now < 80_000;
    const lastSeconds = async (count: number, server: Server) => {
      const { ended, seconds } = await simulate(count, server);
      assert.ok(seconds > 140, `${seconds} s`);
      return ended.filter((at) => at >= 120_000 && at < 130_000).length / 10;
    };
    const perSecond = await lastSeconds(100_000, (now) => ({ ms: slow(now) ? 2000 : 100 }));
    assert.ok(perSecond >= 0.9 * 640, `${perSecond}/s`);
    const [few, many] = [tokenBucket(3, 3, () => 50), tokenBucket(30, 30, () => 50)];
    const admitted = await lastSeconds(3500, (now) => (slow(now) ? few(now, 0) : many(now, 0)));
    assert.ok(admitted >= 0.9 * 30, `${admitted}/s`);
  });

  it("holds a rate ceiling in every second", async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 500 }),
      latencies,
      async (perSecond, timing) => {
        const count = 5 * perSecond;
        const { begun, seconds } = await simulate(count, () => ({ ms: timing.base }), { perSecond });
        assert.ok(mostInASecond(begun) <= perSecond * 1.05 + 1, `${mostInASecond(begun)} in a second`);
        if (timing.base * perSecond < 50_000) assert.ok(seconds <= 5 * 1.1 + 2 * timing.base, `${seconds} s`);
      },
    );
    await fc.assert(property, { numRuns: 20, seed: SEED });
  });

  it("brings everything in under any mixture of refusals, time limits and latencies", async () => {
    const outcome = fc.oneof(
      { weight: 6, arbitrary: fc.record({ ms: fc.integer({ min: 0, max: 3000 }) }) },
      {
        weight: 2,
        arbitrary: fc.record({ ms: fc.integer({ min: 0, max: 300 }), error: fc.constant(refusal()) }),
      },
      { weight: 1, arbitrary: fc.record({ ms: fc.constant(10), error: fc.constant(refusal(2)) }) },
      { weight: 1, arbitrary: fc.record({ ms: fc.constant(30_000), error: fc.constant(timeout()) }) },
    );
    const connections = fc.integer({ min: 1, max: 64 });
    const script = fc.array(outcome, { minLength: 1, maxLength: 60 });
    const property = fc.asyncProperty(
      script,
      connections,
      fc.nat({ max: 120 }),
      async (outcomes, most, count) => {
        const rest = [...outcomes];
        await simulate(count, () => rest.shift() ?? { ms: 5 }, { connections: most });
      },
    );
    await fc.assert(property, { numRuns: 200, seed: SEED });
  });

  it("begins nothing while Retry-After lasts, and goes on after it", async () => {
    const property = fc.asyncProperty(
      fc.nat({ max: 150 }),
      fc.integer({ min: 1, max: 60 }),
      async (nth, s) => {
        let [sent, answered] = [0, Infinity];
        const { begun } = await simulate(200, (now) => {
          if (sent++ !== nth) return { ms: 50 };
          answered = now + 50;
          return { ms: 50, error: refusal(s) };
        });
        const held = begun.filter((at) => at > answered && at < answered + s * 1000);
        assert.deepEqual(held, []);
        assert.ok(begun.some((at) => at >= answered + s * 1000 && at < answered + s * 1000 + 100));
      },
    );
    await fc.assert(property, { numRuns: 50, seed: SEED });
  });

  it("waits for a server that stalls, and goes on", async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 1, max: 450 }),
      async (after, seconds) => {
        let first: number | undefined;
        let sent = 0;
        await simulate(500, (now) => {
          if (++sent > after) first ??= now;
          const stalled = first !== undefined && now < first + seconds * 1000;
          return stalled ? { ms: 120_000, error: timeout() } : { ms: 30 };
        });
      },
    );
    await fc.assert(property, { numRuns: 30, seed: SEED });
  });

  it("gives up where nothing succeeds for its patience, and says what was going on", async () => {
    let sent = 0;
    const refusing: Server = () => (++sent > 20 ? { ms: 20, error: refusal() } : { ms: 20 });
    await assert.rejects(
      simulate(50, refusing),
      /Nothing has succeeded for 10 minutes; 20 of 50 requests.*REQUEST_LIMIT_EXCEEDED \(HTTP 429\): busy.*DATABRICKS_RATE_LIMIT/,
    );
    assert.ok(sent < 150, `${sent} requests`);
    await assert.rejects(
      simulate(50, () => ({ ms: 120_000, error: timeout() })),
      /did not answer POST \/import \(late\)/,
    );
    await assert.rejects(
      simulate(5, () => ({ ms: 1e9 }), {}, 60_000),
      /for 1 minutes; 0 of 5 .* no answer at all/,
    );
  });

  it("stops at a failure, once those under way have ended", async () => {
    const clock = new Simulation();
    let [sent, ended] = [0, 0];
    const work = async (item: number) => {
      sent++;
      await clock.sleep(item === 3 ? 10 : 1000);
      ended++;
      if (item === 3) throw new Error("refused for good");
    };
    const items = Array.from({ length: 100 }, (_, item) => item);
    await assert.rejects(
      clock.run(eachPaced(items, new Pacer(), work, { clock })),
      /^Error: refused for good$/,
    );
    assert.deepEqual([sent, ended], [8, 8]);
  });

  it("takes its rate ceiling from DATABRICKS_RATE_LIMIT", () => {
    for (const text of [undefined, "", "0"]) assert.deepEqual(ceilings({ DATABRICKS_RATE_LIMIT: text }), {});
    assert.deepEqual(ceilings({ DATABRICKS_RATE_LIMIT: "15" }), { perSecond: 15 });
    for (const text of ["-1", "fast", "1e999x"]) {
      assert.throws(() => ceilings({ DATABRICKS_RATE_LIMIT: text }), /DATABRICKS_RATE_LIMIT is "/);
    }
  });

  describe("with the client", () => {
    let stub: Stub;
    before(async () => (stub = await Stub.start()));
    after(() => stub.stop());
    const PATH = "/api/2.0/workspace/import";

    it("is handed a 429 and a passed time limit at once; other failures stay the client's", async () => {
      const call = { paced: true, repeatable: true };
      stub.answers(raw(429, "", { "retry-after": "7" }));
      await assert.rejects(stub.client().call("POST", PATH, call), { status: 429, retryAfter: 7 });
      assert.equal(stub.seen.length, 1);
      stub.answers(silence);
      await assert.rejects(stub.client().call("POST", PATH, { ...call, timeoutMs: 200 }), { timedOut: true });
      assert.equal(stub.seen.length, 1);
      stub.answers(raw(503, ""), json(200, {}));
      await stub.client().call("POST", PATH, call);
      assert.equal(stub.seen.length, 2);
    });

    it("brings every item to a server that refuses some", async () => {
      stub.answers(...Array.from({ length: 5 }, () => [json(200, {}), raw(429, "")]).flat(), json(200, {}));
      const client = stub.client();
      const items = Array.from({ length: 20 }, (_, item) => item);
      await eachPaced(items, new Pacer(), (item) =>
        client.call("POST", PATH, { body: { item }, paced: true }),
      );
      assert.deepEqual(new Set(stub.seen.map(({ body }) => JSON.parse(body).item)), new Set(items));
      assert.equal(stub.seen.length, 25);
    });
  });
});

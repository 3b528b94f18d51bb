/** What happens in the gate when its process is asked to end. SIGTERM here: mocha itself listens to SIGINT. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Interrupted, interruptible } from "../../providers/gate/interrupt";

describe("work that may be interrupted", () => {
  it("is left to its end, and to its own failure, where nobody interrupts it", async () => {
    const listeners = process.listenerCount("SIGTERM");
    const never = () => assert.fail("there is nothing to clean up");
    assert.equal(await interruptible(async () => 7, never), 7);
    const broken = interruptible(() => Promise.reject(new Error("broken")), never);
    await assert.rejects(broken, /broken/);
    assert.equal(process.listenerCount("SIGTERM"), listeners, "nothing listens any more");
  });

  it("is broken off, cleaned up once however often it is asked, and only then ends the process", async () => {
    const steps: string[] = [];
    let ended: (code: number) => void = () => undefined;
    const end = new Promise<number>((resolve) => (ended = resolve));
    const work = interruptible(
      async (signal) => {
        steps.push("work");
        process.emit("SIGTERM");
        process.emit("SIGTERM");
        await sleep(60_000, undefined, { signal });
      },
      async () => {
        await sleep(20);
        steps.push("clean up");
      },
      ended,
    );
    await assert.rejects(work, Interrupted);
    assert.deepEqual(steps, ["work", "clean up"]);
    assert.equal(await end, 130);
  });
});

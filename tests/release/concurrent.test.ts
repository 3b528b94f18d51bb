/** Many requests at once from a stream: taken when they can be sent, within a bound of bytes, and never stuck. */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { ApiError } from "../../databricks/errors";
import { Pacer } from "../../databricks/pacing";
import { eachPaced, Room } from "../../providers/release/concurrent";

const busy = () => new ApiError("POST", "/x", 429, "REQUEST_LIMIT_EXCEEDED", "busy");

describe("release: requests from a stream", () => {
  async function* numbers(count: number, taken: number[] = []): AsyncGenerator<number> {
    for (let item = 0; item < count; item++) {
      await turn();
      taken.push(item);
      yield item;
    }
  }

  it("does all of them, and takes one only when it can be sent", async () => {
    const taken: number[] = [];
    const done: number[] = [];
    let most = 0;
    await eachPaced(numbers(50, taken), new Pacer({ connections: 4 }), async (item) => {
      most = Math.max(most, taken.length - done.length);
      await turn();
      done.push(item);
    });
    assert.deepEqual(
      done.sort((a, b) => a - b),
      taken,
    );
    assert.equal(taken.length, 50);
    assert.ok(most <= 4 + 1, `${most} were taken and not done`);
  });

  it("does again what was refused", async () => {
    const seen: number[] = [];
    await eachPaced(numbers(5), new Pacer(), async (item) => {
      await turn();
      if (!seen.includes(item)) {
        seen.push(item);
        if (item === 2) throw busy();
      } else {
        seen.push(item);
      }
    });
    assert.deepEqual(
      seen.filter((item) => item === 2),
      [2, 2],
    );
    assert.equal(seen.length, 6);
  });

  it("ends with the failure of the work, or of the stream, and closes the stream", async () => {
    let closed = 0;
    async function* closing(fails: boolean): AsyncGenerator<number> {
      try {
        yield* numbers(10);
        if (fails) throw new Error("no more");
        yield* numbers(1000);
      } finally {
        closed++;
      }
    }
    const failing = async (item: number) => {
      await turn();
      if (item === 7) throw new Error("refused for good");
    };
    await assert.rejects(eachPaced(closing(false), new Pacer(), failing), /refused for good/);
    await assert.rejects(
      eachPaced(closing(true), new Pacer(), () => turn()),
      /no more/,
    );
    assert.equal(closed, 2);
  });

  it("goes on when a sibling's answer lets it", async () => {
    const pacer = new Pacer();
    const sibling = pacer.sibling();
    let refusals = 0;
    const refusing = async () => {
      await turn();
      if (refusals++ < 3) throw busy();
    };
    await Promise.all([eachPaced(numbers(20), pacer, refusing), eachPaced(numbers(20), sibling, refusing)]);
    assert.equal(refusals, 43);
  });

  it("has room for so many bytes, or for one thing that is larger", async () => {
    const room = new Room(10);
    const order: string[] = [];
    await room.take(25);
    const next = room.take(5).then(() => order.push("5"));
    await turn();
    assert.equal(order.join(), "");
    room.free(25);
    await next;
    const large = room.take(8).then(() => order.push("8"));
    await turn();
    assert.equal(order.join(), "5");
    room.open();
    await large;
    assert.equal(order.join(), "5,8");
  });
});

/**
 * A process that moves rows by the provider, as the engine's provider process does: a line of JSON in for each move, a line
 * of JSON out with what became of it. Started by `races.test.ts`, several at once.
 */
import { createInterface } from "node:readline";
import { load } from "../../providers/handlers";

export interface Order {
  /** What the stack's state has; undefined: it was never deployed. */
  readonly olds?: Record<string, unknown>;
  readonly news: Record<string, unknown>;
}
export interface Outcome {
  readonly outs?: Record<string, unknown>;
  readonly error?: string;
}

const provider = load("RegistryRow");

async function move({ olds, news }: Order): Promise<Outcome> {
  try {
    return olds ? await provider.update!("row", olds, news) : { outs: (await provider.create(news)).outs };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  void move(JSON.parse(line) as Order).then((outcome) => console.log(JSON.stringify(outcome)));
});
console.log("{}");

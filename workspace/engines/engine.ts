/** A process that is started once, waited for by everybody who needs it, started again after it died, and stopped. */
import type { Log } from "../context";
import type { Supervised } from "./processes";

interface Running<T> {
  readonly process: Supervised;
  readonly value: T;
}

export class Engine<T> {
  private running: Promise<Running<T>> | undefined;
  private current: Running<T> | undefined;
  private stopped = false;

  constructor(
    readonly name: string,
    private readonly log: Log,
    private readonly launch: () => Promise<Running<T>>,
  ) {}

  /** What the engine offers (addresses), once it runs; starts it if it does not. Rejects where it cannot be started. */
  async ready(): Promise<T> {
    if (this.stopped) throw new Error(`${this.name} was stopped`);
    if (this.current !== undefined && !this.current.process.alive()) {
      this.log(
        `${this.name} ended unexpectedly and is started again. The end of its log:\n${this.current.process.logTail()}`,
      );
      this.current = undefined;
      this.running = undefined;
    }
    this.running ??= this.start();
    return (await this.running).value;
  }

  /** What `ready` last gave, for readers that know it is up. Throws before. */
  get value(): T {
    if (this.current === undefined) throw new Error(`${this.name} is not ready yet`);
    return this.current.value;
  }

  /** Ends the process and all it started. */
  async stop(): Promise<void> {
    this.stopped = true;
    const running = await this.running?.catch(() => undefined);
    await running?.process.stop();
  }

  private async start(): Promise<Running<T>> {
    const began = Date.now();
    try {
      const running = await this.launch();
      this.current = running;
      this.log(`${this.name} ready after ${((Date.now() - began) / 1000).toFixed(1)} s`);
      return running;
    } catch (error) {
      this.running = undefined;
      throw error;
    }
  }
}

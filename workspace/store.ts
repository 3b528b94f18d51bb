/**
 * What the local workspace remembers: one LMDB file, so that every answered write survives `kill -9`.
 * Routes own a named table each and keep plain JSON-like values (or Buffers) in it.
 */
import { chmodSync } from "node:fs";
import { open, type Database, type RootDatabase } from "lmdb";

export type Table<V> = Database<V, string>;

/** How often the disk is told. See {@link Store}. */
const FLUSH_INTERVAL_MS = 1_000;

/**
 * A commit is in the operating system's hands when `transaction` or `putSync` returns, so a killed process loses nothing.
 * It does not wait for the disk, which took 1 to 9 ms a write here, most of an import's time: a machine that loses its
 * power may lose or damage what the last second wrote.
 */
export class Store {
  private readonly root: RootDatabase;
  private readonly tables = new Map<string, Table<unknown>>();
  private readonly flusher: NodeJS.Timeout;
  private inTransaction = false;
  private openedInTransaction: string[] = [];

  /** Opens (or creates) the store at `file`, a path ending in `.lmdb`. */
  constructor(file: string) {
    this.root = open({ path: file, maxDbs: 64, noSync: true });
    chmodSync(file, 0o600);
    let flushed: unknown;
    this.flusher = setInterval(() => {
      const { lastTxnId } = this.root.getStats() as { lastTxnId: number };
      if (lastTxnId !== flushed) void this.flush();
      flushed = lastTxnId;
    }, FLUSH_INTERVAL_MS).unref();
  }

  /** A named table; the same name gives the same table. Use `putSync`, `removeSync`, `get`, `getRange`. */
  table<V>(name: string): Table<V> {
    const known = this.tables.get(name);
    if (known) return known as Table<V>;
    const opened = this.root.openDB<V, string>({ name });
    // A read that began before does not know the new table, and would fail with "Invalid argument".
    (this.root as RootDatabase & { resetReadTxn(): void }).resetReadTxn();
    this.tables.set(name, opened);
    if (this.inTransaction) this.openedInTransaction.push(name);
    return opened;
  }

  /** Runs `work` in one transaction: all of its writes or none. Inside another one, `work` is a part of that. */
  transaction<T>(work: () => T): T {
    if (this.inTransaction) return work();
    this.inTransaction = true;
    try {
      return this.root.transactionSync(work);
    } catch (error) {
      // They went with the transaction.
      for (const name of this.openedInTransaction) this.tables.delete(name);
      throw error;
    } finally {
      this.inTransaction = false;
      this.openedInTransaction = [];
    }
  }

  /** A number that grows by one at each call, kept across restarts (job ids, run ids, versions). */
  nextId(name: string, first = 1): number {
    const counters = this.table<number>("counters");
    return this.transaction(() => {
      const id = counters.get(name) ?? first;
      counters.putSync(name, id + 1);
      return id;
    });
  }

  /** Waits until the disk has everything. */
  private flush(): Promise<void> {
    const root = this.root as RootDatabase & { sync(done: (error?: Error) => void): void };
    return new Promise((resolve) => root.sync(() => resolve()));
  }

  async close(): Promise<void> {
    clearInterval(this.flusher);
    await this.flush();
    await this.root.close();
  }
}

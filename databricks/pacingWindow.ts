/** Requests in flight that do a workspace good, learned from its latency: one of the two limits of `pacing.ts`. */
import type { Ticket } from "./pacing";

/** Slower answers alone do not shrink the window below this: they may have another reason than our requests. */
const LEAST_FOR_LATENCY = 4;
const BEST_COUNTS_FOR_MS = 30_000;

/** How many may be in flight. Decides by rounds: the answers to half a window of requests begun since the last decision. */
export class Window {
  size: number;
  /** Whether all of it was needed in this round; a window that nobody fills does not grow. */
  filled = false;
  private doubling = true;
  private roundSince = -Infinity;
  private latencies: number[] = [];
  private medians: { readonly at: number; readonly ms: number }[] = [];

  constructor(
    private readonly ceiling: number,
    first: number,
  ) {
    this.size = Math.min(first, ceiling);
  }

  succeeded({ startedAt }: Ticket, now: number): void {
    if (startedAt < this.roundSince) {
      return;
    }
    this.latencies.push(now - startedAt);
    if (this.latencies.length < Math.max(4, this.size / 2)) {
      return;
    }
    const median = this.latencies.sort((a, b) => a - b)[this.latencies.length >> 1] ?? 0;
    this.medians = [
      ...this.medians.filter(({ at }) => at > now - BEST_COUNTS_FOR_MS),
      { at: now, ms: median },
    ];
    const best = Math.min(...this.medians.map(({ ms }) => ms));
    if (median > 2 * best + 20) {
      this.doubling = false;
      this.decide(Math.max(Math.min(this.size, LEAST_FOR_LATENCY), 0.7 * this.size), now);
    } else {
      const more = this.doubling ? this.size : Math.max(1, this.size / 8);
      this.decide(this.size + (this.filled ? more : 0), now);
    }
  }

  timedOut({ startedAt }: Ticket, now: number): void {
    if (startedAt >= this.roundSince) {
      this.doubling = false;
      this.decide(this.size / 2, now);
    }
  }

  private decide(size: number, now: number): void {
    this.size = Math.min(this.ceiling, Math.max(1, size));
    this.roundSince = now;
    this.latencies = [];
    this.filled = false;
  }
}

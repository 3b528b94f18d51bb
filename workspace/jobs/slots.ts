/**
 * How many notebooks may run at once. A notebook that runs another one lends it its own place, because it mostly waits;
 * so nested runs never wait for a place that is held by their own callers.
 */

export interface Slot {
  /** Gives the place back; safe to call twice. */
  release(): void;
}

interface Waiter {
  readonly parent?: Place;
  readonly give: (place: Place) => void;
}

class Place implements Slot {
  lent = false;
  released = false;

  constructor(
    private readonly slots: Slots,
    readonly lender?: Place,
  ) {}

  release(): void {
    if (this.released) return;
    this.released = true;
    this.slots.returned(this);
  }
}

export class Slots {
  private used = 0;
  private readonly waiting: Waiter[] = [];

  constructor(private readonly limit: number) {}

  /**
   * Waits for a place. `parent` is the caller's own place, for a notebook that another one runs.
   * Gives none where the signal is aborted first.
   */
  acquire(signal: AbortSignal, parent?: Slot): Promise<Slot | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      const waiter: Waiter = {
        parent: parent as Place | undefined,
        give: (place) => {
          signal.removeEventListener("abort", onAbort);
          resolve(place);
        },
      };
      const onAbort = () => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        resolve(undefined);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      // Callers hold a place already: those whom they wait for go first.
      const firstRoot = this.waiting.findIndex((other) => !other.parent);
      this.waiting.splice(waiter.parent && firstRoot >= 0 ? firstRoot : this.waiting.length, 0, waiter);
      this.serve();
    });
  }

  /** Whether a new run would have to wait. */
  get full(): boolean {
    return this.used >= this.limit;
  }

  returned(place: Place): void {
    if (place.lender) place.lender.lent = false;
    else this.used--;
    this.serve();
  }

  private serve(): void {
    for (let index = 0; index < this.waiting.length;) {
      const place = this.placeFor(this.waiting[index]!);
      if (!place) {
        index++;
        continue;
      }
      const [waiter] = this.waiting.splice(index, 1);
      waiter!.give(place);
    }
  }

  private placeFor({ parent }: Waiter): Place | undefined {
    if (parent && !parent.lent && !parent.released) {
      parent.lent = true;
      return new Place(this, parent);
    }
    if (this.full) return undefined;
    this.used++;
    return new Place(this);
  }
}

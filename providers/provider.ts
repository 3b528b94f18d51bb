/**
 * The engine's side of a dynamic provider: turns a `Handler` (what to do) and its property table (what a change
 * means) into the calls that Pulumi makes, with the traps of dynamic providers taken care of in one place.
 */
import { isDeepStrictEqual } from "node:util";
import type * as pulumi from "@pulumi/pulumi";
import { messageOf } from "../databricks/errors";
import { say } from "./progress";
import { propertiesWith, tables, type PropertyTable, type TypeName } from "./tables";

/** What Pulumi sends in place of a value that is not known yet, in previews. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isKnown<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null && (value as unknown) !== UNKNOWN;
}

export interface Problem {
  readonly property: string;
  readonly reason: string;
}

/** Something was done before it failed: `id` and `computed` say what exists, so that the next `up` goes on from there. */
export class PartlyCreated extends Error {
  constructor(
    message: string,
    readonly id: string,
    readonly computed: object,
  ) {
    super(message);
  }
}

/** `I`: the inputs, `C`: the computed outputs. Everything a call needs is in its arguments; handlers keep no state. */
export interface Handler<I extends object, C extends object> {
  readonly type: TypeName;
  /** May complete the inputs; sees the previous ones. Values may be unknown in a preview (`isKnown`). Also runs in previews: must change nothing. */
  check?(olds: Partial<I>, news: I): Promise<{ inputs?: I; problems?: Problem[] }>;
  create(inputs: I): Promise<{ id: string; computed: C }>;
  /** Changes in place, repairs drift; answers all computed outputs. */
  update?(id: string, olds: I & C, news: I): Promise<C>;
  /** What is really there; undefined where it is gone. */
  read?(id: string, props: I & C): Promise<(I & C) | undefined>;
  /** Something already gone is fine. */
  delete?(id: string, props: I & C): Promise<void>;
  /** A reason, beyond the table, for which the resource must be replaced. The exception to "diff calls nobody". */
  mustReplace?(id: string, olds: I & C): Promise<boolean>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the engine's values are untyped; handlers type them.
type Values = Record<string, any>;

/** @param table what a change of each property means; default: the type's own. */
export function dynamicProvider<I extends object, C extends object>(
  handler: Handler<I, C>,
  table: PropertyTable = tables[handler.type],
): pulumi.dynamic.ResourceProvider {
  const replacing = propertiesWith(table, "replace");
  const updating = propertiesWith(table, "update");
  const drifting = propertiesWith(table, "drift");
  // The shell's text travels with the values; it is none of the handler's business.
  const strip = <T>(values: Values | undefined) => {
    const { __provider, ...rest } = values ?? {};
    return rest as T;
  };

  const driftOf = (values: Values) =>
    drifting.flatMap((property) => (values[property] as string[] | undefined) ?? []);
  const said = new Set<string>();
  /** The engine's display says "update" and, of outputs that differ, nothing. A refresh reads and then compares: said once. */
  const sayDrift = (id: string, drift: readonly string[]) => {
    const text = [`${id} is not as it was deployed:`, ...drift.map((line) => `  ${line}`)].join("\n");
    if (drift.length > 0 && !said.has(text)) {
      said.add(text);
      say(text);
    }
  };

  return {
    async check(olds: Values, news: Values) {
      try {
        const checked = await handler.check?.(strip(olds), strip(news));
        return { inputs: checked?.inputs ?? strip<Values>(news), failures: checked?.problems ?? [] };
      } catch (error) {
        return {
          inputs: strip<Values>(news),
          failures: [{ property: subject(news), reason: messageOf(error) }],
        };
      }
    },

    async diff(id: string, olds: Values, news: Values) {
      return withoutStack(async () => {
        const changed = (property: string) => !isDeepStrictEqual(olds[property], news[property]);
        const replaces = replacing.filter(changed);
        if (replaces.length === 0 && (await handler.mustReplace?.(id, strip(olds)))) {
          // Named, because the engine wants a property; the id is what really changes.
          replaces.push(replacing[0] ?? "id");
        }
        const drift = driftOf(olds);
        if (replaces.length === 0) {
          sayDrift(id, drift);
        }
        return {
          changes: replaces.length > 0 || drift.length > 0 || updating.some(changed),
          replaces,
          deleteBeforeReplace: false,
        };
      });
    },

    async create(inputs: Values) {
      try {
        const { id, computed } = await handler.create(strip(inputs));
        return { id, outs: { ...strip<Values>(inputs), ...computed } };
      } catch (error) {
        if (error instanceof PartlyCreated) {
          // Without `__provider` the next refresh or destroy could not load this provider again.
          const properties = { ...inputs, ...error.computed };
          throw Object.assign(new Error(error.message), {
            id: error.id,
            properties,
            reasons: [error.message],
          });
        }
        throw new Error(messageOf(error));
      }
    },

    async read(id: string, props: Values) {
      return withoutStack(async () => {
        if (!handler.read) {
          return { id, props };
        }
        const found = await handler.read(id, strip(props));
        sayDrift(id, driftOf(found ?? {}));
        return found ? { id, props: found } : { id: "", props: {} };
      });
    },

    async update(id: string, olds: Values, news: Values) {
      return withoutStack(async () => {
        const computed = handler.update
          ? await handler.update(id, strip(olds), strip(news))
          : strip<C>(keep(table, olds));
        return { outs: { ...strip<Values>(news), ...computed } };
      });
    },

    async delete(id: string, props: Values) {
      await withoutStack(async () => handler.delete?.(id, strip(props)));
    },
  };
}

/** The computed outputs of a resource whose update has nothing to do. */
function keep(table: PropertyTable, olds: Values): Values {
  return Object.fromEntries(
    propertiesWith(table, "computed", "drift").map((property) => [property, olds[property]]),
  );
}

/** The engine prints the value of the property that a failure names: name one that is no secret. */
function subject(news: Values): string {
  return "host" in news ? "host" : "__defaults";
}

/** The engine shows what a provider throws; people need its message, once. */
async function withoutStack<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Told(messageOf(error));
  }
}

const TOLD = "notebook-releases: told by the engine";

/** An error that only the engine shows. */
class Told extends Error {
  override stack = "";
  override toString(): string {
    return TOLD;
  }
}

// Pulumi's dynamic provider also prints `${error}: ${error.stack}`, which the display shows as a second, unowned error.
const print = console.error;
console.error = (...values: unknown[]) => {
  if (values[0] !== `${TOLD}: `) {
    print(...values);
  }
};

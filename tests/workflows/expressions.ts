/**
 * GitHub's expressions (`${{ … }}`), as far as workflows of ours use them. A property that nobody has given is an error
 * here, where GitHub takes it for nothing: give `null` or "" for what GitHub has not.
 * https://docs.github.com/actions/reference/workflows-and-actions/expressions
 */

export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };

export interface Scope {
  /** `github`, `vars`, `inputs`, …: only those that GitHub has at this place. */
  readonly contexts: Readonly<Record<string, Value>>;
  /** What `success()`, `failure()` and `cancelled()` answer; undefined where GitHub does not have them. */
  readonly status?: "success" | "failure" | "cancelled";
}

type Node = (scope: Scope) => Value;

/** A text with expressions in it. Where it is one expression and nothing else, its value as it is. */
export function fill(text: string, scope: Scope): Value {
  const whole = /^\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*$/s.exec(text)?.[1];
  if (whole !== undefined) {
    return evaluate(whole, scope);
  }
  return text.replace(/\$\{\{(.*?)\}\}/gs, (_, expression: string) => asText(evaluate(expression, scope)));
}

/** `fill`, as text. */
export function fillText(text: string, scope: Scope): string {
  return asText(fill(text, scope));
}

/** A condition: `if:` of a job or of a step. One that asks for no status holds only after a success. */
export function holds(condition: string | undefined, scope: Scope): boolean {
  const text = (condition ?? "success()").trim();
  const expression = /^\$\{\{(.*)\}\}$/s.exec(text)?.[1] ?? text;
  const asksStatus = /\b(success|failure|cancelled|always)\s*\(/.test(expression);
  return (asksStatus || scope.status === "success") && isTrue(evaluate(expression, scope));
}

export function evaluate(expression: string, scope: Scope): Value {
  return new Parser(expression).whole()(scope);
}

const TOKEN =
  /\s*(?:(?<text>'(?:[^']|'')*')|(?<number>-?\d+(?:\.\d+)?)|(?<name>[A-Za-z_][\w-]*)|(?<sign>&&|\|\||==|!=|[!().,[\]*]))/y;

interface Token {
  readonly kind: "text" | "number" | "name" | "sign" | "end";
  readonly text: string;
}

class Parser {
  private readonly tokens: Token[] = [];
  private at = 0;

  constructor(private readonly source: string) {
    const input = source.trim();
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < input.length) {
      const from = TOKEN.lastIndex;
      const groups = TOKEN.exec(input)?.groups;
      const [kind, text] = Object.entries(groups ?? {}).find(([, found]) => found !== undefined) ?? [];
      if (!kind || text === undefined) {
        throw this.wrong(`cannot read ${JSON.stringify(input.slice(from).trim())}`);
      }
      this.tokens.push({ kind: kind as Token["kind"], text });
    }
  }

  whole(): Node {
    const node = this.or();
    if (this.next().kind !== "end") {
      throw this.wrong("something stands after its end");
    }
    return node;
  }

  private or(): Node {
    let left = this.and();
    while (this.take("||")) {
      const [a, b] = [left, this.and()];
      left = (scope) => either(a(scope), true, () => b(scope));
    }
    return left;
  }

  private and(): Node {
    let left = this.comparison();
    while (this.take("&&")) {
      const [a, b] = [left, this.comparison()];
      left = (scope) => either(a(scope), false, () => b(scope));
    }
    return left;
  }

  private comparison(): Node {
    const left = this.unary();
    const sign = this.take("==", "!=");
    if (!sign) {
      return left;
    }
    const right = this.unary();
    return (scope) => isEqual(left(scope), right(scope)) === (sign === "==");
  }

  private unary(): Node {
    if (this.take("!")) {
      const node = this.unary();
      return (scope) => !isTrue(node(scope));
    }
    return this.path();
  }

  private path(): Node {
    const first = this.next();
    if (first.kind === "text") {
      const text = first.text.slice(1, -1).replaceAll("''", "'");
      return () => text;
    }
    if (first.kind === "number") {
      return () => Number(first.text);
    }
    if (first.text === "(") {
      const node = this.or();
      this.expect(")");
      return node;
    }
    if (first.kind !== "name") {
      throw this.wrong(`unexpected ${JSON.stringify(first.text)}`);
    }
    if (this.take("(")) {
      return call(first.text, this.list(), this.source);
    }
    const literals: Readonly<Record<string, Value>> = { true: true, false: false, null: null };
    if (first.text in literals) {
      return () => literals[first.text] ?? null;
    }
    return this.properties(first.text);
  }

  /** `github.event.label.name`, `pull_request.labels.*.name`. */
  private properties(context: string): Node {
    let node: Node = ({ contexts }) => property(contexts, context, this.source);
    while (this.take(".")) {
      const before = node;
      if (this.take("*")) {
        this.expect(".");
        const name = this.name();
        node = (scope) => {
          const all = before(scope);
          return Array.isArray(all) ? all.map((one: Value) => property(one, name, this.source)) : [];
        };
      } else {
        const name = this.name();
        node = (scope) => property(before(scope), name, this.source);
      }
    }
    return node;
  }

  private list(): Node[] {
    const items: Node[] = [];
    if (this.take(")")) {
      return items;
    }
    do {
      items.push(this.or());
    } while (this.take(","));
    this.expect(")");
    return items;
  }

  private name(): string {
    const { kind, text } = this.next();
    if (kind !== "name") {
      throw this.wrong(`expected a name, found ${JSON.stringify(text)}`);
    }
    return text;
  }

  private next(): Token {
    return this.tokens[this.at++] ?? { kind: "end", text: "" };
  }

  private take(...signs: readonly string[]): string | undefined {
    const token = this.tokens[this.at];
    if (token?.kind !== "sign" || !signs.includes(token.text)) {
      return undefined;
    }
    this.at++;
    return token.text;
  }

  private expect(sign: string): void {
    if (!this.take(sign)) {
      throw this.wrong(`expected ${sign}`);
    }
  }

  private wrong(what: string): Error {
    return new Error(`Expression ${this.source.trim()}: ${what}`);
  }
}

function property(of: Value, name: string, source: string): Value {
  if (of === null) {
    return null;
  }
  const found =
    typeof of === "object" && !Array.isArray(of) ? (of as Record<string, Value>)[name] : undefined;
  if (found === undefined) {
    throw new Error(`Expression ${source.trim()}: ${name} is not given`);
  }
  return found;
}

function call(name: string, args: readonly Node[], source: string): Node {
  const known: Readonly<Record<string, (scope: Scope, ...given: Value[]) => Value>> = {
    contains: (_, all = null, one = null) =>
      Array.isArray(all)
        ? all.some((each: Value) => isEqual(each, one))
        : asText(all).toLowerCase().includes(asText(one).toLowerCase()),
    fromJSON: (_, text = null) => JSON.parse(asText(text)) as Value,
    always: () => true,
    success: (scope) => statusOf(scope, name) === "success",
    failure: (scope) => statusOf(scope, name) === "failure",
    cancelled: (scope) => statusOf(scope, name) === "cancelled",
  };
  const work = known[name];
  if (!work) {
    throw new Error(`Expression ${source.trim()}: the tests' evaluator has no function ${name}`);
  }
  return (scope) => work(scope, ...args.map((arg) => arg(scope)));
}

function statusOf({ status }: Scope, name: string): string {
  if (status === undefined) {
    throw new Error(`${name}() is for conditions only`);
  }
  return status;
}

/** The first value where its truth is `stop`, else the second: `||` and `&&` answer one of their operands. */
function either(first: Value, stop: boolean, second: () => Value): Value {
  return isTrue(first) === stop ? first : second();
}

function isTrue(value: Value): boolean {
  return !(value === null || value === false || value === 0 || value === "" || Number.isNaN(value));
}

/** Loosely: texts whatever their case, values of different types as numbers. */
function isEqual(a: Value, b: Value): boolean {
  if (typeof a === "string" && typeof b === "string") {
    return a.toLowerCase() === b.toLowerCase();
  }
  if (a === null ? b === null : typeof a === typeof b && b !== null) {
    return a === b;
  }
  return asNumber(a) === asNumber(b);
}

function asNumber(value: Value): number {
  return typeof value === "object" && value !== null ? NaN : Number(value ?? 0);
}

function asText(value: Value): string {
  if (typeof value === "object" && value !== null) {
    throw new Error(`Expression: a list or an object where GitHub takes a text: ${JSON.stringify(value)}`);
  }
  return String(value ?? "");
}

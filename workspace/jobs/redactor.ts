/** Hides the secrets that a run has read in whatever the run puts out: `[REDACTED]`, as Databricks writes it. */

const REPLACEMENT = "[REDACTED]";

/** Knows the secret values of one run and its children; a value counts from the moment that it is added. */
export class Redactor {
  private readonly variants = new Set<string>();
  private pattern: RegExp | undefined;

  /** Also hides the forms in which a value commonly turns up: trimmed, escaped, in base64, line by line. */
  add(value: Buffer): void {
    const text = value.toString("utf8");
    const lines = text.split(/\r?\n/).filter((line) => line.length >= 8);
    for (const plain of [text, text.trim(), ...lines]) {
      const json = JSON.stringify(plain).slice(1, -1);
      const python = plain
        .replace(/\\/g, "\\\\")
        .replace(/\n/g, "\\n")
        .replace(/\r/g, "\\r")
        .replace(/\t/g, "\\t");
      for (const form of [
        plain,
        json,
        python,
        python.replace(/'/g, "\\'"),
        escapeHtml(plain),
        encodeURI(plain),
        encodeForm(plain),
      ]) {
        if (form.trim() !== "") this.variants.add(form);
      }
    }
    if (value.length >= 4) {
      this.variants.add(value.toString("base64"));
      this.variants.add(pythonBytes(value));
    }
    // Longest first: of two secrets where one begins with the other, the whole longer one must go.
    const ordered = [...this.variants].sort((a, b) => b.length - a.length);
    this.pattern = new RegExp(ordered.map(escapePattern).join("|"), "g");
  }

  redact(text: string): string {
    return this.pattern ? text.replace(this.pattern, REPLACEMENT) : text;
  }

  redactAll(values: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [this.redact(name), this.redact(value)]),
    );
  }

  /** Where `text` must be cut so that no secret that has begun is torn apart; the rest waits for more text. */
  safeLength(text: string): number {
    if (!this.pattern) return text.length;
    const matches = [...text.matchAll(this.pattern)].map((match) => ({
      start: match.index,
      end: match.index + match[0].length,
    }));
    let cut = text.length;
    for (const variant of this.variants) {
      const first = variant[0]!;
      let at = text.indexOf(first, Math.max(0, text.length - variant.length + 1));
      for (; at !== -1 && at < cut; at = text.indexOf(first, at + 1)) {
        // What lies within a whole secret goes with that one.
        const within = matches.some(({ start, end }) => start < at && at < end);
        if (!within && variant.startsWith(text.slice(at))) cut = at;
      }
    }
    return cut;
  }
}

/** A stream of text in portions, in which a secret may be spread over several. */
export class RedactedStream {
  private pending = "";

  constructor(private readonly redactor: Redactor) {}

  /** Takes a portion, returns what can be shown by now. */
  push(text: string): string {
    this.pending += text;
    const cut = this.redactor.safeLength(this.pending);
    const ready = this.pending.slice(0, cut);
    this.pending = this.pending.slice(cut);
    return this.redactor.redact(ready);
  }

  /** What was held back, at the end. */
  flush(): string {
    const rest = this.redactor.redact(this.pending);
    this.pending = "";
    return rest;
  }
}

const HTML: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

/** As Python's `html.escape`. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => HTML[char]!);
}

function encodeURI(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text;
  }
}

function encodeForm(text: string): string {
  return encodeURI(text).replace(/%20/g, "+");
}

/** As Python shows bytes: `b'\xff'` without the quotes. */
function pythonBytes(value: Buffer): string {
  let text = "";
  for (const byte of value) {
    const char = String.fromCharCode(byte);
    if (char === "\n") text += "\\n";
    else if (char === "\r") text += "\\r";
    else if (char === "\t") text += "\\t";
    else if (char === "\\") text += "\\\\";
    else text += byte >= 32 && byte < 127 ? char : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return text;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** What a notebook's cells put out: gathered while it runs, in `output.txt` for people and as HTML for `runs/export`. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { RedactedStream, type Redactor, escapeHtml } from "./redactor";

export type StreamName = "stdout" | "stderr" | "display";

export interface CellOutput {
  readonly stream: StreamName;
  text: string;
  readonly html?: string;
}

export interface CellRecord {
  readonly notebook: string;
  readonly number: number;
  readonly language: string;
  readonly title: string;
  readonly source: string;
  outputs: CellOutput[];
  state: "running" | "success" | "failed" | "exit" | "stopped";
  seconds?: number;
}

const FLUSH_MS = 500;

/** Writes into `<folder>/output.txt` as the run goes, and everything once more, without any secret, at its end. */
export class OutputRecorder {
  private readonly cells: CellRecord[] = [];
  /** By source: what a child process writes may come in the middle of a word of the notebook's own. */
  private readonly streams = new Map<string, { name: StreamName; text: RedactedStream }>();
  private unwritten = "";
  private timer: NodeJS.Timeout | undefined;
  /** Characters of direct output of child processes so far; the driver counts what it sends itself. */
  private direct = 0;

  constructor(
    private readonly folder: string,
    private readonly redactor: Redactor,
    private readonly limit: number,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  startCell(cell: Omit<CellRecord, "outputs" | "state">): void {
    this.flushStreams();
    const { notebook, number, language, title, source } = cell;
    this.cells.push({ notebook, number, language, title, source, outputs: [], state: "running" });
    if (language !== "md") this.write(heading(cell));
  }

  endCell(state: CellRecord["state"], seconds: number): void {
    this.flushStreams();
    // A `%run` has other cells within; the one that ends is the last that still runs.
    const cell = this.cells.findLast((one) => one.state === "running");
    if (cell) Object.assign(cell, { state, seconds });
  }

  append(stream: StreamName, text: string, html?: string): void {
    if (html !== undefined) {
      this.flushStreams();
      this.add(stream, this.redactor.redact(text), this.redactor.redact(html));
      return;
    }
    this.push("driver", stream, text);
  }

  private push(source: string, name: StreamName, text: string): void {
    const key = `${source} ${name}`;
    let stream = this.streams.get(key);
    if (!stream) this.streams.set(key, (stream = { name, text: new RedactedStream(this.redactor) }));
    this.add(name, stream.text.push(text));
  }

  /** What a child process wrote by itself; bounded here, because it does not pass through the driver. */
  appendDirect(stream: StreamName, text: string): void {
    if (this.direct > this.limit) return;
    this.direct += text.length;
    this.push("child", stream, text);
    if (this.direct > this.limit)
      this.append("stderr", "\n[Output of child processes cut: it is too long.]\n");
  }

  /** Ends the recording; `note` is a last line, such as the error. Returns the cells for the export. */
  finish(note?: string): void {
    this.flushStreams();
    clearTimeout(this.timer);
    for (const cell of this.cells) if (cell.state === "running") cell.state = "stopped";
    const clean = this.cells.map((cell) => ({
      ...cell,
      source: this.redactor.redact(cell.source),
      outputs: cell.outputs.map((output) => ({
        ...output,
        text: this.redactor.redact(output.text),
        html: output.html === undefined ? undefined : this.redactor.redact(output.html),
      })),
    }));
    let text = clean
      .map((cell) => (cell.language === "md" ? "" : heading(cell)) + cell.outputs.map((o) => o.text).join(""))
      .join("");
    if (note) text += `${text === "" || text.endsWith("\n") ? "" : "\n"}${this.redactor.redact(note)}\n`;
    writeFileSync(path.join(this.folder, "output.txt"), text, { mode: 0o600 });
    writeFileSync(path.join(this.folder, "cells.json"), JSON.stringify(clean), { mode: 0o600 });
  }

  private flushStreams(): void {
    for (const { name, text } of this.streams.values()) this.add(name, text.flush());
  }

  private add(stream: StreamName, text: string, html?: string): void {
    if (text === "" && html === undefined) return;
    const cell = this.cells.at(-1);
    if (!cell) {
      this.startCell({ notebook: "", number: 0, language: "driver", title: "", source: "" });
      return this.add(stream, text, html);
    }
    const last = cell.outputs.at(-1);
    if (last && html === undefined && last.stream === stream && last.html === undefined) last.text += text;
    else cell.outputs.push(html === undefined ? { stream, text } : { stream, text, html });
    this.write(text);
  }

  private write(text: string): void {
    this.unwritten += text;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      appendFileSync(path.join(this.folder, "output.txt"), this.unwritten, { mode: 0o600 });
      this.unwritten = "";
    }, FLUSH_MS);
  }
}

function heading({ notebook, number, title }: { notebook: string; number: number; title: string }): string {
  return `--- ${notebook} cell ${number}${title ? `: ${title}` : ""}\n`;
}

/** The cells that a finished run left in its folder; none where it never started. */
export function readCells(folder: string): CellRecord[] {
  const file = path.join(folder, "cells.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as CellRecord[]) : [];
}

/** What the cells printed, one text; cut at `limit` characters. */
export function logsOf(cells: readonly CellRecord[], limit: number): { logs: string; truncated: boolean } {
  const logs = cells.flatMap((cell) => cell.outputs.map((output) => output.text)).join("");
  return { logs: logs.slice(0, limit), truncated: logs.length > limit };
}

/** A page with the notebook's cells and outputs; it loads nothing from elsewhere, and its scripts cannot run. */
export function toHtml(name: string, cells: readonly CellRecord[]): string {
  const body = cells.map(cellHtml).join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(name)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>
body { font: 14px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }
pre { background: #f6f7f8; padding: .7rem; overflow-x: auto; } .stderr, .failed { color: #a4161a; }
.out { background: none; border-left: 3px solid #cfd4da; } small { color: #667; } table { border-collapse: collapse; }
td, th { border: 1px solid #cfd4da; padding: .2rem .5rem; }
</style></head><body>
<h1>${escapeHtml(name)}</h1>
${body}
</body></html>
`;
}

function cellHtml(cell: CellRecord): string {
  const time = cell.seconds === undefined ? "" : ` · ${cell.seconds.toFixed(3)} s`;
  const head = `<small class="${cell.state}">${escapeHtml(cell.notebook)} · cell ${cell.number} · ${escapeHtml(cell.language)}${time} · ${cell.state}</small>`;
  const title = cell.title ? `<h3>${escapeHtml(cell.title)}</h3>` : "";
  const outputs = cell.outputs.map((output) => {
    if (output.html !== undefined) return `<div class="out">${output.html}</div>`;
    return `<pre class="out ${output.stream}">${escapeHtml(output.text)}</pre>`;
  });
  return `<section>${title}${head}<pre>${escapeHtml(cell.source)}</pre>${outputs.join("\n")}</section>`;
}

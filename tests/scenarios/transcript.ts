/**
 * A story's transcript as a page of the docs: what the test tells, and what programs said, in Markdown, without what differs
 * from run to run. It is compared with the page that is checked in, as golden files are.
 */
import { join } from "node:path";
import { ROOT } from "../support/pulumi";
import { isAsIn } from "./golden";

/** Everything happens at this minute. */
export const MINUTE = "2026-01-05 09:00";

/** What differs without our knowing it beforehand. */
const PASSING: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, `${MINUTE.replace(" ", "T")}Z`],
  [/\d{4}-\d\d-\d\d \d\d:\d\d/g, MINUTE],
  [/ \((\d+ \w+ ago|now)\)/g, ""],
  [/ +[\d.]+ s(?= {2})/g, ""],
  [/, in [\d.]+ s$/gm, ""],
  [/\b[0-9a-f]{32}\b/g, "<deployment>"],
  [/\/experiments\/\d+\//g, "/experiments/1/"],
  [/\?o=\d+#job\/\d+\/run\/\d+/g, "?o=1#job/2/run/3"],
];

export class Transcript {
  private readonly parts: string[] = [];
  /** Text that stands for itself in one run only, and what is shown in its place. */
  private readonly names: (readonly [text: string, shown: string])[] = [];

  /** From now on the text is shown so; a longer text before a part of it. */
  call(text: string, shown: string): void {
    this.names.push([text, shown]);
  }

  /** What a program said, as it would be in every run. */
  normal(text: string): string {
    let shown = text;
    for (const [from, to] of this.names) {
      shown = shown.replaceAll(from, to);
    }
    for (const [pattern, to] of PASSING) {
      shown = shown.replace(pattern, to);
    }
    return shown;
  }

  /** Markdown as it is. */
  tell(markdown: string): void {
    this.parts.push(markdown.trim());
  }

  /** Text or code as it is. */
  show(text: string, language = "text"): void {
    this.tell(`\`\`\`${language}\n${dedent(text)}\n\`\`\``);
  }

  /** What a program printed. */
  said(text: string): void {
    this.show(this.normal(text));
  }

  /** Markdown that a program wrote, as a page of GitHub's shows it. */
  quote(markdown: string): void {
    const lines = this.normal(markdown).trim().split("\n");
    this.tell(lines.map((line) => `> ${line}`.trimEnd()).join("\n"));
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
    this.tell([line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n"));
  }

  /** @param page its path below the repository's root. */
  isAsIn(page: string): void {
    isAsIn(join(ROOT, page), `${this.parts.join("\n\n")}\n`);
  }
}

/** Without empty lines around it, and without the spaces that all lines begin with. */
export function dedent(text: string): string {
  const lines = text.replace(/^(\s*\n)+|\s+$/g, "").split("\n");
  const indents = lines.filter((line) => line.trim()).map((line) => line.search(/\S/));
  const indent = Math.min(...indents);
  return lines.map((line) => line.slice(indent).trimEnd()).join("\n");
}

/** The part of a text that matches. @throws Error where none does. */
export function part(text: string, pattern: RegExp): string {
  const found = pattern.exec(text);
  if (!found) {
    throw new Error(`${pattern} is not in what was said:\n${text}`);
  }
  return found[1] ?? found[0];
}

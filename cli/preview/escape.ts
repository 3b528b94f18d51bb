/**
 * Text of others in GitHub's Markdown: names of files, subjects, notes, errors. All of it goes into code, where GitHub reads
 * no Markdown, no HTML, no @mention and no #reference (GFM's specification, 6.3 and 4.5), and it cannot end that code early.
 * Never inside a table: there a `|` would end the cell, in code as well.
 */

/** Characters that cannot be seen, move the cursor, or turn the direction of what follows: shown by their number. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029\u115f\u1160\u3164\uffa0]/gu;

/** Fit for a terminal as well: nothing in it is a command to that. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`);
}

/** On one line, as code; cut where it is longer. @default 300 characters */
export function code(text: string, length = 300): string {
  const line = visible(cutTo(text.replace(/\r\n|[\r\n\t]/g, " ").trim(), length));
  if (line === "") {
    return "";
  }
  const fence = "`".repeat(longestRun(line) + 1);
  // A space at either end is no part of the code.
  const space = /^`|`$/.test(line) ? " " : "";
  return `${fence}${space}${line}${space}${fence}`;
}

/** Lines of a block of code; cut where there are more. */
export function codeBlock(text: string, { lines: most = 30, length = 300 } = {}): string[] {
  const all = text.trim().split(/\r\n|[\r\n]/);
  const lines = all
    .slice(0, most)
    .map((line) => visible(cutTo(line.replaceAll("\t", "    ").trimEnd(), length)));
  const more = all.length > most ? [`… and ${all.length - most} more lines`] : [];
  const fence = "`".repeat(Math.max(3, longestRun(lines.join("\n")) + 1));
  return [`${fence}text`, ...lines, ...more, fence];
}

/** A link whose text is code. The address is made by us (`links.ts`). */
export function link(text: string, url: string): string {
  const shown = code(text);
  return url === "" || shown === "" ? shown : `[${shown}](${url})`;
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

/** By characters, so that none is cut in two. */
function cutTo(text: string, length: number): string {
  const characters = [...text];
  return characters.length > length ? `${characters.slice(0, length - 1).join("")}…` : text;
}

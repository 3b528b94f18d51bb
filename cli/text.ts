/** How times, commits and long texts are written in tables. */

const STEPS: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** `3 h ago`; a time that is still to come, by a clock that goes ahead, is `now`; empty where there is no time. */
export function ago(iso: string, now = Date.now()): string {
  const seconds = (now - Date.parse(iso)) / 1000;
  if (!Number.isFinite(seconds)) {
    return "";
  }
  const [length, unit] = STEPS.find(([step]) => seconds >= step) ?? [];
  return length === undefined ? "now" : `${Math.floor(seconds / length)} ${unit} ago`;
}

/** `2026-03-01 10:02`, UTC; empty where there is no time. */
export function when(iso: string): string {
  return iso.slice(0, 16).replace("T", " ");
}

/** `a, b, and 3 more`: so many of them by name. */
export function listed(names: readonly string[], most: number): string {
  const more = names.length > most ? [`and ${names.length - most} more`] : [];
  return [...names.slice(0, most), ...more].join(", ");
}

/** On one line, and in at most so many characters. */
export function cut(text: string, length: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, Math.max(0, length - 1))}…` : line;
}

/** Lines of at most so many characters, broken between words; a longer word stays whole, so that it can be copied. */
export function wrap(text: string, width: number): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines: string[] = [""];
    for (const word of paragraph.trimEnd().split(" ")) {
      const line = lines.at(-1) ?? "";
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(word);
      } else {
        lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
      }
    }
    return lines;
  });
}

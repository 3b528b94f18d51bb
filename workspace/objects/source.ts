/** Databricks' source format of notebooks: a header line, cells between separator lines, magics as comments. */
import { ApiError } from "../errors";
import type { Language } from "./tree";

interface Syntax {
  /** How a line comment starts. */
  readonly comment: string;
  /** What the exported file's name ends with. */
  readonly extension: string;
}

const SYNTAX: Record<Language, Syntax> = {
  PYTHON: { comment: "#", extension: ".py" },
  SCALA: { comment: "//", extension: ".scala" },
  SQL: { comment: "--", extension: ".sql" },
  R: { comment: "#", extension: ".r" },
};

const BY_EXTENSION: Record<string, Language> = {
  ".py": "PYTHON",
  ".scala": "SCALA",
  ".sql": "SQL",
  ".r": "R",
};

/** The extension of a notebook's source, with its dot. */
export function extensionOf(language: Language): string {
  return SYNTAX[language].extension;
}

/** The language that a file name's extension stands for (`.r` and `.R` are both R). */
export function languageOfPath(path: string): Language | undefined {
  return BY_EXTENSION[splitExtension(path).extension.toLowerCase()];
}

/** `a/b.py` is `a/b` and `.py`; a name that only starts with a dot has no extension. */
export function splitExtension(path: string): { stem: string; extension: string } {
  const dot = path.lastIndexOf(".");
  if (dot <= path.lastIndexOf("/") + 1) return { stem: path, extension: "" };
  return { stem: path.slice(0, dot), extension: path.slice(dot) };
}

export function headerOf(language: Language): string {
  return `${SYNTAX[language].comment} Databricks notebook source`;
}

/** Whether the content starts with the header line of that language's notebooks. */
export function hasHeader(content: Buffer, language: Language): boolean {
  const header = headerOf(language);
  const start = content.subarray(0, 3).equals(BOM) ? 3 : 0;
  if (content.toString("utf8", start, start + header.length) !== header) return false;
  const next = content[start + header.length];
  return next === undefined || next === 0x0a || next === 0x0d;
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The one form in which a notebook is kept and exported: header line, cells with one blank line around each separator,
 * no line break at the end. So an export need not equal its import byte for byte, as with Databricks.
 */
export function canonicalSource(content: Buffer, language: Language): Buffer {
  return Buffer.from(joinCells(splitCells(decode(content), language), language));
}

/** The cells' texts in the source format (magics still as comments). A missing header line is no error. */
export function splitCells(source: string, language: Language): string[] {
  const { comment } = SYNTAX[language];
  const separator = `${comment} COMMAND ----------`;
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  if (lines[0] === headerOf(language)) lines.shift();
  const cells: string[][] = [[]];
  for (const line of lines) {
    if (line.trimEnd() === separator) cells.push([]);
    else cells.at(-1)!.push(line);
  }
  return cells.map((cell) => cell.join("\n").replace(/^\n+|\n+$/g, ""));
}

export function joinCells(cells: readonly string[], language: Language): string {
  const { comment } = SYNTAX[language];
  return `${headerOf(language)}\n${cells.join(`\n\n${comment} COMMAND ----------\n\n`)}`;
}

/** A cell that begins with a magic (`%md`, `%sql`, …) as comment lines, `# MAGIC %md`. */
export function toMagic(text: string, language: Language): string {
  const prefix = `${SYNTAX[language].comment} MAGIC`;
  return text
    .split("\n")
    .map((line) => (line === "" ? prefix : `${prefix} ${line}`))
    .join("\n");
}

/** The text of a cell of comment lines, or undefined where the cell is plain code. */
export function fromMagic(cell: string, language: Language): string | undefined {
  const prefix = `${SYNTAX[language].comment} MAGIC`;
  const lines = cell.split("\n");
  if (!lines.every((line) => line === prefix || line.startsWith(`${prefix} `))) return undefined;
  return lines.map((line) => line.slice(prefix.length + 1)).join("\n");
}

function decode(content: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw new ApiError("INVALID_PARAMETER_VALUE", "The content of a notebook must be UTF-8 text.");
  }
}

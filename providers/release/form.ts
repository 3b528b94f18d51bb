/**
 * A notebook's text in the form that an import and an export have in common. A workspace writes a notebook anew when
 * it exports it: what it may change without changing the notebook is left out here.
 */
import { sha256 } from "./manifest";

const COMMENT = "(?:#|//|--)";
const FRAME = new RegExp(`^\\uFEFF?${COMMENT} (?:Databricks notebook source|COMMAND -{10}|DBTITLE .*)$`);
const MAGIC = new RegExp(`^${COMMENT} MAGIC ?`);

/**
 * Digest of a source's lines without line endings, trailing blanks, empty lines, the lines between cells, and the
 * comment signs before magics. Equal for a notebook and its export; differs where a line is missing or another.
 */
export function formOfSource(source: Uint8Array): string {
  return formOf(
    Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString("utf8").split("\n"),
  );
}

/** The same of an `.ipynb`, as it is when exported as source. Undefined where it cannot be read. */
export function formOfJupyter(content: Uint8Array): string | undefined {
  try {
    const { cells } = JSON.parse(
      Buffer.from(content)
        .toString("utf8")
        .replace(/^\uFEFF/, ""),
    ) as {
      cells: { cell_type: string; source: string | string[] }[];
    };
    return formOf(
      cells.flatMap(({ cell_type, source }) => {
        const text = typeof source === "string" ? source : source.join("");
        return `${cell_type === "markdown" ? "%md\n" : ""}${text}`.split("\n");
      }),
    );
  } catch {
    return undefined;
  }
}

function formOf(lines: readonly string[]): string {
  const kept: string[] = [];
  for (const raw of lines) {
    const line = raw.trimEnd();
    if (!FRAME.test(line)) {
      const plain = line.replace(MAGIC, "").replace(/^%md(?:-sandbox)?(?: |$)/, "");
      if (plain !== "") {
        kept.push(plain);
      }
    }
  }
  return sha256(Buffer.from(kept.join("\n")));
}

/** Jupyter notebooks to Databricks' source format and back. Outputs are not kept. */
import { ApiError } from "../errors";
import { fromMagic, joinCells, splitCells, toMagic } from "./source";
import type { Language } from "./tree";

const LANGUAGES: Record<string, Language> = {
  python: "PYTHON",
  python3: "PYTHON",
  scala: "SCALA",
  sql: "SQL",
  r: "R",
  ir: "R",
};

interface JupyterCell {
  cell_type: string;
  source: string | string[];
}

/** Reads an `.ipynb`; throws `INVALID_PARAMETER_VALUE` where it is none. `fallback` where it names no language. */
export function fromJupyter(
  content: Buffer,
  fallback: Language = "PYTHON",
): { language: Language; source: Buffer } {
  const invalid = (why: string) =>
    new ApiError("INVALID_PARAMETER_VALUE", `The content is not a Jupyter notebook: ${why}.`);
  let value: { cells?: JupyterCell[]; metadata?: Record<string, Record<string, string> | undefined> };
  try {
    value = JSON.parse(content.toString("utf8")) as typeof value;
  } catch {
    throw invalid("it is not JSON");
  }
  if (!value || !Array.isArray(value.cells)) throw invalid("it has no list of cells");
  const { kernelspec, language_info: info } = value.metadata ?? {};
  const named = (kernelspec?.language ?? info?.name ?? kernelspec?.name ?? "").toLowerCase();
  const language = LANGUAGES[named] ?? fallback;
  const cells = value.cells.map((cell) => {
    const text = Array.isArray(cell.source) ? cell.source.join("") : cell.source;
    if (typeof text !== "string") throw invalid("a cell has no source");
    if (cell.cell_type === "markdown") return toMagic(`%md\n${text}`, language);
    return /^%[a-z]/.test(text) ? toMagic(text, language) : text;
  });
  return { language, source: Buffer.from(joinCells(cells, language)) };
}

/** The notebook as an `.ipynb`, formatted the same way each time. */
export function toJupyter(source: Buffer, language: Language, name: string): Buffer {
  const cells = splitCells(source.toString("utf8"), language).map((cell) => {
    const magic = fromMagic(cell, language);
    const markdown = magic === undefined ? undefined : /^%md(?:-sandbox)?[ \n]?([\s\S]*)$/.exec(magic)?.[1];
    if (markdown !== undefined) return { cell_type: "markdown", metadata: {}, source: lines(markdown) };
    return {
      cell_type: "code",
      execution_count: null,
      metadata: {},
      outputs: [],
      source: lines(magic ?? cell),
    };
  });
  const metadata = {
    "application/vnd.databricks.v1+notebook": { language: language.toLowerCase(), notebookName: name },
    language_info: { name: language.toLowerCase() },
  };
  return Buffer.from(JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 0 }, null, 1));
}

function lines(text: string): string[] {
  return text.split("\n").map((line, index, all) => (index < all.length - 1 ? `${line}\n` : line));
}

/**
 * Which files are notebooks: source files whose first line is Databricks' header, and Jupyter notebooks. The same
 * rule as the workspace's own import (format `AUTO`) and the official CLI: without the header a `.py` is a module.
 */
import { extname } from "node:path";
import type { Language } from "./types";

const headers: Record<string, { language: Language; header: string }> = {
  ".py": { language: "PYTHON", header: "# Databricks notebook source" },
  ".scala": { language: "SCALA", header: "// Databricks notebook source" },
  ".sql": { language: "SQL", header: "-- Databricks notebook source" },
  ".r": { language: "R", header: "# Databricks notebook source" },
};

const jupyterLanguages: Record<string, Language> = { python: "PYTHON", scala: "SCALA", sql: "SQL", r: "R" };

/** Whether a file of this name is a notebook if its content is one. */
export function mayBeNotebook(path: string): boolean {
  const extension = extname(path).toLowerCase();
  return extension === ".ipynb" || headers[extension] !== undefined;
}

/** Whether the name says Jupyter: other limits apply to its size. */
export function isJupyter(path: string): boolean {
  return extname(path).toLowerCase() === ".ipynb";
}

/** The language of a notebook; undefined for a file that is none. */
export function notebookLanguage(path: string, content: Buffer): Language | undefined {
  if (isJupyter(path)) return jupyterLanguage(content);
  const expected = headers[extname(path).toLowerCase()];
  if (expected === undefined) return undefined;
  return firstLine(content) === expected.header ? expected.language : undefined;
}

/** A notebook's name in the workspace: without its extension. */
export function notebookTarget(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}

/** The first line without a byte order mark and without a carriage return. */
function firstLine(content: Buffer): string {
  const head = content.toString("utf8", 0, 200).replace(/^\uFEFF/, "");
  return (head.split("\n")[0] ?? "").replace(/\r$/, "");
}

/** The language that a Jupyter notebook (nbformat 4 and later) names in its metadata; Python where it names none. */
function jupyterLanguage(content: Buffer): Language | undefined {
  let document: unknown;
  try {
    document = JSON.parse(content.toString("utf8").replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
  if (!isRecord(document) || !Array.isArray(document.cells)) return undefined;
  if (typeof document.nbformat !== "number" || document.nbformat < 4) return undefined;
  const metadata = isRecord(document.metadata) ? document.metadata : {};
  const places = [
    [metadata["application/vnd.databricks.v1+notebook"], "language"],
    [metadata.language_info, "name"],
    [metadata.kernelspec, "language"],
  ] as const;
  for (const [place, key] of places) {
    const name = isRecord(place) ? place[key] : undefined;
    const language = typeof name === "string" ? jupyterLanguages[name.toLowerCase()] : undefined;
    if (language !== undefined) return language;
  }
  return "PYTHON";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

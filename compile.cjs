"use strict";
/**
 * Lets node load this repository's TypeScript, for the program and its providers: each file is compiled by itself, types
 * unchecked, and kept under .local/compiled until it changes. tsx does more, also to every JavaScript file of every
 * package: 0.2 to 0.7 s at each start of the program and of its providers (measured; npm run bench).
 */
const { createHash } = require("node:crypto");
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join, relative } = require("node:path");

/** Another one compiles everything anew: raise it where the options below change. */
const RECIPE = `1 ${process.versions.node.split(".")[0]} ${require("esbuild/package.json").version}`;
const KEPT = join(__dirname, ".local", "compiled");
const MAP = "//# sourceMappingURL=data:application/json;base64,";

require.extensions[".ts"] = (module, file) => {
  /** @type {any} */ (module)._compile(compiled(file), file);
};
showSourceLines();

function compiled(/** @type {string} */ file) {
  const source = readFileSync(file);
  // The file itself is part of it: a copied checkout has other paths in its maps.
  const stamp = `//${createHash("sha256").update(`${RECIPE} ${file}\n`).update(source).digest("hex")}\n`;
  const kept = join(KEPT, `${relative(__dirname, file).replace(/[\\/]/g, "+")}.js`);
  return read(kept, stamp) ?? write(kept, stamp, compile(file, source));
}

/** Stacks show the lines of the source: node's own, and those of the package that Pulumi formats them by. */
function showSourceLines() {
  process.setSourceMapsEnabled(true);
  const file = fileOf("source-map-support");
  const support = file && require.cache[file]?.exports;
  support?.install({
    retrieveSourceMap: (/** @type {string} */ source) => {
      const text = source.endsWith(".ts") ? compiled(source) : "";
      const start = text.lastIndexOf(MAP);
      return start < 0
        ? null
        : { url: source, map: Buffer.from(text.slice(start + MAP.length), "base64").toString() };
    },
  });
}

/** Where @pulumi/pulumi finds the package. */
function fileOf(/** @type {string} */ name) {
  try {
    return createRequire(require.resolve("@pulumi/pulumi")).resolve(name);
  } catch {
    return undefined;
  }
}

/** The text under that stamp; undefined where there is none. */
function read(/** @type {string} */ kept, /** @type {string} */ stamp) {
  try {
    const text = readFileSync(kept, "utf8");
    return text.startsWith(stamp) ? text.slice(stamp.length) : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the text where it can, whole or not at all: others may be reading it. */
function write(/** @type {string} */ kept, /** @type {string} */ stamp, /** @type {string} */ text) {
  try {
    mkdirSync(KEPT, { recursive: true });
    const draft = `${kept}.${process.pid}`;
    writeFileSync(draft, stamp + text);
    renameSync(draft, kept);
  } catch {
    // A checkout that cannot be written to: it is compiled at each start.
  }
  return text;
}

function compile(/** @type {string} */ file, /** @type {Buffer} */ source) {
  return require("esbuild").transformSync(source, {
    loader: "ts",
    format: "cjs",
    platform: "node",
    target: "node20",
    sourcefile: file,
    sourcemap: "inline",
    sourcesContent: false,
    logLevel: "silent",
  }).code;
}

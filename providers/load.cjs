"use strict";
/**
 * What the serialized shells load: the provider's code as it is today, not as it was when a resource was created.
 * In this repository that is the TypeScript source, in a package that depends on this one its compiled form.
 */
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const sources = join(__dirname, "handlers.ts");
const handlers = existsSync(sources)
  ? require("tsx/cjs/api").require(sources, __filename)
  : require("../dist/providers/handlers.js");

module.exports = handlers.load;

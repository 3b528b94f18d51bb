"use strict";
/**
 * What the serialized shells load: the provider's code as it is today, not as it was when a resource was created.
 * In this repository that is the TypeScript source, in a package that depends on this one its compiled form.
 */
const { existsSync } = require("node:fs");
const { join } = require("node:path");

if (existsSync(join(__dirname, "handlers.ts"))) {
  require("../compile.cjs");
  module.exports = require("./handlers.ts").load;
} else {
  module.exports = require("../dist/providers/handlers.js").load;
}

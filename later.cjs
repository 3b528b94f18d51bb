"use strict";
/**
 * @pulumi/pulumi loads a compiler and a package manager at every start, to make text of functions and to find the
 * packages that they need. Our providers' text is written by hand (docs/decisions/001), so neither is used. Here they
 * are put off until somebody reads something of them, which nobody does: more than half of what the program would load.
 */
const Module = require("node:module");

const NOT_NEEDED = ["typescript", "@npmcli/arborist"];

for (const name of NOT_NEEDED) {
  const file = fileOf(name);
  if (file && !require.cache[file]) require.cache[file] = standIn(file);
}

/** Where @pulumi/pulumi finds the package; undefined where it does not, and then it is left to say so itself. */
function fileOf(/** @type {string} */ name) {
  try {
    return Module.createRequire(require.resolve("@pulumi/pulumi")).resolve(name);
  } catch {
    return undefined;
  }
}

/** A module that looks loaded, and is loaded when a property of it is read. */
function standIn(/** @type {string} */ file) {
  /** @type {object | undefined} */
  let exports;
  const load = () => {
    if (!exports) {
      if (require.cache[file] === module) delete require.cache[file];
      exports = require(file);
    }
    return exports;
  };
  const module = new Module(file);
  module.filename = file;
  module.loaded = true;
  module.exports = new Proxy(
    {},
    {
      // Compiled imports ask for this one at once; without it they would copy all the others.
      get: (_, key) => (key === "__esModule" ? true : Reflect.get(load(), key)),
      has: (_, key) => Reflect.has(load(), key),
    },
  );
  return module;
}

"use strict";
/**
 * Loaded into every node process of a measured command by NODE_OPTIONS. In the one that runs the program it writes the
 * ms from the process's launch to the program's first resource (the stack itself, which Pulumi registers before it
 * loads the program, is none of it) into the file that BENCH_START_FILE names.
 */
const { appendFileSync } = require("node:fs");
// Its `_load` is not in the types.
const Module = /** @type {any} */ (require("node:module"));

const file = process.env.BENCH_START_FILE;
if (file && /[\\/]cmd[\\/]run([\\/]|$)/.test(process.argv[1] ?? "")) {
  let done = false;
  const load = Module._load;
  Module._load = function (/** @type {string} */ request, /** @type {unknown[]} */ ...rest) {
    const loaded = load.call(this, request, ...rest);
    if (
      !done &&
      /runtime\/resource$/.test(request) &&
      loaded.registerResource &&
      !loaded.registerResource.watched
    ) {
      const register = loaded.registerResource;
      loaded.registerResource = (/** @type {unknown[]} */ ...args) => {
        if (!done && args[2] !== "pulumi:pulumi:Stack") {
          done = true;
          // Since the process's time origin, which node takes at its launch.
          appendFileSync(file, `${performance.now()}\n`);
        }
        return register(...args);
      };
      loaded.registerResource.watched = true;
    }
    return loaded;
  };
}

"use strict";
/**
 * What Pulumi runs: loads the program, index.ts. Not left to Pulumi's own TypeScript support, which checks the
 * types of the whole program at each run, and which older language hosts do not let us switch off.
 */
require("./later.cjs");
require("./compile.cjs");

// Pulumi formats an uncaught error by util.inspect, which in Node 20 does not come back for 20 seconds from a stack
// line like "node_modules/@pulumi/resource.ts" (it looks for a slash after the package's name). Such lines help nobody.
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.prependListener(event, (error) => {
    if (typeof error?.stack === "string") {
      error.stack = error.stack
        .split("\n")
        .filter((line) => !/^\s+at .*node_modules/.test(line))
        .join("\n");
    }
  });
}

module.exports = require("./index.ts");

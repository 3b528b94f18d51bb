/** Where the local stack keeps its state, and the passphrase that its secrets are encrypted with. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { writeWhole } from "./files.mjs";

/**
 * @param {import("./paths.mjs").Paths} paths
 * @returns {import("./steps.mjs").Step}
 */
export function pulumiState({ state, passphrase }) {
  return {
    title: "State of the local stack",
    done: () => existsSync(state) && existsSync(passphrase),
    run: async () => {
      mkdirSync(state, { recursive: true });
      // Made once: another one could not read the secrets of the stack that is there.
      if (!existsSync(passphrase)) writeWhole(passphrase, randomBytes(24).toString("base64url"), 0o600);
    },
  };
}

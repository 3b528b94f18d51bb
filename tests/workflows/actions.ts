/** What the actions do that the workflows use, as their documentation says, on a machine that has it all already. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pulumiPrograms, type Machine } from "./machine";

export interface ActionCall {
  readonly inputs: Readonly<Record<string, string>>;
  readonly machine: Machine;
  /** Of the workflow's run: folders by name. */
  readonly artifacts: Map<string, string>;
  /** A folder for a new artifact. */
  readonly store: string;
  /** The folder of a repository's git that a token can see. @throws where it cannot */
  readonly gitOf: (repository: string, token: string) => string;
  /** What `ref` is where the step has none. */
  readonly defaultRef: (repository: string) => string;
}

type Action = (call: ActionCall) => void;

const ACTIONS: Readonly<Record<string, { readonly inputs: readonly string[]; readonly work: Action }>> = {
  "actions/checkout": {
    inputs: ["repository", "ref", "token", "persist-credentials"],
    work: ({ inputs: { repository = "", ref, token = "" }, machine, gitOf, defaultRef }) => {
      const from = gitOf(repository, token);
      const git = (...args: string[]) => execFileSync("git", args, { stdio: "pipe" });
      git("clone", "--quiet", "--no-checkout", from, machine.workspace);
      git("-C", machine.workspace, "checkout", "--quiet", "--detach", ref || defaultRef(repository));
    },
  },
  "actions/setup-node": {
    inputs: ["node-version-file", "package-manager-cache"],
    work: ({ inputs, machine }) => {
      const file = inputs["node-version-file"] ?? "";
      assert.ok(file && existsSync(join(machine.workspace, file)), `there is no ${file}`);
    },
  },
  // Without a command it installs the CLI and nothing more.
  "pulumi/actions": {
    inputs: ["pulumi-version"],
    work: ({ machine }) => void machine.path.unshift(...pulumiPrograms()),
  },
  "actions/upload-artifact": {
    inputs: ["name", "path", "if-no-files-found", "retention-days"],
    work: ({ inputs, machine, artifacts, store }) => {
      const { name = "", path = "" } = inputs;
      assert.match(name, /^[^":<>|*?\r\n\\/]+$/, `GitHub takes no artifact of the name ${name}`);
      assert.ok(!artifacts.has(name), `there is an artifact ${name} already`);
      const from = join(machine.workspace, path);
      if (!existsSync(from)) {
        assert.equal(inputs["if-no-files-found"], "ignore", `there is no ${path}`);
        return;
      }
      cpSync(from, join(store, name), { recursive: true });
      artifacts.set(name, join(store, name));
    },
  },
  "actions/download-artifact": {
    inputs: ["pattern", "path", "merge-multiple"],
    work: ({ inputs, machine, artifacts }) => {
      const { pattern = "", path = "" } = inputs;
      assert.match(pattern, /^[\w-]+\*$/, "only names that begin with a text are known here");
      assert.equal(inputs["merge-multiple"], "true", "only into one folder is known here");
      const into = join(machine.workspace, path);
      mkdirSync(into, { recursive: true });
      for (const [name, folder] of artifacts) {
        if (name.startsWith(pattern.slice(0, -1))) {
          cpSync(folder, into, { recursive: true });
        }
      }
    },
  },
};

/** @throws AssertionError for an action, or an input of one, of which the tests do not know what it does. */
export function useAction(uses: string, call: ActionCall): void {
  const [name = ""] = uses.split("@");
  const action = ACTIONS[name];
  assert.ok(action, `the tests do not know what ${uses} does: add it to tests/workflows/actions.ts`);
  for (const input of Object.keys(call.inputs)) {
    assert.ok(action.inputs.includes(input), `the tests do not know the input ${input} of ${name}`);
  }
  action.work(call);
}

/** What a team has in git: the program with its stacks' files, and an app's notebooks. */
import { execFileSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { stringify } from "yaml";
import { passing, score } from "../scenarios/example";
import type { TestFile } from "../source/support";
import { ROOT } from "../support/pulumi";
import { programs, pulumiPrograms } from "./machine";

/** What a repository needs of this one, to hold the program. */
const FILES = [
  ...["cli", "components", "databricks", "providers", "source"],
  ...["notebooks/driver.py", "notebooks/trigger.py", "Pulumi.yaml", "index.cjs", "index.ts", "later.cjs"],
  ...["compile.cjs", "package.json", "package-lock.json", "tsconfig.json", ".npmrc", ".nvmrc"],
];

/** The app's notebooks below `app/`: one that a job runs, and one quick test. */
export const APP_FILES: Readonly<Record<string, TestFile>> = {
  "app/pipeline/score.py": score("v1"),
  "app/tests/test_one.py": passing(),
};

export interface StackFile {
  readonly name: string;
  /** Settings without the project's prefix. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Copies the program into a repository's folder, with its stacks' files, and makes the stacks in the backend. */
export function writeProgram(
  folder: string,
  stacks: readonly StackFile[],
  { backend, passphrase }: { readonly backend: string; readonly passphrase: string },
): void {
  for (const file of FILES) {
    cpSync(join(ROOT, file), join(folder, file), { recursive: true });
  }
  writeFileSync(join(folder, ".gitignore"), "node_modules/\n.local/\n");
  for (const { name, config } of stacks) {
    const settings = Object.entries(config).map(([key, value]) => [`notebook-releases:${key}`, value]);
    const file = join(folder, `Pulumi.${name}.yaml`);
    writeFileSync(file, stringify({ config: Object.fromEntries(settings) as object }));
    // Adds the salt of the stack's secrets to the file.
    execFileSync("pulumi", ["stack", "init", name, "--cwd", folder, "--non-interactive"], {
      env: {
        ...machineVariables(),
        PATH: [...pulumiPrograms(), ...programs()].join(delimiter),
        PULUMI_BACKEND_URL: backend,
        PULUMI_CONFIG_PASSPHRASE: passphrase,
      },
      stdio: "pipe",
    });
  }
}

/** What a machine has before anything is said to it: no credentials of anybody. */
export function machineVariables(): Record<string, string> {
  const { HOME = "", TMPDIR, LANG, PULUMI_HOME } = process.env;
  const npm = Object.entries(process.env).filter(([name]) => /^npm_config_/i.test(name));
  return {
    ...(Object.fromEntries(npm) as Record<string, string>),
    ...{ HOME, ...(TMPDIR ? { TMPDIR } : {}), ...(LANG ? { LANG } : {}) },
    // Packages and plugins that were fetched once are not fetched again.
    npm_config_prefer_offline: "true",
    PULUMI_HOME: PULUMI_HOME ?? join(ROOT, ".local", "pulumi"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    DATABRICKS_CONFIG_FILE: join(ROOT, ".local", "no such file"),
  };
}

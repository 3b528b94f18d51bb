/** Which packages the local Python environment has, asked of Python itself (`workspace/python/packages.py`). */
import { execFile } from "node:child_process";
import path from "node:path";
import type { Workspace } from "../context";

const SCRIPT = path.resolve(__dirname, "..", "python", "packages.py");
const LIMIT_MS = 60_000;

export interface PackageCheck {
  /** For each requirement why it is not met, or null where it is. */
  readonly problems: (string | null)[];
  /** Pairs of an installed library and what it requires and does not find. */
  readonly missing: [library: string, requirement: string][];
}

/** Questions to which the answer was that nothing is missing; the others are asked again, as people may have mended it. */
const known = new Map<string, Promise<PackageCheck>>();

/** Whether requirements such as `pandas>=2` are met by the environment and the libraries in `folders`. */
export function checkPackages(
  { settings }: Workspace,
  requirements: readonly string[],
  folders: readonly string[],
): Promise<PackageCheck> {
  const question = JSON.stringify({ requirements, folders });
  const key = `${settings.python}\n${question}`;
  let answer = known.get(key);
  if (!answer) {
    answer = ask(settings.python, question);
    known.set(key, answer);
    const forget = (): void => void known.delete(key);
    answer.then(({ problems, missing }) => {
      if (missing.length > 0 || problems.some((problem) => problem !== null)) forget();
    }, forget);
  }
  return answer;
}

function ask(python: string, question: string): Promise<PackageCheck> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      python,
      ["-I", SCRIPT],
      { timeout: LIMIT_MS, encoding: "utf8" },
      (error, stdout, stderr) => {
        if (error)
          return reject(
            new Error(`The packages of ${python} could not be listed: ${stderr.trim() || error.message}`),
          );
        resolve(JSON.parse(stdout) as PackageCheck);
      },
    );
    child.stdin!.on("error", () => undefined); // its end says more
    child.stdin!.end(question);
  });
}

/** A stack as its file alone tells of it: for commands that have neither its backend nor its workspace at hand. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { parseConfiguration, type Configuration } from "../components/configuration";
import { Problem } from "./problem";
import { shortName } from "./stack";

/** Stands for a value that nobody can read here. */
const SECRET = "[secret]";

type Values = Readonly<Record<string, unknown>>;

/**
 * @param folder of the project; Pulumi.yaml lies there, and so must `Pulumi.<stack>.yaml`.
 * @throws Problem, RunError that says what is wrong with it
 */
export function readStackFile(name: string, folder: string): Configuration {
  const cwd = resolve(folder);
  const project = readYaml(cwd, ["Pulumi.yaml"]);
  if (!project) {
    throw new Problem(
      `${cwd} has no Pulumi.yaml. Call this in the project's folder, or name it with --cwd.`,
      2,
    );
  }
  const short = shortName(name);
  const stack = readYaml(cwd, [`Pulumi.${short}.yaml`, `Pulumi.${short}.yml`]);
  if (!stack) {
    throw new Problem(`${cwd} has no Pulumi.${short}.yaml, so nobody knows where stack ${name} deploys to.`);
  }
  const own = typeof project.name === "string" ? project.name : "";
  const values = { ...projectValues(project.config, own), ...((stack.config ?? {}) as Values) };
  const plain = Object.entries(values).map(([key, value]): [string, string] => [key, textOf(value)]);
  return parseConfiguration(Object.fromEntries(plain), own, short);
}

function readYaml(folder: string, names: readonly string[]): Values | undefined {
  const file = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  return file === undefined ? undefined : ((parse(readFileSync(file, "utf8")) ?? {}) as Values);
}

/** The project's own values and defaults; a key without a namespace is the project's. */
function projectValues(config: unknown, project: string): Values {
  return Object.fromEntries(
    Object.entries((config ?? {}) as Values).flatMap(([key, given]): [string, unknown][] => {
      const { value, default: fallback } =
        given !== null && typeof given === "object" && !Array.isArray(given)
          ? (given as { value?: unknown; default?: unknown })
          : { value: given };
      const known = value ?? fallback;
      return known === undefined ? [] : [[key.includes(":") ? key : `${project}:${key}`, known]];
    }),
  );
}

/** As Pulumi hands values to the program: JSON where they are objects. */
function textOf(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  const text = JSON.stringify(value ?? "");
  return /"secure":/.test(text) ? SECRET : text;
}

/** The Scala side of the example: whether this machine can run it, and the TestTracker's jar for it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join, relative, sep } from "node:path";
import { zipSync } from "fflate";
import { run, StartError } from "./run";

/** The jar, or why Scala tests are not run here. */
export type Scala = { readonly jar: string } | { readonly missing: string };

/** For a short life, as the local workspace starts it. */
const JAVA_OPTIONS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
/** Dates in a zip have no time zone; always the same one gives the same bytes. */
const DATE = new Date(1980, 0, 1);

/**
 * Compiles the jar when it is not there or its sources have changed: with the compiler that set-up left for the local
 * workspace (`.local/scala`), in seconds. `mvn package`, which a team would use, makes the same classes and runs their tests.
 * @param root the checkout
 * @param say told before it takes its time
 */
export async function findScala(root: string, say: (text: string) => void): Promise<Scala> {
  const folder = join(root, ".local", "scala");
  const { java, missing } = readSetUp(join(folder, "scala.json"));
  if (!java) return { missing: missing ?? "Scala is not set up" };
  if (!existsSync(java)) return { missing: `no java found at ${java}, where it was` };
  try {
    return { jar: await makeJar(root, java, join(folder, "lib"), say) };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { missing: `the TestTracker could not be compiled: ${error.message}` };
  }
}

async function makeJar(
  root: string,
  java: string,
  lib: string,
  say: (text: string) => void,
): Promise<string> {
  const testkit = join(root, "testkit", "scala");
  const sources = filesIn(join(testkit, "src", "main")).filter((file) => file.endsWith(".scala"));
  const text = sources.map((file) => readFileSync(file, "utf8")).join("\0");
  const pom = readFileSync(join(testkit, "pom.xml"), "utf8");
  const [, version = ""] = /<version>([^<]+)<\/version>/.exec(pom) ?? [];
  const target = join(root, ".local", "testkit");
  const jar = join(target, `notebook-releases-testkit_2.13-${version}.jar`);
  const stamp = `${jar}.sources`;
  if (existsSync(jar) && existsSync(stamp) && readFileSync(stamp, "utf8") === text) return jar;

  say("Compiling the TestTracker for Scala, once");
  const classes = join(target, "classes");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(classes, { recursive: true });
  const jars = filesIn(lib).filter((file) => file.endsWith(".jar"));
  const compiler = ["-cp", jars.join(delimiter), "scala.tools.nsc.Main", "-usejavacp", "-release", "11"];
  await run(java, [...JAVA_OPTIONS, ...compiler, "-d", classes, ...sources]);
  const entries = filesIn(classes).map((file) => [
    relative(classes, file).split(sep).join("/"),
    readFileSync(file),
  ]);
  const draft = `${jar}.draft`;
  writeFileSync(draft, zipSync(Object.fromEntries(entries) as Record<string, Uint8Array>, { mtime: DATE }));
  rmSync(classes, { recursive: true });
  renameSync(draft, jar);
  writeFileSync(stamp, text);
  return jar;
}

/** What set-up found (`scripts/setup/scala.mjs`). */
function readSetUp(file: string): { java?: string; missing?: string } {
  return existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as { java?: string; missing?: string })
    : {};
}

/** All files below a folder, sorted. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

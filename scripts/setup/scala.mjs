/**
 * What Scala notebooks of the local workspace run with: the Scala compiler's jars, by Maven, and our driver, compiled
 * with them. A machine without Java or Maven does without: its Scala notebooks are reported as not run.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./command.mjs";
import { hashOf, linkFolder, makeWhole, readText, writeWhole } from "./files.mjs";
import { atLeast, findProgram } from "./prerequisites.mjs";
import { Problem } from "./problem.mjs";

/** Databricks' runtimes with Scala 2.13 have 17; what our jars need is less. */
const OLDEST_JAVA = "11";
const DOWNLOAD_SECONDS = 300;
const COMPILE_SECONDS = 300;
/** Part of the cache's key; raise it when the way of building changes and the sources do not. */
const RECIPE = "1";

/**
 * Leaves `.local/scala`: `lib/` with the jars, `classes.jsa`, and last `scala.json`, which says what it is made from, and
 * the `java` to start it with or the reason why there is none (`missing`).
 * @param {import("./paths.mjs").Paths} paths
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {import("./steps.mjs").Step}
 */
export function scalaNotebooks(paths, env = process.env) {
  const folder = join(paths.local, "scala");
  const stamp = join(folder, "scala.json");
  return {
    title: "Scala notebooks",
    done: () => {
      const left = JSON.parse(readText(stamp) ?? "{}");
      const missing = whatIsMissing(env);
      return missing
        ? left.missing === missing
        : left.key === keyOf(paths) && !left.missing && existsSync(left.java ?? "");
    },
    run: async (detail) => {
      rmSync(stamp, { force: true });
      try {
        const missing = whatIsMissing(env);
        if (missing) throw new Problem(missing);
        const java = await checkedJava(env);
        const built = await interpreter(paths, env, java, detail);
        await makeWhole(folder, async (draft) => linkFolder(built, join(draft, "lib")));
        detail("preparing the classes");
        await archiveClasses(folder, java, env);
        writeWhole(stamp, JSON.stringify({ key: keyOf(paths), java }));
        return "ready";
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        // Nothing else needs it: said here, and by each Scala notebook that is run.
        const [reason = ""] = error.message.split("\n");
        writeWhole(stamp, JSON.stringify({ missing: reason.replace(/\.$/, "") }));
        return `none, Scala notebooks will be reported as not run here: ${error.message}`;
      }
    },
  };
}

/** @param {NodeJS.ProcessEnv} env */
function whatIsMissing(env) {
  const absent = ["java", "mvn"].filter((name) => !find(name, env));
  return absent.length > 0 ? `no ${absent.join(" and no ")} found on PATH` : undefined;
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 */
function find(name, env) {
  const home = name === "java" && env.JAVA_HOME ? join(env.JAVA_HOME, "bin", "java") : undefined;
  return home && existsSync(home) ? home : findProgram(name, env);
}

/** @param {NodeJS.ProcessEnv} env */
async function checkedJava(env) {
  const java = /** @type {string} */ (find("java", env));
  let said = "";
  // Java 8 knows no other spelling, and writes to its standard error.
  await run(java, ["-version"], { env, limitSeconds: 20, onLine: (line) => void (said += line) }).catch(
    () => {
      said = "";
    },
  );
  const version = /version "([\d.]+)/.exec(said)?.[1];
  // macOS has a stand-in for a Java that is not there.
  if (!version) throw new Problem(`${java} does not run`);
  if (!atLeast(version, OLDEST_JAVA))
    throw new Problem(`${java} is Java ${version}; ${OLDEST_JAVA} or newer is needed`);
  return java;
}

/** @param {import("./paths.mjs").Paths} paths */
function sourcesOf(paths) {
  const home = join(paths.root, "workspace", "scala");
  const sources = readdirSync(join(home, "src"))
    .filter((name) => name.endsWith(".scala"))
    .sort()
    .map((name) => join(home, "src", name));
  return { home, pom: join(home, "pom.xml"), sums: join(home, "jars.sha256"), sources };
}

/** @param {import("./paths.mjs").Paths} paths */
function keyOf(paths) {
  const { pom, sums, sources } = sourcesOf(paths);
  return hashOf(RECIPE, ...[pom, sums, ...sources].map((file) => readFileSync(file, "utf8")));
}

/**
 * The folder of all jars, in the cache that checkouts share.
 * @param {import("./paths.mjs").Paths} paths
 * @param {NodeJS.ProcessEnv} env
 * @param {string} java
 * @param {(text: string) => void} detail
 */
async function interpreter(paths, env, java, detail) {
  const result = join(paths.cache, `scala-${keyOf(paths)}`);
  if (existsSync(result)) return result;
  const { pom, sums, sources } = sourcesOf(paths);
  await makeWhole(result, async (draft) => {
    detail("fetching the jars with Maven");
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${draft}`];
    await run("mvn", ["-B", "-ntp", "-f", pom, ...goal], {
      env,
      limitSeconds: DOWNLOAD_SECONDS,
      onLine: (line) => detail(line.replace(/^\[\w+\]\s*/, "")),
    });
    checkSums(draft, readFileSync(sums, "utf8"));
    detail("compiling the driver");
    const compiler = ["-cp", jarsIn(draft), "scala.tools.nsc.Main", "-usejavacp", "-nowarn"];
    await run(
      java,
      ["-XX:TieredStopAtLevel=1", ...compiler, "-d", join(draft, "notebook-driver.jar"), ...sources],
      { env, limitSeconds: COMPILE_SECONDS },
    );
  });
  return result;
}

/**
 * @param {string} folder
 * @param {string} sums lines `<sha256>  <name>`, one for each jar
 */
export function checkSums(folder, sums) {
  const wanted = new Map(
    sums
      .trim()
      .split("\n")
      .map((line) => /** @type {[string, string]} */ (line.split(/\s+/).reverse())),
  );
  const there = readdirSync(folder).filter((name) => name.endsWith(".jar"));
  const wrong = [
    ...there
      .filter((name) => wanted.get(name) !== sha256(join(folder, name)))
      .map((name) => (wanted.has(name) ? `${name} has other contents` : `${name} is not expected`)),
    ...[...wanted.keys()].filter((name) => !there.includes(name)).map((name) => `${name} is missing`),
  ];
  if (wrong.length > 0)
    throw new Problem(
      `the jars from Maven are not those of workspace/scala/jars.sha256: ${wrong.join(", ")}`,
    );
}

/** @param {string} file */
function sha256(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** @param {string} folder */
function jarsIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jar"))
    .sort()
    .map((name) => join(folder, name))
    .join(delimiter);
}

/**
 * Lets the JVM start with classes that are loaded and checked already: half of its start. It fits this Java and these
 * paths only, and is ignored elsewhere; a Java that cannot make it (before 13) does without.
 * @param {string} folder
 * @param {string} java
 * @param {NodeJS.ProcessEnv} env
 */
async function archiveClasses(folder, java, env) {
  const flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xlog:disable"];
  const archive = join(folder, "classes.jsa");
  mkdirSync(folder, { recursive: true });
  await run(
    java,
    [
      `-XX:ArchiveClassesAtExit=${archive}`,
      ...flags,
      "-cp",
      jarsIn(join(folder, "lib")),
      "localworkspace.Main",
      "--train",
    ],
    { env, limitSeconds: COMPILE_SECONDS },
  ).catch(() => rmSync(archive, { force: true }));
}

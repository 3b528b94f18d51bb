/** `npm run workspace`: the local workspace in the foreground, until SIGINT or SIGTERM. */
import { Command, InvalidArgumentError, Option } from "commander";
import { ARCHIVE_MODES, DEFAULT_PORT, type WorkspaceOptions } from "./options";
import { startWorkspace } from "./server";

function number(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= 0 && value <= max)) {
      throw new InvalidArgumentError(`It must be a number from 0 to ${max}.`);
    }
    return value;
  };
}

function port(text: string): number {
  const value = number(65_535)(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError("It must be a whole number.");
  return value;
}

function parse(argv: string[]): WorkspaceOptions {
  const program = new Command("workspace")
    .description("A Databricks-compatible workspace on this machine.")
    .option("--port <n>", "port on loopback; 0 takes a free one", port, DEFAULT_PORT)
    .option("--data <dir>", "folder for everything that is kept (default: .local/workspace)")
    .option("--latency <ms>", "milliseconds added to every API request", number(600_000))
    .option("--rps <n>", "API requests admitted a second; 0 is no limit", number(1e6))
    .option(
      "--retry-after <s>",
      "seconds to send as Retry-After with a 429 (default: no such header)",
      number(3600),
    )
    .option(
      "--archive-ms-per-object <ms>",
      "what an archive import takes for each object in it",
      number(10_000),
      2,
    )
    .addOption(
      new Option("--archive-mode <mode>", "what an archive import does")
        .choices(ARCHIVE_MODES)
        .default("unpack"),
    )
    .option("--notebook-modified-at", "show modified_at and size of notebooks too")
    .option("--no-engines", "REST only: no Spark, SQL, MLflow or notebooks");
  const { data, latency, ...rest } = program
    .parse(argv)
    .opts<WorkspaceOptions & { data?: string; latency?: number }>();
  return { ...rest, dataDir: data, latencyMs: latency };
}

async function main(): Promise<void> {
  let stopping = false;
  const options = parse(process.argv);
  const starting = startWorkspace(options);
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    process.stderr.write(`${signal}: stopping\n`);
    starting
      .then((running) => running.stop())
      .catch(() => undefined)
      .finally(() => process.exit(0));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", stop);
  const { host, token, warehouse_id, mlflow } = await starting;
  if (!stopping)
    process.stdout.write(`${JSON.stringify({ host, token, warehouse_id, mlflow, pid: process.pid })}\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`Error: ${error.message}\n`);
  process.exit(1);
});

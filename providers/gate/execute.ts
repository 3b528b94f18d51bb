/** From the tests to their outcomes: runs them, and reads what became of each. */
import type { Client } from "../../databricks/client";
import type { Run } from "../../databricks/runs";
import { attemptsOf, readOutcome, type TestOutcome } from "./results";
import type { BatchRequest, Test } from "./tasks";
import { runTests, type WatchHooks } from "./watch";

export interface Execution {
  readonly outcomes: readonly TestOutcome[];
  /** The runs' pages. */
  readonly runUrls: readonly string[];
}

/** Outputs that are read at once. */
const AT_ONCE = 16;

export async function execute(
  client: Client,
  tests: readonly Test[],
  request: BatchRequest,
  hooks: WatchHooks,
): Promise<Execution> {
  const { runs, overdue } = await runTests(client, tests, request, hooks);
  const outcomes: TestOutcome[] = [];
  const waiting = tests.map((test, at) => ({ test, at }));
  const read = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      outcomes[next.at] = await readOutcome(client, next.test, runOf(runs, next.test), overdue);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, read));
  return { outcomes, runUrls: runs.flatMap(({ run_page_url }) => run_page_url ?? []) };
}

function runOf(runs: readonly Run[], test: Test): Run | undefined {
  return runs.find((run) => attemptsOf(run, test).length > 0);
}

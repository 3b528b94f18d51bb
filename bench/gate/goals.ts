/** The gate's goal. */
import type { Goal } from "../results";
import { GROUP, TESTS, WAYS } from "./names";

export function goals(): Goal[] {
  return [
    {
      text: `the gate of ${TESTS} tests: everything but the notebooks' own time`,
      limit: 2,
      basis: "seconds: up with tests, less the time in which notebooks ran, less up without tests",
      value: (results) => {
        const tested = results.median(GROUP, WAYS.tested, TESTS);
        const notebooks = results.median(GROUP, WAYS.tested, TESTS, "notebookSeconds");
        const untested = results.median(GROUP, WAYS.untested, TESTS);
        return tested === undefined || notebooks === undefined || untested === undefined
          ? undefined
          : tested - notebooks - untested;
      },
    },
  ];
}

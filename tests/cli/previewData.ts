/** Previews made by hand, for the tests of what is shown of them. */
import { failedPreview, type ListedFile, type StackPreview } from "../../cli/preview/types";

export const LIVE = "1".repeat(40);
export const NEXT = "2".repeat(40);
const OLDER = "3".repeat(40);

export function notebook(target: string): ListedFile {
  return { target, path: `notebooks/${target}.py`, kind: "notebook" };
}

/** Another commit becomes live in staging, with something of everything. */
export function staging(more: Partial<StackPreview> = {}): StackPreview {
  return {
    ...failedPreview("staging", ""),
    app: "churn",
    env: "staging",
    page: "https://github.com/acme/churn",
    live: { githash: LIVE, subject: "Zones by night" },
    next: { githash: NEXT, subject: "Score with the new zones" },
    commits: {
      list: [
        { githash: NEXT, subject: "Score with the new zones" },
        { githash: OLDER, subject: "Read zones from the lake (#12)" },
      ],
      ahead: 2,
      behind: 0,
    },
    files: {
      added: [notebook("pipeline/zones")],
      changed: [
        notebook("pipeline/score"),
        { target: "lib/zones.py", path: "notebooks/lib/zones.py", kind: "file" },
      ],
      removed: [notebook("pipeline/old zones")],
    },
    tests: {
      run: true,
      names: ["tests/feature/test_zones", "tests/test_score"],
      ofBranch: ["tests/feature/test_zones"],
      branch: "feature/zones",
    },
    changes: [
      {
        group: "job",
        what: "update",
        name: "churn-daily",
        details: ["schedule: 0 0 6 * * ? UTC → 0 0 5 * * ? UTC"],
      },
      { group: "job", what: "update", name: "churn-weekly", details: ["its tasks follow the release"] },
      { group: "secret", what: "create", name: "churn/api-token", details: [] },
      { group: "access", what: "update", name: "secrets churn: churn-jobs", details: ["READ → WRITE"] },
    ],
    ...more,
  };
}

/** Nothing was ever deployed there. */
export function first(): StackPreview {
  return staging({
    stack: "prod",
    env: "prod",
    live: null,
    commits: null,
    files: { added: [notebook("pipeline/score")], changed: [], removed: [] },
    tests: { run: true, names: [], ofBranch: [], branch: "" },
    changes: [{ group: "job", what: "create", name: "churn-daily", details: [] }],
  });
}

export function unchanged(): StackPreview {
  const live = { githash: LIVE, subject: "Zones by night" };
  return {
    ...failedPreview("prod", ""),
    ...{ app: "churn", env: "prod", page: "https://github.com/acme/churn", live, next: live },
  };
}

/** Every text of others is `text`, a hundred times over where there are lists. */
export function saying(text: string, times = 1): StackPreview {
  const many = <T>(one: T): T[] => Array.from({ length: times }, () => one);
  const file: ListedFile = { target: text, path: text, kind: "notebook" };
  return staging({
    live: { githash: LIVE, subject: text },
    next: { githash: NEXT, subject: text },
    commits: { list: many({ githash: NEXT, subject: text }), ahead: times, behind: 1 },
    files: { added: many(file), changed: many(file), removed: many(file) },
    tests: { run: true, names: many(text), ofBranch: many(text), branch: text },
    changes: (["job", "secret", "access", "other"] as const).flatMap((group) =>
      many({ group, what: "update" as const, name: text, details: many(text).slice(0, 3) }),
    ),
    warnings: (["hold", "drift", "moved", "behind", "unknown", "resource"] as const).map((kind) => ({
      kind,
      text,
    })),
  });
}

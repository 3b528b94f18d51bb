/**
 * What is known of a change before it is made, stack by stack: gathered where the credentials are (`gather.ts`), shown
 * elsewhere, maybe by a job without any (`markdown.ts`, `text.ts`). What comes from a file is checked against this, because
 * who wrote it need not be who shows it.
 */
import { z } from "zod";
import { GITHASH } from "../../source/githash";

/** Longer text is cut by whoever gathers it; a file with more is not ours. */
const text = z.string().max(20_000);
const githash = z.string().regex(GITHASH, "a full commit id");
/** Stacks, apps and environments: what Pulumi and the configuration allow, and empty where it is not known. */
const name = z.string().regex(/^[A-Za-z0-9._/-]{0,200}$/, "letters, digits, '.', '_', '-' and '/'");
const count = z.number().int().min(0);

const commit = z.strictObject({ githash, subject: text });

const file = z.strictObject({
  /** In the release: a notebook has no extension. */
  target: text,
  /** In the repository, from its root. */
  path: text,
  kind: z.enum(["notebook", "file"]),
});

const resourceChange = z.strictObject({
  /** `access`: who may do what, with secrets, jobs, or the release. */
  group: z.enum(["job", "secret", "access", "other"]),
  what: z.enum(["create", "update", "replace", "delete"]),
  name: text,
  /** What of it; never a secret's value. */
  details: z.array(text),
});

const warning = z.strictObject({
  /** `resource`: Pulumi's own, or the program's. */
  kind: z.enum(["hold", "drift", "moved", "behind", "unknown", "resource"]),
  text,
});

export const stackPreview = z.strictObject({
  version: z.literal(1),
  stack: name,
  app: name,
  env: name,
  /** Why there is no preview; empty where there is one. */
  error: text,
  /** What is live; null: nothing, or it could not be told. */
  live: commit.nullable(),
  /** What would be; null: the commit could not be read. */
  next: commit.nullable(),
  /** The repository's page, where it is on GitHub: `https://github.com/acme/churn`; else empty. */
  page: z.union([z.literal(""), z.string().regex(/^https:\/\/[A-Za-z0-9.-]+(:\d+)?\/[\w.-]+\/[\w.-]+$/)]),
  /** What `next` has more than `live`, newest first; null: it cannot be told, or nothing is live. */
  commits: z.strictObject({ list: z.array(commit), ahead: count, behind: count }).nullable(),
  files: z.strictObject({ added: z.array(file), changed: z.array(file), removed: z.array(file) }),
  /** Of the gate; `run` is false where they have been run for this deployment already. */
  tests: z.strictObject({
    run: z.boolean(),
    names: z.array(text),
    /** Those of `names` that `gate.branchTests` adds, and for which branch. */
    ofBranch: z.array(text),
    branch: text,
  }),
  changes: z.array(resourceChange),
  warnings: z.array(warning),
});

export type StackPreview = z.output<typeof stackPreview>;
export type ListedFile = z.output<typeof file>;
export type ResourceChange = z.output<typeof resourceChange>;
export type Warning = z.output<typeof warning>;

/** A stack of which nothing is known but why. */
export function failedPreview(stack: string, error: string): StackPreview {
  return {
    version: 1,
    stack: name.safeParse(stack).success ? stack : "",
    app: "",
    env: "",
    error,
    live: null,
    next: null,
    page: "",
    commits: null,
    files: { added: [], changed: [], removed: [] },
    tests: { run: false, names: [], ofBranch: [], branch: "" },
    changes: [],
    warnings: [],
  };
}

/** A repository's commits: of a real git repository on disk, or of what a test has told. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

export interface Commit {
  readonly sha: string;
  readonly message: string;
  readonly parents: readonly string[];
}

const AUTHOR = {
  GIT_AUTHOR_NAME: "GitHub",
  GIT_AUTHOR_EMAIL: "noreply@example.com",
  GIT_COMMITTER_NAME: "GitHub",
  GIT_COMMITTER_EMAIL: "noreply@example.com",
};

export class Git {
  private readonly branches = new Map<string, string>();
  private readonly commits = new Map<string, Commit>();

  constructor(private readonly directory?: string) {}

  /** Puts the branch at a commit, of which git need know nothing; answers the commit's id. */
  push(branch: string, sha = randomBytes(20).toString("hex"), message = "a commit"): string {
    const parent = this.branches.get(branch);
    this.commits.set(sha, { sha, message, parents: parent && parent !== sha ? [parent] : [] });
    this.branches.set(branch, sha);
    return sha;
  }

  /** The commit of a branch, tag, `refs/…` or (abbreviated) id. */
  resolve(ref: string): string | undefined {
    const branch = ref.replace(/^(refs\/)?heads\//, "");
    const told = this.branches.get(branch) ?? [...this.commits.keys()].find((sha) => sha === ref);
    if (told) {
      return told;
    }
    // As GitHub: what looks like an id is one, and a branch comes before a tag.
    const names = /^[0-9a-f]{40}$/.test(ref) ? [ref] : [`refs/heads/${branch}`, `refs/tags/${ref}`, ref];
    return names
      .map((name) => this.git("rev-parse", "--verify", "--quiet", `${name}^{commit}`))
      .find(Boolean);
  }

  /** The commit of a branch. */
  branch(name: string): string | undefined {
    return (
      this.branches.get(name) ?? this.git("rev-parse", "--verify", "--quiet", `refs/heads/${name}^{commit}`)
    );
  }

  commit(sha: string): Commit {
    const told = this.commits.get(sha);
    if (told) {
      return told;
    }
    const [parents = "", ...message] = (this.git("show", "-s", "--format=%P%n%B", sha) ?? "").split("\n");
    return { sha, message: message.join("\n").trim(), parents: parents.split(" ").filter(Boolean) };
  }

  /** Whether the branch has commits that are not in the commit. */
  isBehind(sha: string, branch: string): boolean {
    const head = this.branch(branch);
    if (!head || head === sha) {
      return false;
    }
    return this.directory
      ? Number(this.git("rev-list", "--count", `${sha}..${head}`) ?? 0) > 0
      : !this.ancestors(sha).has(head);
  }

  /** Moves the base to a commit that has all of the head; undefined where the two conflict. */
  merge(base: string, head: string, message: string, squash: boolean): string | undefined {
    const onto = this.branch(base) ?? "";
    if (!this.directory || this.branches.has(base)) {
      const sha = this.push(base, undefined, message);
      this.commits.set(sha, { sha, message, parents: squash ? [onto] : [onto, head] });
      return sha;
    }
    const tree = this.git("merge-tree", "--write-tree", onto, head)?.split("\n")[0];
    const parents = (squash ? [onto] : [onto, head]).flatMap((sha) => ["-p", sha]);
    const sha = tree && this.git("commit-tree", tree, ...parents, "-m", message);
    if (sha) {
      this.git("update-ref", `refs/heads/${base}`, sha, onto);
    }
    return sha;
  }

  private ancestors(sha: string): Set<string> {
    const seen = new Set<string>();
    const open = [sha];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!seen.has(next)) {
        seen.add(next);
        open.push(...(this.commits.get(next)?.parents ?? []));
      }
    }
    return seen;
  }

  /** What git printed; undefined where it failed, or where there is no repository. */
  private git(...args: string[]): string | undefined {
    if (!this.directory) {
      return undefined;
    }
    try {
      const options = { cwd: this.directory, env: { ...process.env, ...AUTHOR }, encoding: "utf8" } as const;
      return execFileSync("git", args, { ...options, stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      return undefined;
    }
  }
}

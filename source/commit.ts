/** Reads a commit object, as git keeps it, into what people are told about it. */
import type { Commit } from "./types";

/** What a commit object itself says; the tree is kept for those who read files by it. */
export type CommitFacts = Pick<Commit, "subject" | "author" | "committedAt" | "commitTime">;

/** Parses the content of a commit object (headers, an empty line, the message). */
export function parseCommit(content: Buffer): CommitFacts {
  const blank = content.indexOf("\n\n");
  const head = blank < 0 ? content : content.subarray(0, blank);
  const encoding = /^encoding (.+)$/m.exec(head.toString("latin1"))?.[1] ?? "utf-8";
  const headers = decode(head, encoding);
  const message = blank < 0 ? "" : decode(content.subarray(blank + 2), encoding);
  const author = /^author (.*?) -?\d+ [+-]\d+$/m.exec(headers)?.[1] ?? "";
  const commitTime = Number(/^committer .* (-?\d+) [+-]\d+$/m.exec(headers)?.[1] ?? 0);
  const subject = (message.trimStart().split(/\n[ \t]*\n/)[0] ?? "").trim().replace(/\s*\n\s*/g, " ");
  return { subject, author, commitTime, committedAt: new Date(commitTime * 1000).toISOString() };
}

function decode(bytes: Buffer, encoding: string): string {
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    return bytes.toString("utf8");
  }
}

/** Everything that somebody can read of workflows' runs afterwards, and the secrets that must not stand in it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Repository } from "../github/double";

/** An identity that GitHub signs, or a token of that form that Databricks gives for it. */
const JWT = /eyJ[\w-]{10,}\.[\w-]{10,}\./;

export class Evidence {
  private readonly texts: { readonly where: string; readonly text: string }[] = [];
  private readonly secrets = new Set<string>();

  note(where: string, text: string): void {
    this.texts.push({ where, text });
  }

  /** The files below a folder, if there is one. */
  noteFolder(folder: string): void {
    if (!existsSync(folder)) {
      return;
    }
    for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) {
        const path = join(file.parentPath, file.name);
        this.note(path, readFileSync(path, "utf8"));
      }
    }
  }

  noteRepository({ comments, statuses, deployments }: Repository): void {
    this.note("comments", [...comments.values()].map(({ body }) => body).join("\n"));
    this.note("statuses", JSON.stringify(statuses));
    this.note("deployments", JSON.stringify(deployments));
  }

  /** Answers the value itself. */
  secret(value: string): string {
    this.secrets.add(value);
    return value;
  }

  /** How much there is to look through; where one of the secrets, or any signed token, can be read. */
  look(): { readonly texts: number; readonly leaks: readonly string[] } {
    const leaks = this.texts.filter(
      ({ text }) => JWT.test(text) || [...this.secrets].some((secret) => text.includes(secret)),
    );
    return { texts: this.texts.length, leaks: leaks.map(({ where }) => where) };
  }
}

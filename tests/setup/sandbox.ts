/** Folders of their own for set-up's tests, and stand-ins for programs that a machine may or may not have. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

/** An empty folder whose path has a space and a quote in it; removed after the tests of the file. */
export function sandbox(): string {
  const folder = mkdtempSync(join(tmpdir(), "nr set'up "));
  made.push(folder);
  return folder;
}

export function removeSandboxes(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Puts programs, given as the bodies of shell scripts, into `folder`. @returns it, as a PATH */
export function programs(folder: string, scripts: Readonly<Record<string, string>>): string {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  for (const [name, body] of Object.entries(scripts)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

/** Takes what a display writes. */
export function collector(isTTY = false): { write(text: string): void; isTTY: boolean; text: string } {
  return {
    isTTY,
    text: "",
    write(text: string) {
      this.text += text;
    },
  };
}

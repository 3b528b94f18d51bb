import { readFileSync } from "node:fs";

/** Whether a process runs. A zombie is gone, where `/proc` tells: whoever adopted it may take its time to bury it. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    // "pid (name) state …"; a name may have any character.
    return !/^\d+ \([^]*\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return process.platform !== "linux";
  }
}

/** The processes of this machine: what a command and all that it started use, and how to stop it with all of that. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Resident memory in bytes; pages that processes share count in each. */
  readonly rss: number;
  /** Seconds of processor time so far, user and system. */
  readonly cpuSeconds: number;
  readonly command: string;
}

const PROC = "/proc/self/stat";
/** Linux' unit of processor time in /proc, the same on every architecture that Node.js has builds for. */
const TICKS_PER_SECOND = 100;

/** All processes. From /proc where there is one, which is exact and quick; else from `ps`. */
export function processTable(): ProcessInfo[] {
  return existsSync(PROC) ? fromProc() : fromPs();
}

function fromProc(): ProcessInfo[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) {
      return [];
    }
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The name in brackets may hold blanks and brackets; what follows is numbers.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const resident = Number(
        /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1] ?? 0,
      );
      return [
        {
          pid: Number(name),
          parent: Number(fields[1]),
          rss: resident * 1024,
          cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
          command: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim(),
        },
      ];
    } catch {
      // It has ended.
      return [];
    }
  });
}

function fromPs(): ProcessInfo[] {
  const text = execFileSync("ps", ["-axo", "pid=,ppid=,rss=,time=,command="], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    return match
      ? [
          {
            pid: Number(match[1]),
            parent: Number(match[2]),
            rss: Number(match[3]) * 1024,
            cpuSeconds: secondsOf(match[4] ?? ""),
            command: match[5] ?? "",
          },
        ]
      : [];
  });
}

/** `[[days-]hours:]minutes:seconds`, the seconds with a fraction on macOS. */
export function secondsOf(time: string): number {
  const [clock = "", days = "0"] = time.split("-").reverse();
  return clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400;
}

/** A process and all that it started, as far as their parents live. */
export function treeOf(pid: number, table: readonly ProcessInfo[] = processTable()): ProcessInfo[] {
  const children = new Map<number, ProcessInfo[]>();
  for (const process of table) {
    const siblings = children.get(process.parent) ?? [];
    siblings.push(process);
    children.set(process.parent, siblings);
  }
  const tree = table.filter((process) => process.pid === pid);
  for (let index = 0; index < tree.length; index++) {
    tree.push(...(children.get(tree[index]?.pid ?? 0) ?? []));
  }
  return tree;
}

/** Ends a process with all that it started, at once. Plugins lead process groups of their own, so the group is not enough. */
export function killTree(pid: number): void {
  for (const process of treeOf(pid).map((each) => each.pid)) {
    kill(process);
  }
  kill(-pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Memory of a tree by what its processes are. Keys end in `MB` so that they are values of a run. */
export function memoryByRole(tree: readonly ProcessInfo[]): Record<string, number> {
  const sums: Record<string, number> = { peakMB: 0 };
  for (const { rss, command } of tree) {
    const megabytes = rss / 1e6;
    const key = `${roleOf(command)}MB`;
    sums.peakMB = (sums.peakMB ?? 0) + megabytes;
    sums[key] = (sums[key] ?? 0) + megabytes;
  }
  return sums;
}

function roleOf(command: string): string {
  if (/nodejs\/bin\/pulumi-resource|dynamic-provider/.test(command)) return "providers";
  if (/pulumi-language-nodejs/.test(command)) return "languageHost";
  if (/pulumi-resource-/.test(command)) return "plugins";
  if (/@pulumi\/pulumi\/cmd\/run/.test(command)) return "program";
  if (/(^|\/)pulumi /.test(command)) return "engine";
  return "others";
}

/** What an environment has tested, whoever tells of it: its workspace (workspace.ts), or GitHub (gitHub.ts). */
import type { Configuration } from "../../components/configuration";
import type { NamedDigest } from "../../providers/build/tested";
import type { Source } from "../../source";

/** Where a promotion comes from. */
export interface From {
  /** The stack's name. */
  readonly name: string;
  readonly config: Configuration;
}

export interface TestResult {
  readonly name: string;
  readonly result: string;
  readonly seconds: number;
}

/** A deployment that is live there, or was. */
export interface Tested {
  readonly source: "workspace" | "github";
  /** The workspace's address, or `GitHub, acme/churn`. */
  readonly where: string;
  readonly githash: string;
  /** Of the manifest's part from git, as it was released there. */
  readonly digest: string;
  readonly deploymentId: string;
  readonly deploymentUrl: string;
  /** ISO 8601: live since. */
  readonly since: string;
  readonly by: string;
  /** False: another commit has taken its place since, and nobody rolled back from it. */
  readonly isLive: boolean;
  /** Tests of the gate that passed. */
  readonly passed: number;
  /** Each of them; GitHub is told only how many there are. */
  readonly tests: readonly TestResult[];
  /** Digest of all artifacts (`artifactsDigest`). */
  readonly artifactsDigest: string;
  /** GitHub is told only their digest: undefined. */
  readonly artifacts: readonly NamedDigest[] | undefined;
  /** What whoever decides should know, beside problems. */
  readonly notes: readonly string[];
}

/** What was found, and what speaks against promoting it; without anything found there is at least one problem. */
export interface Answer {
  readonly tested: Tested | undefined;
  readonly problems: readonly string[];
}

export interface AskOptions {
  /** The commit that is to be promoted, read as the from-stack reads it; undefined: the one that is live there. */
  readonly wanted: Source | undefined;
  /** ms, for all of it. */
  readonly limitMs: number;
  readonly onProgress: (line: string) => void;
}

/** Why so few tests are not enough; undefined where they are: a gate without tests has tested all that it asks. */
export function tooFewTests({ name, config }: From, passed: number): string | undefined {
  const { tests, branchTests } = config.gate;
  const asks = tests.length > 0 || Object.values(branchTests).some((globs) => globs.length > 0);
  return passed === 0 && asks
    ? `${name} has run no test on it, though its gate names some (gate.tests). Deploy it there again: pulumi up --stack ${name}`
    : undefined;
}

/** How the tests are told. */
export function shownCount(passed: number): string {
  return passed === 0 ? "none: its gate asks for none" : `${passed} passed`;
}

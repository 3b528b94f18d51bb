/** How a promotion is told to whoever is asked. */
import { short } from "../../source/githash";
import { ago, cut, when } from "../text";
import type { Plan } from "./plan";
import { shownCount, type Tested } from "./tested";

export interface DescribeOptions {
  readonly note: string;
  /** An earlier one moved the row, and did not come to its end. */
  readonly isRest: boolean;
  readonly otherArtifacts?: boolean;
}

const SUBJECT_LENGTH = 80;

export function describe(plan: Plan, options: DescribeOptions): string[] {
  const { from, to, tested, target, row, leftOut } = plan;
  const { app, env } = to.config;
  const { githash, subject } = target.commit;
  const isSame = tested.githash === githash;
  return [
    `${app}/${env} on ${to.host}:`,
    ...(options.isRest
      ? [`  an earlier deployment of ${short(githash)} did not come to its end; it goes on`]
      : []),
    `  from      ${from.name}, by ${tested.where}: ${short(tested.githash)}, ${tested.isLive ? "live there since" : "was live there at"} ` +
      `${when(tested.since)} (${ago(tested.since)})${tested.by ? ` by ${tested.by}` : ""}`,
    ...tested.notes.map((note) => `            ${note}`),
    ...testLines(tested),
    ...(tested.deploymentUrl ? [`            ${tested.deploymentUrl}`] : []),
    `  now       ${row ? `${short(row.githash)}, live since ${when(row.deployedAt)} by ${row.deployedBy}` : "nothing is live"}`,
    `  to        ${short(githash)} ${cut(subject, SUBJECT_LENGTH)}`,
    `  manifest  ${isSame ? "the commit that was tested" : `another commit, with the manifest that was tested as ${short(tested.githash)}`}` +
      (leftOut > 0 ? `; ${to.name} leaves out ${leftOut} of its files (source.path, source.exclude)` : ""),
    ...artifactLines(plan, options),
    `  gate      ${env}'s own runs on it, before it goes live`,
    `  note      ${options.note}`,
  ];
}

const SHOWN = 20;

function testLines({ passed, tests }: Tested): string[] {
  const more = tests.length > SHOWN ? [`            … and ${tests.length - SHOWN} more`] : [];
  return [
    `  tests     ${shownCount(passed)}`,
    ...tests
      .slice(0, SHOWN)
      .map(({ name, result, seconds }) => `            ${name}  ${cut(result, 40)}  ${seconds.toFixed(1)} s`),
    ...more,
  ];
}

function artifactLines({ to, tested }: Plan, { otherArtifacts }: DescribeOptions): string[] {
  const { artifacts } = tested;
  if (!to.config.build && !artifacts?.length) {
    return [];
  }
  const rule = otherArtifacts ? "other ones may go live too (--other-artifacts)" : "no others go live";
  const list = artifacts?.map(({ name, sha256 }) => `            ${name}  ${sha256}`);
  const digest = `            digest of all: ${tested.artifactsDigest}`;
  return [`  artifacts the tested ones: ${rule}`, ...(list ?? [digest])];
}

/** Whether the commit that is to be live has the contents that were tested: a merge makes new commits of the same files. */
import type { Configuration } from "../../components/configuration";
import { messageOf } from "../../databricks/errors";
import { readSource, type Source, type SourceFile } from "../../source";
import { filesBetween } from "../../source/between";
import { short } from "../../source/githash";
import { tell } from "../output";
import { listed } from "../text";
import type { From, Tested } from "./tested";

/** Files that an error names. */
const NAMED = 10;

/** What a stack releases of a commit. */
type Spec = Configuration["source"];

/**
 * The commit as the from-stack would release it, out of the to-stack's repository: only so its digest is comparable,
 * where one of the two leaves out more.
 */
export async function readAs(from: Spec, to: Spec, ref: string): Promise<Source> {
  const { path, exclude } = from;
  return readSource({ repository: to.repository, ref, path, exclude }, { onProgress: tell });
}

export interface Comparison {
  readonly problems: readonly string[];
  /** Files that were tested and that the to-stack does not release, by its own path and exclude. */
  readonly leftOut: number;
}

/**
 * @param source the commit as the from-stack would release it
 * @param target the same as the to-stack releases it
 */
export async function compareContents(
  from: From,
  to: From,
  tested: Tested,
  source: Source,
  target: Source,
): Promise<Comparison> {
  const key = ({ target: path, kind, blob }: SourceFile) => `${path}\0${kind}\0${blob}`;
  const [known, released] = [source.files, target.files].map((files) => new Set(files.map(key)));
  const more = target.files.filter((file) => !known?.has(key(file))).map((file) => file.target);
  const problems = [
    ...(source.digest === tested.digest ? [] : [await otherContents(from, to, tested, source)]),
    ...(more.length > 0
      ? [
          `${to.name} releases ${counted(more.length)} of ${short(target.commit.githash)} that ${from.name} does not, so nobody ` +
            `tested them (source.path, source.exclude): ${listed(more, NAMED)}`,
        ]
      : []),
  ];
  return { problems, leftOut: source.files.filter((file) => !released?.has(key(file))).length };
}

async function otherContents(from: From, to: From, tested: Tested, source: Source): Promise<string> {
  const { githash } = source.commit;
  if (githash === tested.githash) {
    return (
      `${short(githash)} was released in ${from.name} with other settings (source.path, source.exclude) than stack ${from.name} ` +
      `has now, so this is not what was tested. Deploy it there again: pulumi up --stack ${from.name}`
    );
  }
  const { repository } = to.config.source;
  const { path, exclude } = from.config.source;
  const names = await filesBetween(tested.githash, githash, { repository, path, exclude }).then(
    ({ added, changed, removed }) =>
      listed(
        [
          ...changed.map((file) => file.target),
          ...added.map((file) => `${file.target} (new)`),
          ...removed.map((file) => `${file.target} (gone)`),
        ],
        NAMED,
      ),
    (error: unknown) => `which files cannot be told: ${messageOf(error)}`,
  );
  return (
    `${short(githash)} is not what ${from.name} has tested, which is ${short(tested.githash)}: ${names}. Deploy ${short(githash)} ` +
    `to ${from.name} first, so that its gate runs on it`
  );
}

function counted(files: number): string {
  return files === 1 ? "a file" : `${files} files`;
}

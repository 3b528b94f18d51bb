/** Brings a commit's files into a release directory, and does not rest before the workspace shows them all as they are. */
import type { Client } from "../../databricks/client";
import { deleteObject, type ObjectInfo } from "../../databricks/objects";
import type { Commit, SourceFile } from "../../source";
import type { Artifact } from "../artifacts";
import { say } from "../progress";
import { isJupyter } from "./archive";
import { eachPaced } from "./concurrent";
import { addDigests } from "./contents";
import { describeRelease, spread, type Description } from "./describe";
import { compareListing, listRelease, relative, surplusOf, type Difference } from "./listing";
import type { ManifestFile } from "./manifest";
import { paceOf } from "./pace";
import { planArchives, type Unit } from "./plan";
import { lessonsFile, recall, remember, type Subject } from "./remembered";
import { Sender } from "./send";

/** `auto`: archives where they are worth it and nothing is known against them. */
export type Way = "auto" | "archive" | "files";

/** Fewer notebooks are sent at once by any workspace; an archive of them would save nothing. */
const FEW = 16;
/** Others may upload the same release or take something out of it meanwhile; what is wrong after so many rounds stays so. */
const ROUNDS = 4;
/** A workspace that refuses archives will do so tomorrow; one that failed at it may have had a bad day. */
const REFUSED_DAYS = 90;
const FAILED_DAYS = 1;

export interface Upload {
  readonly client: Client;
  readonly workspaceId: string;
  /** The release's folder. */
  readonly release: string;
  readonly commit: Commit;
  /** Everything that the release holds in the end. */
  readonly files: readonly SourceFile[];
  /** What is to be sent of it: all, or what is wrong. */
  readonly wanted: readonly SourceFile[];
  /** What is there before; undefined where the release does not exist. */
  readonly listing?: ReadonlyMap<string, ObjectInfo>;
  /** Of a release that was complete before: its files that are not sent again. */
  readonly known?: readonly ManifestFile[];
  /** Lie in the release, or elsewhere, and are no part of its source. */
  readonly artifacts?: readonly Artifact[];
}

/**
 * The way that the environment asks for: `NOTEBOOK_RELEASES_UPLOAD` is `auto` (the default), `archive` (always try, also
 * what was refused before) or `files` (one by one); for tests and measurements.
 * @throws Error for anything else.
 */
export function wayOf(environment: NodeJS.ProcessEnv = process.env): Way {
  const way = environment.NOTEBOOK_RELEASES_UPLOAD || "auto";
  if (way !== "auto" && way !== "archive" && way !== "files") {
    throw new Error(`NOTEBOOK_RELEASES_UPLOAD is "${way}". Set it to auto, archive or files, or unset it.`);
  }
  return way;
}

/**
 * Sends `wanted`, takes away what does not belong into the release, and checks names, types, languages and contents by
 * what the workspace then shows; what is not right goes again, one by one. Answers what is there, for the manifest.
 * @throws Error naming every object that stays missing, wrong or too many; what arrived stays, and a further upload completes it.
 */
export async function uploadRelease(upload: Upload): Promise<ManifestFile[]> {
  const { client, release, files, wanted, known, artifacts = [] } = upload;
  const others = artifacts
    .filter(({ path }) => path.includes(`${release}/`))
    .map(({ path }) => relative(release, path));
  const sender = new Sender(client, release, upload.commit, wanted.length);
  const lessons = new Lessons(upload);
  if (upload.listing) {
    await removeObjects(client, release, surplusOf(files, upload.listing, others));
  }
  await sender.send(wanted, await planOf(upload), upload.listing);
  if (sender.refusal) {
    const { reason, passing } = sender.refusal;
    lessons.learn("archives", reason, passing ? FAILED_DAYS : REFUSED_DAYS);
  }

  for (let round = 1; ; round++) {
    const listing = (await listRelease(client, release, artifacts)) ?? new Map<string, ObjectInfo>();
    const wrong = compareListing(files, listing);
    let again: readonly SourceFile[];
    if (wrong.length === 0) {
      const described = await describeRelease(client, release, files, listing, { sent: sender.sent, known });
      const differing = files.filter(({ target }) =>
        differs(sender.forms.get(target), described.forms.get(target)),
      );
      if (differing.length === 0) {
        await lessons.keep();
        return described.files;
      }
      again = await garbled(upload, sender, described, differing, listing);
    } else {
      if (round >= ROUNDS) {
        throw new Error(notAsUploaded(release, wrong));
      }
      const targets = new Set(wrong.map(({ target }) => target));
      again = files.filter(({ target }) => targets.has(target));
      await removeObjects(client, release, surplusOf(files, listing, others));
    }
    const unpacked = again.filter(({ target }) => sender.archived.has(target));
    if (unpacked.length > 0) {
      const subject = unpacked.every(isJupyter) ? "jupyter" : "archives";
      lessons.learn(
        subject,
        `archives were not unpacked as they were packed: ${namesOf(unpacked)}`,
        REFUSED_DAYS,
      );
    }
    await sender.sendSingly(again);
  }
}

/** The archives to send: none where a few notebooks are all, where nobody wants them, or where they did no good before. */
async function planOf({
  workspaceId,
  wanted,
  listing,
  release,
}: Upload): Promise<readonly Unit<SourceFile>[]> {
  const way = wayOf();
  const notebooks = wanted.filter(({ kind }) => kind === "notebook");
  if (way === "files" || notebooks.length === 0 || (way === "auto" && notebooks.length < FEW)) {
    return [];
  }
  const lessons = way === "auto" ? await recall(workspaceId) : {};
  if (lessons.archives) {
    const { reason, learnedAt } = lessons.archives;
    say(
      `${release}: notebooks go one by one: on ${learnedAt.slice(0, 10)}, ${reason} (${lessonsFile(workspaceId)})`,
    );
    return [];
  }
  const packable = lessons.jupyter ? notebooks.filter((file) => !isJupyter(file)) : notebooks;
  const exists = (path: string) => listing !== undefined && (path === "" || listing.has(path));
  const { archives } = planArchives(packable, { exists });
  const count = archives.reduce((sum, { items }) => sum + items.length, 0);
  return way === "auto" && count < FEW ? [] : archives;
}

function differs(sent: string | undefined, found: string | undefined): boolean {
  return sent !== undefined && sent !== found;
}

/**
 * Of notebooks whose exports say something else than the archive did, those to be sent again. A workspace may write a
 * notebook anew in more ways than `form.ts` knows: so a few are imported as files, and if their exports stay the
 * same, that was all.
 */
async function garbled(
  { client, release }: Upload,
  sender: Sender,
  described: Description,
  differing: readonly SourceFile[],
  listing: ReadonlyMap<string, ObjectInfo>,
): Promise<readonly SourceFile[]> {
  const before = new Map(described.files.map(({ target, exported }) => [target, exported]));
  const samples = spread(differing, 3);
  const ofArchive = new Set(sender.archived);
  await sender.sendSingly(samples);
  const after = await addDigests(client, release, samples, listing);
  const isSame = after.every(({ target, exported }) => {
    const { how, sha256 } = before.get(target) ?? {};
    return how === exported.how && sha256 === exported.sha256;
  });
  if (isSame) {
    differing.forEach(({ target }) => sender.forms.delete(target));
    return [];
  }
  // They too came out of the archive otherwise than they went in.
  samples.filter(({ target }) => ofArchive.has(target)).forEach(({ target }) => sender.archived.add(target));
  return differing;
}

/** What is learned of a workspace in an upload. Kept when that succeeded: then it was not the notebooks' own fault. */
class Lessons {
  private readonly learned = new Map<Subject, { readonly reason: string; readonly days: number }>();

  constructor(private readonly upload: Upload) {}

  learn(subject: Subject, reason: string, days: number): void {
    if (!this.learned.has(subject)) {
      this.learned.set(subject, { reason, days });
      say(`${this.upload.release}: ${reason}. What is missing or wrong goes one by one`);
    }
  }

  async keep(): Promise<void> {
    const { workspaceId } = this.upload;
    for (const [subject, lesson] of this.learned) {
      await remember(workspaceId, subject, lesson);
      const what = subject === "jupyter" ? ".ipynb notebooks in archives" : "archives";
      const time = lesson.days === 1 ? "a day" : `${lesson.days} days`;
      say(
        `For ${time}, ${what} are not tried in this workspace again; delete ${lessonsFile(workspaceId)} to try`,
      );
    }
  }
}

/** Takes away what does not belong into the release; a folder with everything in it. */
export async function removeObjects(
  client: Client,
  release: string,
  targets: readonly string[],
): Promise<void> {
  await eachPaced(targets, paceOf(client).small, (target) =>
    deleteObject(client, `${release}/${target}`, { paced: true }),
  );
}

function notAsUploaded(release: string, wrong: readonly Difference[]): string {
  const list = wrong.map(({ target, what }) => `  ${what}: ${target}`).join("\n");
  return `The workspace does not list ${release} as it was uploaded:\n${list}\nIt stays unfinished; the next up completes it.`;
}

/** A few names, for a message. */
function namesOf(files: readonly SourceFile[]): string {
  const names = files.slice(0, 3).map(({ target }) => target);
  return files.length > 3 ? `${names.join(", ")} and ${files.length - 3} more` : names.join(", ");
}

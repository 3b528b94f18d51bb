/** What the environment says of one run of the program: which commit it is about, why, and whether it is only looked at. */
import { refusal } from "./refusal";
import { ROLLBACK_VARIABLE } from "./rollback";

/** A branch, a tag, a commit, or `refs/pull/7/head`: in place of `source.ref`. CI sets it to the commit that it is about. */
export const REF_VARIABLE = "NOTEBOOK_RELEASES_REF";
/** In place of `deployNote`, where it is not empty. */
export const NOTE_VARIABLE = "NOTEBOOK_RELEASES_NOTE";
/** `1`, as `releases preview` and `releases drift` set it: the preview goes on where the environment is on hold; they say that it is. */
export const PREVIEW_VARIABLE = "NOTEBOOK_RELEASES_PREVIEW";

/**
 * What this run deploys in place of `source.ref`; undefined where the configuration decides.
 * @throws RunError where a rollback is asked for at the same time: it names a commit of its own.
 */
export function readRef(isRollback: boolean, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const ref = env[REF_VARIABLE]?.trim();
  if (!ref) {
    return undefined;
  }
  if (isRollback) {
    throw refusal(
      `${REF_VARIABLE} (${JSON.stringify(ref)}) and ${ROLLBACK_VARIABLE} are both set. Nothing was changed. A rollback names ` +
        `its commit itself: unset ${REF_VARIABLE}.`,
    );
  }
  return ref;
}

/** Whether a hold is to be left to who asked: in a preview only. What moves the row looks for a hold by itself. */
export function overlooksHold(isPreview: boolean, env: NodeJS.ProcessEnv = process.env): boolean {
  return env[PREVIEW_VARIABLE] === "1" && isPreview;
}

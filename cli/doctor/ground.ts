/** Host, token and clock: what everything else in the workspace depends on. */
import { Client } from "../../databricks/client";
import { resolveCredentials, resolveHost, type Environment } from "../../databricks/credentials";
import { ApiError, ConnectionError, CredentialsError, messageOf } from "../../databricks/errors";
import { environmentFor } from "../../databricks/hosts";
import { wrongWorkspace } from "../../providers/connection";
import type { FoundStack } from "../stack";
import { notChecked, ok, problem, warning, type Finding, type Outcome } from "./finding";

export interface Ground {
  readonly findings: readonly Finding[];
  /** Undefined where host or token are wrong. */
  readonly met?: { readonly client: Client; readonly userName: string };
}

const LIMIT_MS = 8000;
const MEND_HOST = "Set databricks:host in the stack's file, or DATABRICKS_HOST, to the workspace's address.";
const MEND_TOKEN =
  "Set DATABRICKS_TOKEN (or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET) to this workspace's, or add a profile for it to ~/.databrickscfg.";

/** @param stack undefined where its configuration cannot be read: then the environment's host is asked */
export async function checkGround(stack: FoundStack | undefined): Promise<Ground> {
  const all = (host: Outcome, token: Outcome, clock: Outcome): Finding[] => [
    { check: "host", ...host },
    { check: "token", ...token },
    { check: "clock", ...clock },
  ];
  const later = notChecked("the host comes first");
  let host: string;
  try {
    host = stack?.host ?? resolveHost(undefined);
  } catch (error) {
    return { findings: all(problem(messageOf(error), MEND_HOST), later, later) };
  }
  let environment: Environment;
  try {
    environment = environmentFor(host);
    resolveCredentials(environment);
  } catch (error) {
    const unasked = notChecked(`${host} was not asked: there are no credentials for it`);
    return { findings: all(unasked, problem(messageOf(error), MEND_TOKEN), unasked) };
  }
  const client = new Client({ host, credentials: () => resolveCredentials(environmentFor(host)) });
  const started = Date.now();
  try {
    const { headers, value } = await client.exchange<{ userName?: string }>(
      "GET",
      "/api/2.0/preview/scim/v2/Me",
      { deadlineMs: LIMIT_MS },
    );
    const ended = Date.now();
    const workspaceId = String(headers["x-databricks-org-id"] ?? "");
    const userName = value.userName ?? "";
    const wrong = stack?.config.workspaceId !== undefined && stack.config.workspaceId !== workspaceId;
    if (wrong || !workspaceId) {
      const found = wrong
        ? wrongWorkspace(host, workspaceId, stack.config.workspaceId ?? "")
        : `${host} did not say which workspace it is (no X-Databricks-Org-Id): is it one?`;
      return { findings: all(problem(found, MEND_HOST), later, later) };
    }
    const answered = `${host} is workspace ${workspaceId}, answered in ${ended - started} ms`;
    const token = ok(`${userName}, by ${sourceOf(environment)}`);
    const findings = all(hostFor(stack, host, answered), token, clock(headers.date, (started + ended) / 2));
    return { findings, met: { client, userName } };
  } catch (error) {
    return { findings: refused(error, host, all) };
  }
}

function refused(
  error: unknown,
  host: string,
  all: (host: Outcome, token: Outcome, clock: Outcome) => Finding[],
): Finding[] {
  const found = messageOf(error);
  const answers = ok(`${host} answers`);
  if (error instanceof CredentialsError) {
    return all(answers, problem(found, MEND_TOKEN), notChecked("the token comes first"));
  }
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    return all(answers, problem(found, MEND_TOKEN), notChecked("the token comes first"));
  }
  const mend = error instanceof ConnectionError ? `Is it up, and the network? Else: ${MEND_HOST}` : MEND_HOST;
  const later = notChecked("the host comes first");
  return all(problem(found, mend), later, later);
}

/** `pulumi up` works on the environment's workspace; looking at a stack finds its own. */
function hostFor(stack: FoundStack | undefined, host: string, answered: string): Outcome {
  let ofEnvironment = host;
  try {
    ofEnvironment = resolveHost(stack?.configuredHost);
  } catch {
    return warning(`${answered}; but the environment names no workspace, so pulumi up would stop`, MEND_HOST);
  }
  return ofEnvironment === host
    ? ok(answered)
    : warning(`${answered}; but the environment is for ${ofEnvironment}, so pulumi up would stop`, MEND_HOST);
}

function sourceOf(environment: Environment): string {
  const { kind } = resolveCredentials(environment);
  if (kind === "github-oidc") {
    return "GitHub's identity of this job (OIDC)";
  }
  const [own, named] =
    kind === "token"
      ? [environment.DATABRICKS_TOKEN, "DATABRICKS_TOKEN"]
      : [environment.DATABRICKS_CLIENT_SECRET, "DATABRICKS_CLIENT_ID and its secret"];
  return own ? named : `profile ${environment.DATABRICKS_CONFIG_PROFILE ?? "DEFAULT"}`;
}

/** The history's times are this machine's, and OAuth needs a clock that is nearly right. */
const MOST_SKEW_S = 60;

export function clock(date: string | string[] | undefined, now: number): Outcome {
  const theirs = Date.parse(String(date));
  if (!Number.isFinite(theirs)) {
    return notChecked("the workspace's answers have no date");
  }
  const skew = Math.round((now - theirs) / 1000);
  return Math.abs(skew) > MOST_SKEW_S
    ? warning(
        `this machine's clock is ${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} the workspace's: moves are written with its time`,
        "Set the clock (NTP).",
      )
    : ok(`within ${Math.max(1, Math.abs(skew))} s of the workspace's`);
}

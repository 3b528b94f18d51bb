/**
 * Workload identity federation: tokens of an issuer that a service principal's policy trusts are exchanged for tokens of
 * this workspace. https://docs.databricks.com/dev-tools/auth/oauth-federation-policy
 */
import { randomUUID } from "node:crypto";
import { issueToken } from "./auth";
import type { Workspace } from "./context";
import { ApiError } from "./errors";
import { findPrincipal, type Principal } from "./identities";

/** As the account's API has it. */
export interface OidcPolicy {
  readonly issuer: string;
  readonly subject: string;
  /** Default: the account's id. */
  readonly audiences: readonly string[];
  readonly subject_claim: string;
  /** Keys of the issuer, where they cannot be learned from its address. */
  readonly jwks_json?: string;
}

export interface Policy {
  readonly uid: string;
  /** Numeric, as SCIM shows it. */
  readonly principalId: string;
  readonly oidc_policy: OidcPolicy;
}

/** The account that this workspace belongs to. */
export const ACCOUNT = "00000000-0000-0000-0000-000000000000";
const LIFETIME_S = 3600;
const KEYS_LIMIT_MS = 5000;

const policies = ({ store }: Workspace) => store.table<Policy>("federationPolicies");

export function addPolicy(workspace: Workspace, principalId: string, oidc_policy: OidcPolicy): Policy {
  const policy = { uid: randomUUID(), principalId, oidc_policy };
  policies(workspace).putSync(policy.uid, policy);
  return policy;
}

export function policiesOf(workspace: Workspace, principalId: string): Policy[] {
  return [...policies(workspace).getRange({})]
    .map(({ value }) => value)
    .filter((policy) => policy.principalId === principalId);
}

export function removePolicy(workspace: Workspace, { uid }: Policy): void {
  policies(workspace).removeSync(uid);
}

/** What OAuth answers (RFC 6749, 5.1). */
export interface Issued {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly expires_in: number;
  readonly scope: string;
}

/**
 * Exchanges an identity for an access token of the service principal (RFC 8693).
 * @throws ApiError 401 where no policy of the principal takes it; which part did not fit is said, never the token.
 */
export async function exchange(workspace: Workspace, clientId: string, identity: string): Promise<Issued> {
  const principal = findPrincipal(workspace.store, clientId);
  if (principal?.kind !== "servicePrincipal") {
    throw refused(`there is no service principal ${JSON.stringify(clientId)}`);
  }
  const reasons: string[] = [];
  for (const { oidc_policy } of policiesOf(workspace, principal.id)) {
    const reason = await mismatch(oidc_policy, identity);
    if (reason === undefined) {
      return issue(workspace, principal);
    }
    reasons.push(reason);
  }
  throw refused(reasons.length > 0 ? reasons.join("; ") : `${clientId} has no federation policy`);
}

function issue({ store }: Workspace, { userName }: Principal): Issued {
  const access_token = issueToken(store, userName, Date.now() + LIFETIME_S * 1000);
  return { access_token, token_type: "Bearer", expires_in: LIFETIME_S, scope: "all-apis" };
}

function refused(reason: string): ApiError {
  return new ApiError("UNAUTHENTICATED", `The identity was refused: ${reason}`);
}

/** Why the policy does not take this identity; undefined where it does. */
async function mismatch(policy: OidcPolicy, identity: string): Promise<string | undefined> {
  const { issuer, audiences, subject, subject_claim, jwks_json } = policy;
  const { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } = await import("jose");
  try {
    const keys = jwks_json
      ? createLocalJWKSet(JSON.parse(jwks_json) as Parameters<typeof createLocalJWKSet>[0])
      : createRemoteJWKSet(keysAddress(issuer), { timeoutDuration: KEYS_LIMIT_MS });
    const { payload } = await jwtVerify(identity, keys, { issuer, audience: [...audiences] });
    const found = payload[subject_claim];
    return found === subject
      ? undefined
      : `${subject_claim} is ${JSON.stringify(found)}, not ${JSON.stringify(subject)}`;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) {
      return error.message;
    }
    throw error;
  }
}

/** Where GitHub and others have them; OpenID's discovery document names the same address there. */
function keysAddress(issuer: string): URL {
  return new URL(`${issuer.replace(/\/$/, "")}/.well-known/jwks`);
}

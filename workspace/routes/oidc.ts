/**
 * Sign-in without a secret: OAuth's metadata and token endpoint, and the account's policies that say whom to trust.
 * https://docs.databricks.com/api/account/serviceprincipalfederationpolicy
 */
import { readJson, requiredString, type Json } from "../body";
import type { App, RouteContext, Workspace } from "../context";
import { ApiError } from "../errors";
import { ACCOUNT, addPolicy, exchange, policiesOf, removePolicy, type Policy } from "../federation";
import { principalById, type Principal } from "../identities";

const TOKEN = "/oidc/v1/token";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT = "urn:ietf:params:oauth:token-type:jwt";

export function oidcRoutes(app: App, workspace: Workspace): void {
  const { host } = workspace.settings;

  app.get("/oidc/.well-known/oauth-authorization-server", (c) =>
    c.json({
      issuer: `${host}/oidc`,
      authorization_endpoint: `${host}/oidc/v1/authorize`,
      token_endpoint: host + TOKEN,
      grant_types_supported: [EXCHANGE],
    }),
  );

  app.post(TOKEN, async (c) => {
    const form = new URLSearchParams(await c.req.text());
    if (form.get("grant_type") !== EXCHANGE || form.get("subject_token_type") !== JWT) {
      return c.json(
        { error: "unsupported_grant_type", error_description: `Only ${EXCHANGE} of a JWT.` },
        400,
      );
    }
    try {
      return c.json(await exchange(workspace, form.get("client_id") ?? "", form.get("subject_token") ?? ""));
    } catch (error) {
      // OAuth has its own form of errors (RFC 6749, 5.2).
      if (error instanceof ApiError) {
        return c.json({ error: "invalid_grant", error_description: error.message }, 401);
      }
      throw error;
    }
  });

  const policies = `/api/2.0/accounts/${ACCOUNT}/servicePrincipals/:principal/federationPolicies`;
  app.post(policies, async (c) => {
    const { id } = principalOf(c);
    const given = (await readJson(c)).oidc_policy as Json | undefined;
    const { audiences = [ACCOUNT], subject_claim = "sub", jwks_json } = given ?? {};
    const policy = addPolicy(workspace, id, {
      issuer: requiredString(given ?? {}, "issuer"),
      subject: requiredString(given ?? {}, "subject"),
      audiences: audiences as string[],
      subject_claim: subject_claim as string,
      jwks_json: jwks_json as string | undefined,
    });
    return c.json(shown(policy));
  });
  app.get(policies, (c) => c.json({ policies: policiesOf(workspace, principalOf(c).id).map(shown) }));
  app.delete(`${policies}/:policy`, (c) => {
    const found = policiesOf(workspace, principalOf(c).id).find(({ uid }) => uid === c.req.param("policy"));
    if (!found) throw new ApiError("RESOURCE_DOES_NOT_EXIST", "No such federation policy.");
    removePolicy(workspace, found);
    return c.json({});
  });

  function principalOf(c: RouteContext): Principal {
    if (!c.get("identity").admin)
      throw new ApiError("PERMISSION_DENIED", "Only administrators may say whom to trust.");
    const principal = principalById(workspace.store, c.req.param("principal") ?? "");
    if (principal?.kind !== "servicePrincipal")
      throw new ApiError("RESOURCE_DOES_NOT_EXIST", "No such service principal.");
    return principal;
  }
}

function shown({ uid, principalId, oidc_policy }: Policy) {
  return { uid, policy_id: uid, service_principal_id: Number(principalId), oidc_policy };
}

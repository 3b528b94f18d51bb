/** Environments with their protection, the branches that may deploy to them, their variables and their secrets. */
import { generateKeyPairSync } from "node:crypto";
import { counted, found, GitHubError, invalid, type Call, type Route } from "../http";
import { fullName, type Environment, type State } from "../state";
import { addressOf, showUser } from "./repositories";

const ALL = "/repos/{owner}/{repo}/environments";
const ONE = `${ALL}/{environment_name}`;
const POLICIES = `${ONE}/deployment-branch-policies`;
const POLICY = `${POLICIES}/{branch_policy_id}`;
const VARIABLE = `${ONE}/variables/{name}`;
const SECRET = `${ONE}/secrets/{secret_name}`;
const MOST_REVIEWERS = 6;

const read = { actions: "read" } as const;
const administration = { administration: "write" } as const;

export const environmentRoutes: readonly Route[] = [
  {
    method: "GET",
    path: ALL,
    needs: read,
    handle: (call) =>
      counted(call, "environments", [...call.repository.environments.values()], (one) => show(call, one)),
  },
  { method: "GET", path: ONE, needs: read, handle: (call) => ({ body: show(call, environmentOf(call)) }) },
  {
    // All of its settings at once: what is left out is reset.
    method: "PUT",
    path: ONE,
    needs: administration,
    handle: (call) => {
      const { state, repository, params } = call;
      const given = call.body ?? {};
      const reviewers: Environment["reviewers"] = given.reviewers ?? [];
      const isKnown = ({ type, id }: Environment["reviewers"][number]) =>
        type === "Team" ? state.teams.has(id) : [...state.users.values()].some((user) => user.id === id);
      if (reviewers.length > MOST_REVIEWERS || !reviewers.every(isKnown)) {
        throw new GitHubError(422, "Validation Failed: reviewers");
      }
      const policy: Environment["deployment_branch_policy"] = given.deployment_branch_policy ?? null;
      if (policy && policy.protected_branches === policy.custom_branch_policies) {
        const message = "protected_branches and custom_branch_policies cannot have the same value";
        throw new GitHubError(422, message);
      }
      const environment = state.environment(repository, params.environment_name ?? "");
      Object.assign(environment, {
        reviewers,
        deployment_branch_policy: policy,
        wait_timer: given.wait_timer ?? 0,
        prevent_self_review: given.prevent_self_review ?? false,
        can_admins_bypass: given.can_admins_bypass ?? true,
        branchPolicies: policy?.custom_branch_policies ? environment.branchPolicies : [],
        updated_at: state.now(),
      });
      return { body: show(call, environment) };
    },
  },
  {
    method: "DELETE",
    path: ONE,
    needs: administration,
    handle: (call) => {
      call.repository.environments.delete(environmentOf(call).name.toLowerCase());
      return { status: 204 };
    },
  },
  {
    method: "GET",
    path: POLICIES,
    needs: read,
    handle: (call) => counted(call, "branch_policies", environmentOf(call).branchPolicies, showPolicy),
  },
  {
    method: "POST",
    path: POLICIES,
    needs: administration,
    handle: (call) => {
      const { branchPolicies, deployment_branch_policy } = environmentOf(call);
      const { name, type = "branch" } = call.body;
      // Without custom policies there are none, and GitHub knows no such address.
      found(deployment_branch_policy?.custom_branch_policies ? name : undefined);
      if (branchPolicies.some((one) => one.name === name && one.type === type)) {
        throw new GitHubError(303, "Already exists");
      }
      const policy = { id: call.state.id(), name, type };
      branchPolicies.push(policy);
      return { body: showPolicy(policy) };
    },
  },
  { method: "GET", path: POLICY, needs: read, handle: (call) => ({ body: showPolicy(policyOf(call)) }) },
  {
    method: "PUT",
    path: POLICY,
    needs: administration,
    handle: (call) => ({ body: showPolicy(Object.assign(policyOf(call), { name: call.body.name })) }),
  },
  {
    method: "DELETE",
    path: POLICY,
    needs: administration,
    handle: (call) => {
      const { branchPolicies } = environmentOf(call);
      branchPolicies.splice(branchPolicies.indexOf(policyOf(call)), 1);
      return { status: 204 };
    },
  },
  {
    method: "GET",
    path: `${ONE}/variables`,
    needs: { environments: "read" },
    handle: (call) => counted(call, "variables", [...environmentOf(call).variables], showVariable),
  },
  {
    method: "POST",
    path: `${ONE}/variables`,
    needs: { environments: "write" },
    handle: (call) => {
      const { variables } = environmentOf(call);
      const name = call.body.name.toUpperCase();
      if (variables.has(name)) {
        throw new GitHubError(409, "Already exists");
      }
      const now = call.state.now();
      variables.set(name, { value: call.body.value, created_at: now, updated_at: now });
      return { status: 201, body: {} };
    },
  },
  {
    method: "GET",
    path: VARIABLE,
    needs: { environments: "read" },
    handle: (call) => ({ body: showVariable(variableOf(call)) }),
  },
  {
    method: "PATCH",
    path: VARIABLE,
    needs: { environments: "write" },
    handle: (call) => {
      const [, variable] = variableOf(call);
      Object.assign(variable, { value: call.body.value ?? variable.value, updated_at: call.state.now() });
      return { status: 204 };
    },
  },
  {
    method: "DELETE",
    path: VARIABLE,
    needs: { environments: "write" },
    handle: (call) => {
      environmentOf(call).variables.delete(variableOf(call)[0]);
      return { status: 204 };
    },
  },
  {
    method: "GET",
    path: `${ONE}/secrets`,
    needs: { environments: "read" },
    handle: (call) => counted(call, "secrets", [...environmentOf(call).secrets], showSecret),
  },
  {
    method: "GET",
    path: `${ONE}/secrets/public-key`,
    needs: { environments: "read" },
    handle: (call) => ({ body: environmentOf(call) && PUBLIC_KEY }),
  },
  {
    method: "GET",
    path: SECRET,
    needs: { environments: "read" },
    handle: (call) => {
      const name = (call.params.secret_name ?? "").toUpperCase();
      return { body: showSecret([name, found(environmentOf(call).secrets.get(name))]) };
    },
  },
  {
    method: "PUT",
    path: SECRET,
    needs: { environments: "write" },
    handle: (call) => {
      const { secrets } = environmentOf(call);
      const { encrypted_value: encrypted, key_id } = call.body;
      if (key_id !== PUBLIC_KEY.key_id) {
        throw new GitHubError(422, "Bad request - the key id does not match the environment's public key");
      }
      if (Buffer.from(encrypted, "base64").length < SEALED_BOX_BYTES) {
        throw invalid("Secret", "encrypted_value", "invalid");
      }
      const name = (call.params.secret_name ?? "").toUpperCase();
      const before = secrets.get(name);
      const now = call.state.now();
      secrets.set(name, { encrypted, created_at: before?.created_at ?? now, updated_at: now });
      return before ? { status: 204 } : { status: 201, body: {} };
    },
  },
  {
    method: "DELETE",
    path: SECRET,
    needs: { environments: "write" },
    handle: (call) => {
      if (!environmentOf(call).secrets.delete((call.params.secret_name ?? "").toUpperCase()))
        found(undefined);
      return { status: 204 };
    },
  },
];

/** What libsodium's sealed box adds to a text: a public key and a tag. */
const SEALED_BOX_BYTES = 48;
const DER_HEADER_BYTES = 12;
const PUBLIC_KEY = {
  key_id: "568250167242549743",
  key: generateKeyPairSync("x25519")
    .publicKey.export({ type: "spki", format: "der" })
    .subarray(DER_HEADER_BYTES)
    .toString("base64"),
};

function environmentOf({ repository, params }: Call): Environment {
  return found(repository.environments.get((params.environment_name ?? "").toLowerCase()));
}

function policyOf(call: Call): Environment["branchPolicies"][number] {
  const id = Number(call.params.branch_policy_id);
  return found(environmentOf(call).branchPolicies.find((policy) => policy.id === id));
}

type Variable = [string, { value: string; created_at: string; updated_at: string }];

function variableOf(call: Call): Variable {
  const name = (call.params.name ?? "").toUpperCase();
  return [name, found(environmentOf(call).variables.get(name))];
}

function show({ state, repository, base }: Call, environment: Environment) {
  const { id, name, created_at, updated_at, deployment_branch_policy, can_admins_bypass } = environment;
  const reviewers = showReviewers(environment, state, base);
  const { prevent_self_review, wait_timer } = environment;
  const rules = [
    ...(wait_timer > 0 ? [{ id: id + 1, node_id: "", type: "wait_timer", wait_timer }] : []),
    ...(reviewers.length > 0
      ? [{ id: id + 2, node_id: "", type: "required_reviewers", prevent_self_review, reviewers }]
      : []),
    ...(deployment_branch_policy ? [{ id: id + 3, node_id: "", type: "branch_policy" }] : []),
  ];
  return {
    ...{ id, name, created_at, updated_at, deployment_branch_policy, can_admins_bypass },
    url: `${addressOf(repository, base)}/environments/${encodeURIComponent(name)}`,
    html_url: `${base}/${fullName(repository)}/deployments/activity_log?environment=${encodeURIComponent(name)}`,
    protection_rules: rules,
  };
}

export function showReviewers({ reviewers }: Environment, state: State, base: string) {
  return reviewers.map(({ type, id: reviewer }) => ({
    type,
    reviewer:
      type === "Team"
        ? { id: reviewer, name: state.teams.get(reviewer), slug: state.teams.get(reviewer) }
        : showUser(
            [...state.users.values()].find((user) => user.id === reviewer)!,
            base,
          ),
  }));
}

function showPolicy({ id, name, type }: Environment["branchPolicies"][number]) {
  return { id, name, type };
}

function showVariable([name, { value, created_at, updated_at }]: Variable) {
  return { name, value, created_at, updated_at };
}

function showSecret([name, { created_at, updated_at }]: [
  string,
  { created_at: string; updated_at: string },
]) {
  return { name, created_at, updated_at };
}

/** Rulesets of a repository: kept as they are sent; `pulls.ts` honours the required statuses. */
import { found, invalid, list, type Call, type Route } from "../http";
import { fullName, type Ruleset } from "../state";
import { addressOf } from "./repositories";

const ALL = "/repos/{owner}/{repo}/rulesets";
const ONE = `${ALL}/{ruleset_id}`;
const administration = { administration: "write" } as const;

export const rulesetRoutes: readonly Route[] = [
  {
    method: "GET",
    path: ALL,
    needs: { metadata: "read" },
    handle: (call) =>
      list(call, [...call.repository.rulesets.values()], (ruleset) => {
        const { rules: _, conditions: __, bypass_actors: ___, ...rest } = show(call, ruleset);
        return rest;
      }),
  },
  {
    method: "POST",
    path: ALL,
    needs: administration,
    handle: (call) => {
      const { state, repository, body } = call;
      refuseTaken(call, body.name);
      const ruleset: Ruleset = {
        id: state.id(),
        created_at: state.now(),
        updated_at: state.now(),
        values: { target: "branch", bypass_actors: [], rules: [], ...body },
      };
      repository.rulesets.set(ruleset.id, ruleset);
      return { status: 201, body: show(call, ruleset) };
    },
  },
  {
    method: "GET",
    path: ONE,
    needs: { metadata: "read" },
    handle: (call) => ({ body: show(call, rulesetOf(call)) }),
  },
  {
    method: "PUT",
    path: ONE,
    needs: administration,
    handle: (call) => {
      const ruleset = rulesetOf(call);
      refuseTaken(call, call.body.name, ruleset);
      Object.assign(ruleset, { values: { ...ruleset.values, ...call.body }, updated_at: call.state.now() });
      return { body: show(call, ruleset) };
    },
  },
  {
    method: "DELETE",
    path: ONE,
    needs: administration,
    handle: (call) => {
      call.repository.rulesets.delete(rulesetOf(call).id);
      return { status: 204 };
    },
  },
];

function refuseTaken({ repository }: Call, name: string | undefined, but?: Ruleset): void {
  const others = [...repository.rulesets.values()].filter((ruleset) => ruleset !== but);
  if (others.some(({ values }) => values.name === name)) {
    throw invalid("RepositoryRuleset", "name", "custom", "Name must be unique");
  }
}

function rulesetOf({ repository, params }: Call): Ruleset {
  return found(repository.rulesets.get(Number(params.ruleset_id)));
}

function show({ repository, base }: Call, { id, created_at, updated_at, values }: Ruleset) {
  const self = `${addressOf(repository, base)}/rulesets/${id}`;
  return {
    ...{ id, created_at, updated_at },
    node_id: `RRS_${id}`,
    source_type: "Repository",
    source: fullName(repository),
    current_user_can_bypass: "never",
    _links: { self: { href: self }, html: { href: `${base}/${fullName(repository)}/rules/${id}` } },
    name: values.name,
    target: values.target,
    enforcement: values.enforcement,
    bypass_actors: values.bypass_actors,
    conditions: values.conditions,
    rules: values.rules,
  };
}

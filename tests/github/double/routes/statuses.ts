/** A commit's statuses, and what they make together. */
import { invalid, list, page, type Call, type Route } from "../http";
import { fullName, type CommitStatus, type Repository } from "../state";
import { addressOf, callerOf, commitOf, showRepository, showUser } from "./repositories";

const REPO = "/repos/{owner}/{repo}";
const MOST_OF_A_CONTEXT = 1000;
export const DESCRIPTION_LIMIT = 140;

export const statusRoutes: readonly Route[] = [
  {
    method: "POST",
    path: `${REPO}/statuses/{sha}`,
    needs: { statuses: "write" },
    handle: (call) => {
      const { repository, params, body, state } = call;
      const sha = commitOf(repository, params.sha ?? "");
      const context: string = body.context ?? "default";
      if ((body.description ?? "").length > DESCRIPTION_LIMIT) {
        throw invalid(
          "Status",
          "description",
          "custom",
          `description is too long (maximum is 140 characters)`,
        );
      }
      if (body.target_url && !/^https?:\/\//.test(body.target_url)) {
        throw invalid("Status", "target_url", "custom", "target_url must use http(s) scheme");
      }
      const same = repository.statuses.filter((one) => one.sha === sha && one.context === context);
      if (same.length >= MOST_OF_A_CONTEXT) {
        const message = "This SHA and context has reached the maximum number of statuses.";
        throw invalid("Status", "base", "custom", message);
      }
      const status: CommitStatus = {
        id: state.id(),
        sha,
        context,
        state: body.state,
        description: body.description ?? null,
        target_url: body.target_url ?? null,
        creator: callerOf(call),
        created_at: state.now(),
      };
      repository.statuses.push(status);
      return { status: 201, body: show(call, status) };
    },
  },
  {
    method: "GET",
    path: `${REPO}/commits/{ref}/statuses`,
    needs: { statuses: "read" },
    handle: (call) => list(call, statusesOf(call).reverse(), (status) => show(call, status)),
  },
  {
    method: "GET",
    path: `${REPO}/commits/{ref}/status`,
    needs: { statuses: "read" },
    handle: (call) => {
      const { repository, params, base, query } = call;
      const sha = commitOf(repository, params.ref ?? "");
      const latest = latestStatuses(repository, sha);
      const { items, total } = page(query, latest);
      return {
        total,
        body: {
          sha,
          state: together(latest),
          total_count: total,
          statuses: items.map((status) => show(call, status)),
          repository: showRepository(repository, base),
        },
      };
    },
  },
];

/** The last status of each context. */
export function latestStatuses(repository: Repository, sha: string): CommitStatus[] {
  const own = repository.statuses.filter((status) => status.sha === sha);
  return [...new Map(own.map((status) => [status.context, status])).values()];
}

function together(latest: readonly CommitStatus[]): "failure" | "pending" | "success" {
  if (latest.some(({ state }) => state === "failure" || state === "error")) {
    return "failure";
  }
  return latest.length > 0 && latest.every(({ state }) => state === "success") ? "success" : "pending";
}

function statusesOf({ repository, params }: Call): CommitStatus[] {
  const sha = commitOf(repository, params.ref ?? "");
  return repository.statuses.filter((status) => status.sha === sha);
}

function show({ repository, base }: Call, status: CommitStatus) {
  const { id, sha, context, state, description, target_url, creator, created_at } = status;
  return {
    ...{ id, context, state, description, target_url, created_at, updated_at: created_at },
    url: `${addressOf(repository, base)}/statuses/${sha}`,
    avatar_url: `${base}/${fullName(repository)}`,
    creator: showUser(creator, base),
  };
}

/** Issues, their labels, and the comments of issues and pull requests. */
import { found, GitHubError, invalid, list, type Call, type Route } from "../http";
import { fullName, type Comment, type Issue } from "../state";
import { newIssue } from "./pulls";
import { addressOf, callerOf, showUser } from "./repositories";

const ISSUES = "/repos/{owner}/{repo}/issues";
const COMMENT = `${ISSUES}/comments/{comment_id}`;
/** Characters of a comment's and an issue's text. */
export const BODY_LIMIT = 65_536;

const read = { issues: "read", pull_requests: "read" } as const;
const write = { issues: "write", pull_requests: "write" } as const;

export const issueRoutes: readonly Route[] = [
  {
    method: "GET",
    path: ISSUES,
    needs: read,
    handle: (call) => {
      const wanted = call.query.get("state") ?? "open";
      const labels = (call.query.get("labels") ?? "").split(",").filter(Boolean);
      const fits = (issue: Issue) =>
        (wanted === "all" || wanted === issue.state) && labels.every((label) => issue.labels.includes(label));
      return list(call, [...call.repository.issues.values()].filter(fits).reverse(), (one) =>
        show(call, one),
      );
    },
  },
  {
    method: "POST",
    path: ISSUES,
    needs: { issues: "write" },
    handle: (call) => {
      checkBody("Issue", call.body.body);
      const issue = newIssue(call, { title: String(call.body.title), body: call.body.body ?? null });
      issue.labels = labelNames(call.body.labels);
      call.repository.issues.set(issue.number, issue);
      return { status: 201, body: show(call, issue) };
    },
  },
  {
    method: "GET",
    path: `${ISSUES}/{issue_number}`,
    needs: read,
    handle: (call) => ({ body: show(call, issueOf(call)) }),
  },
  {
    method: "PATCH",
    path: `${ISSUES}/{issue_number}`,
    needs: write,
    handle: (call) => {
      const issue = issueOf(call);
      const { title = issue.title, body = issue.body, state = issue.state, labels } = call.body;
      checkBody("Issue", body);
      Object.assign(issue, { title, body, state, updated_at: call.state.now() });
      issue.labels = labels ? labelNames(labels) : issue.labels;
      return { body: show(call, issue) };
    },
  },
  {
    method: "GET",
    path: `${ISSUES}/{issue_number}/labels`,
    needs: read,
    handle: (call) => list(call, issueOf(call).labels, (name) => ({ name })),
  },
  {
    method: "POST",
    path: `${ISSUES}/{issue_number}/labels`,
    needs: write,
    handle: (call) => {
      const issue = issueOf(call);
      issue.labels = [...new Set([...issue.labels, ...labelNames(call.body.labels ?? call.body)])];
      return { body: issue.labels.map((name) => ({ name })) };
    },
  },
  {
    method: "GET",
    path: `${ISSUES}/{issue_number}/comments`,
    needs: read,
    handle: (call) => {
      const { number } = issueOf(call);
      const own = [...call.repository.comments.values()].filter(({ issue }) => issue === number);
      return list(call, own, (comment) => showComment(call, comment));
    },
  },
  {
    method: "POST",
    path: `${ISSUES}/{issue_number}/comments`,
    needs: write,
    handle: (call) => {
      const { state, repository, body } = call;
      const { number } = issueOf(call);
      checkBody("IssueComment", body.body);
      const comment: Comment = {
        id: state.id(),
        issue: number,
        user: callerOf(call),
        body: body.body,
        created_at: state.now(),
        updated_at: state.now(),
      };
      repository.comments.set(comment.id, comment);
      return { status: 201, body: showComment(call, comment) };
    },
  },
  {
    method: "GET",
    path: COMMENT,
    needs: read,
    handle: (call) => ({ body: showComment(call, commentOf(call)) }),
  },
  {
    method: "PATCH",
    path: COMMENT,
    needs: write,
    handle: (call) => {
      const comment = commentOf(call);
      checkBody("IssueComment", call.body.body);
      Object.assign(comment, { body: call.body.body, updated_at: call.state.now() });
      return { body: showComment(call, comment) };
    },
  },
  {
    method: "DELETE",
    path: COMMENT,
    needs: write,
    handle: (call) => {
      call.repository.comments.delete(commentOf(call).id);
      return { status: 204 };
    },
  },
];

function checkBody(resource: string, body: string | null | undefined): void {
  // GitHub counts characters, not UTF-16 units.
  if (body && [...body].length > BODY_LIMIT) {
    throw invalid(resource, "body", "custom", `body is too long (maximum is ${BODY_LIMIT} characters)`);
  }
  if (resource === "IssueComment" && !body?.trim()) {
    throw new GitHubError(422, "Validation Failed", [
      { resource, field: "data", code: "unprocessable", message: "Body cannot be blank" },
    ]);
  }
}

function labelNames(labels: readonly (string | { readonly name: string })[] | undefined): string[] {
  return (labels ?? []).map((label) => (typeof label === "string" ? label : label.name));
}

function issueOf({ repository, params }: Call): Issue {
  return found(repository.issues.get(Number(params.issue_number)));
}

function commentOf({ repository, params }: Call): Comment {
  return found(repository.comments.get(Number(params.comment_id)));
}

function show({ repository, base }: Call, issue: Issue) {
  const { id, number, title, body, state, user, labels, created_at, updated_at, pull } = issue;
  const url = `${addressOf(repository, base)}/issues/${number}`;
  const kind = pull ? "pull" : "issues";
  return {
    ...{ id, number, title, body, state, created_at, updated_at, url },
    html_url: `${base}/${fullName(repository)}/${kind}/${number}`,
    user: showUser(user, base),
    labels: labels.map((name) => ({ name })),
    comments: [...repository.comments.values()].filter(({ issue: of }) => of === number).length,
    closed_at: state === "closed" ? updated_at : null,
    ...(pull ? { pull_request: { url: `${addressOf(repository, base)}/pulls/${number}` } } : {}),
  };
}

function showComment({ repository, base }: Call, comment: Comment) {
  const { id, issue, user, body, created_at, updated_at } = comment;
  return {
    ...{ id, body, created_at, updated_at },
    user: showUser(user, base),
    url: `${addressOf(repository, base)}/issues/comments/${id}`,
    html_url: `${base}/${fullName(repository)}/pull/${issue}#issuecomment-${id}`,
    issue_url: `${addressOf(repository, base)}/issues/${issue}`,
    author_association: "MEMBER",
  };
}

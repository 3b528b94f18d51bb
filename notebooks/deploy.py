# Databricks notebook source
# MAGIC %md
# MAGIC # Deploy
# MAGIC Deploys one commit to one environment: starts the workflow `deploy` at GitHub, waits for its end, and shows what became
# MAGIC of the deployment. It fails where the deployment fails. No build runs here, and no token is shown.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `env` | the environment: the Pulumi stack's name, e.g. `staging` |
# MAGIC | `githash` | what to deploy: a commit, also a short one, a branch or a tag. It is resolved once, when this notebook starts |
# MAGIC | `note` | why; it is kept with the deployment |
# MAGIC | `repository` | where the workflow is: `owner/name` |
# MAGIC | `app_repository` | where the notebooks are, if that is another repository; empty: the same |
# MAGIC | `secret_scope`, `secret_key` | where the token is; the key is `github-token` by default |
# MAGIC | `workflow`, `branch` | the workflow's file, and the branch that it is taken from: `deploy.yml`, `main` |
# MAGIC | `timeout_minutes` | how long to wait, approval included; 180 by default |
# MAGIC | `api_url` | GitHub's API; of GitHub Enterprise Server it is `https://HOST/api/v3` |
# MAGIC | `request` | empty: a new deployment. Else the id of one that this notebook has started, to go on waiting for it |
# MAGIC
# MAGIC The token is a fine-grained one of GitHub for these repositories, with the permissions Actions: read and write, and
# MAGIC Contents, Deployments and Commit statuses: read. Whoever may read the secret can deploy: keep its scope to those people.
# MAGIC The environment's approval at GitHub applies, whoever starts the workflow.
# MAGIC
# MAGIC Cancel this notebook, and the workflow goes on. What was printed says its address and its `request`. A job that may be
# MAGIC repeated can give one, such as `job-{{job.run_id}}`: then the repetition waits for what the first run has started, and
# MAGIC tells its end, success or failure.
# MAGIC
# MAGIC The exit value is JSON: `githash`, `env`, `conclusion`, `run_url`, `deployment_id`, `deployment_url` (the deployment's
# MAGIC MLflow run), `message`. Needs Databricks Runtime 13.3 or newer, or serverless with a way out to GitHub.

# COMMAND ----------

DEFAULTS = {
    "env": "",
    "githash": "",
    "note": "",
    "repository": "",
    "app_repository": "",
    "secret_scope": "",
    "secret_key": "github-token",
    "workflow": "deploy.yml",
    "branch": "main",
    "timeout_minutes": "180",
    "api_url": "https://api.github.com",
    "request": "",
}
for name, default in DEFAULTS.items():
    dbutils.widgets.text(name, default)

# COMMAND ----------

import http.client
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

# It stands in the run's name, before the request; how long a name may be is not documented.
NOTE_LENGTH = 120
FORMS = {
    "env": (r"[A-Za-z0-9._-]+", "give a Pulumi stack's name"),
    "githash": (r"[^\s~^:?*\[\\]+", "give a commit, a branch or a tag"),
    "repository": (r"[\w.-]+/[\w.-]+", "give owner/name"),
    "app_repository": (r"[\w.-]+/[\w.-]+", "give owner/name"),
    "workflow": (r"[\w.-]+\.ya?ml", "give the name of a file in .github/workflows"),
    "branch": (r"\S+", "give a branch's name"),
    "request": (r"[A-Za-z0-9-]{8,64}", "give 8 to 64 letters, digits or '-'"),
}


def check(parameters):
    """The parameters, tidied; ValueError that names everything that is missing or wrong."""
    settings = {name: " ".join(value.split()) for name, value in parameters.items()}
    settings["app_repository"] = settings["app_repository"] or settings["repository"]
    required = ("env", "githash", "repository", "workflow", "branch", "secret_scope", "secret_key")
    problems = [f"{name} is empty" for name in required if not settings[name]]
    problems += [
        f"{name} is {settings[name]!r}: {hint}"
        for name, (form, hint) in FORMS.items()
        if parameters[name].strip() and not re.fullmatch(form, settings[name])
    ]
    if len(settings["note"]) > NOTE_LENGTH:
        problems.append(f"note has {len(settings['note'])} characters: give {NOTE_LENGTH} at most")
    try:
        settings["timeout"] = float(settings["timeout_minutes"]) * 60
    except ValueError:
        settings["timeout"] = math.nan
    if not 0 < settings["timeout"] < math.inf:
        problems.append(f"timeout_minutes is {settings['timeout_minutes']!r}: give a number of minutes")
    settings["api_url"] = settings["api_url"].rstrip("/")
    # The token is sent there.
    if not re.fullmatch(
        r"https://[\w.:-]+(/[\w./-]*)?|http://(localhost|127\.0\.0\.1)(:\d+)?", settings["api_url"]
    ):
        problems.append(f"api_url is {settings['api_url']!r}: give an https address")
    if problems:
        raise ValueError("cannot deploy: " + "; ".join(problems))
    return settings


def read_token(scope, key):
    try:
        token = dbutils.secrets.get(scope, key).strip()
    except Exception as error:
        raise ValueError(f"cannot read GitHub's token, {key!r} in secret scope {scope!r}: {error}") from None
    # Python would name the whole header in its error.
    if not re.fullmatch(r"[!-~]+", token):
        raise ValueError(f"{key!r} in secret scope {scope!r} is no token: it is empty, or more than one word")
    return token


# COMMAND ----------


class GitHubError(Exception):
    """GitHub refused, or gave no answer (status 0)."""

    def __init__(self, status, detail, wait=None):
        super().__init__(f"HTTP {status}: {detail}" if status else detail)
        self.status = status
        self.detail = detail
        # Seconds after which to ask again, of a rate limit; nothing was done.
        self.wait = wait

    @property
    def is_passing(self):
        return self.status == 0 or self.status >= 500


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token to wherever it points, and make a GET of a POST."""

    def redirect_request(self, *_):
        return None


class GitHub:
    """GitHub's REST API, with a token that is in no message and in no variable of the notebook."""

    def __init__(self, api_url, token, deadline):
        self.api_url = api_url
        self._token = token
        self.deadline = deadline
        self._opener = urllib.request.build_opener(NoRedirect)

    def ask(self, method, path, body=None, query=None, patience=30, passing=()):
        """The answer's JSON, None for an empty one. What may pass, and the statuses `passing`, is asked again for `patience` seconds."""
        give_up = time.monotonic() + patience
        pause = 1
        while True:
            try:
                return self._once(method, path, body, query)
            except GitHubError as error:
                limit = self.deadline if error.wait else give_up
                wait = error.wait or pause
                may_pass = error.wait or error.is_passing or error.status in passing
                if not may_pass or time.monotonic() + wait > limit:
                    raise
                print(f"GitHub: {error}; asking again in {wait:.0f} s")
                time.sleep(wait)
                pause = min(pause * 2, 30)

    def _once(self, method, path, body, query):
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "User-Agent": "notebook-releases",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        address = self.api_url + path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=30) as answer:
                text = answer.read()
            return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error, path) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise GitHubError(0, f"no answer from {self.api_url}: {self._hide(error)}") from None

    def _refusal(self, error, path):
        try:
            answer = json.loads(error.read())
            parts = [answer["message"], *(answer.get("errors") or [])]
            detail = "; ".join(str(part) for part in parts)
        except Exception:  # noqa: BLE001 - a proxy's page, or a body that broke off
            detail = error.reason
        detail = f"{path}: {self._hide(detail)}"
        needs = error.headers.get("x-accepted-github-permissions")
        wait = wait_for_limit(error.code, detail, error.headers)
        if error.code == 401:
            detail += ". GitHub does not know the token: is it expired?"
        elif error.code in (301, 302, 307, 308):
            detail += ". It has moved: give the repository's new name"
        elif error.code in (403, 404) and wait is None:
            detail += ". It is not there, or the token may not see or do it" + (f": {needs}" if needs else "")
        return GitHubError(error.code, detail, wait)

    def _hide(self, text):
        return str(text).replace(self._token, "[token]")[:500]


def wait_for_limit(status, detail, headers):
    """Seconds that a rate limit asks to wait, a secondary one too; None where it is another refusal."""
    if status not in (403, 429):
        return None
    if headers.get("retry-after", "").isdecimal():
        return max(1, int(headers["retry-after"]))
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
        return max(1, int(headers["x-ratelimit-reset"]) - time.time() + 1)
    return 60 if status == 429 or "rate limit" in detail.lower() else None


# COMMAND ----------


def find_commit(github, repository, ref):
    """The full githash."""
    try:
        return github.ask("GET", f"/repos/{repository}/commits/{urllib.parse.quote(ref, safe='')}")["sha"]
    except GitHubError as error:
        if error.status == 422:
            raise ValueError(f"{repository} has no commit, branch or tag {ref!r}") from None
        raise


def find_run(github, settings, request, patience):
    """The workflow's run with the request in its name; None where it does not appear within so many seconds."""
    give_up = time.monotonic() + patience
    while True:
        path = f"/repos/{settings['repository']}/actions/workflows/{settings['workflow']}/runs"
        found = github.ask("GET", path, query={"event": "workflow_dispatch", "per_page": 100})
        for run in found["workflow_runs"]:
            if run["display_title"].endswith(f"[{request}]"):
                return run
        if time.monotonic() > give_up:
            return None
        time.sleep(2)


def start_run(github, settings, githash, request):
    """Starts the workflow, at most once; its run."""
    path = f"/repos/{settings['repository']}/actions/workflows/{settings['workflow']}/dispatches"
    inputs = {"stack": settings["env"], "ref": githash, "note": settings["note"], "request": request}
    # GitHub Enterprise Server 3.19 and older refuse the newer parameter, and tell no run.
    for details in ({"return_run_details": True}, {}):
        try:
            body = {"ref": settings["branch"], "inputs": inputs, **details}
            answer = github.ask("POST", path, body, patience=0)
            if answer:
                # It may take a moment until it is there for all of GitHub.
                return read_run(github, settings, answer["workflow_run_id"], passing=(404,))
            break
        except GitHubError as error:
            if error.is_passing:
                print(f"GitHub: {error}; looking whether the workflow was started")
                break
            if not (error.status == 422 and "return_run_details" in error.detail):
                raise
    run = find_run(github, settings, request, min(60, github.deadline - time.monotonic()))
    if run is None:
        raise RuntimeError(
            f"whether {settings['workflow']} was started is not known: no run of it has [{request}] at the end of its name. "
            f"Run this notebook again with request = {request}: it looks again before it starts one"
        )
    return run


def read_run(github, settings, run_id, **options):
    return github.ask("GET", f"/repos/{settings['repository']}/actions/runs/{run_id}", **options)


# COMMAND ----------


def first(items, **wanted):
    """The first of them that has these values, or {}."""
    fitting = (item for item in items if all(item.get(name) == value for name, value in wanted.items()))
    return next(fitting, {})


def optional(github, path, **options):
    """The answer, or [] where GitHub does not give it: what only tells more fails nothing."""
    try:
        return github.ask("GET", path, **options)
    except GitHubError as error:
        print(f"GitHub: {error}")
        return []


def jobs_of(github, settings, run):
    answer = optional(github, f"/repos/{settings['repository']}/actions/runs/{run['id']}/jobs")
    return answer["jobs"] if answer else []


def describe(github, settings, run):
    """What the run is doing, or what it waits for."""
    status = run["status"]
    if status == "completed":
        return f"ended: {run['conclusion']}"
    if status == "waiting":
        path = f"/repos/{settings['repository']}/actions/runs/{run['id']}/pending_deployments"
        waits = [wait for wait in optional(github, path) if wait["reviewers"] or wait["wait_timer"]]
        names = [one["reviewer"] for wait in waits for one in wait["reviewers"]]
        people = ", ".join(name.get("login") or name.get("name", "") for name in names)
        timer = max((wait["wait_timer"] for wait in waits), default=0)
        return (
            f"waits for the approval of {settings['env']}"
            + (f" by one of: {people}" if people else "")
            + (f" (and {timer} minutes)" if timer else "")
            + f". To approve, open {run['html_url']} and choose Review deployments"
        )
    if status == "in_progress":
        job = first(jobs_of(github, settings, run), status="in_progress")
        step = first(job.get("steps", []), status="in_progress")
        return "in progress" + "".join(f": {part['name']}" for part in (job, step) if part)
    if status == "pending":
        return f"waits until another deployment to {settings['env']} has ended"
    return "queued"


def wait_for_end(github, settings, run):
    """The run once it has ended; TimeoutError where the time is over before."""
    started = time.monotonic()
    said = None
    pause = 1
    while True:
        news = describe(github, settings, run)
        if news != said:
            seconds = int(time.monotonic() - started)
            print(f"{seconds // 60:3}:{seconds % 60:02}  {news}", flush=True)
            said = news
        if run["status"] == "completed":
            return run
        left = github.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(
                f"after {settings['timeout_minutes']} minutes the workflow has not ended ({news}). It goes on: {run['html_url']}"
            )
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, 10)
        # It may outlast a bad quarter of an hour at GitHub.
        run = read_run(github, settings, run["id"], patience=900)


# COMMAND ----------


def payload_of(deployment):
    """What notebook-releases tells of a deployment; GitHub answers it as it was sent, or as its JSON."""
    payload = deployment["payload"]
    try:
        payload = json.loads(payload) if isinstance(payload, str) else payload
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def read_result(github, settings, githash, run):
    """The newest deployment of the commit to the environment, as GitHub knows it: its id, address and message, or "" each."""
    env = settings["env"]
    repository = f"/repos/{settings['app_repository']}"
    query = {"sha": githash, "per_page": 100}
    for deployment in optional(github, f"{repository}/deployments", query=query):
        payload = payload_of(deployment)
        if "deployment_id" not in payload or env not in (deployment["environment"], payload.get("env")):
            continue
        is_new = deployment["created_at"] >= (run.get("run_started_at") or run["created_at"])
        if not is_new and run["conclusion"] != "success":
            break
        address = payload.get("url", "")
        statuses = optional(github, f"{repository}/commits/{githash}/statuses", query={"per_page": 100})
        message = first(statuses, target_url=address).get("description") or ""
        if not is_new:
            message = f"nothing was to be done, it was live already: {message}"
        return {
            "deployment_id": payload["deployment_id"],
            "deployment_url": address,
            "message": message,
        }
    return {"deployment_id": "", "deployment_url": "", "message": ""}


def reason_of(github, settings, run):
    """Why the run is no success, in a few words."""
    if run["conclusion"] == "skipped":
        return f"{settings['env']} is no stack of the variable NOTEBOOK_RELEASES_STACKS of {settings['repository']}"
    if run["conclusion"] == "cancelled":
        return "somebody has cancelled it, or a newer deployment took its place among those that wait"
    job = first(jobs_of(github, settings, run), conclusion="failure")
    step = first(job.get("steps", []), conclusion="failure")
    return ": ".join([run["conclusion"], *(part["name"] for part in (job, step) if part)])


# COMMAND ----------

settings = check({**DEFAULTS, **dbutils.widgets.getAll()})
deadline = time.monotonic() + settings["timeout"]
github = GitHub(settings["api_url"], read_token(settings["secret_scope"], settings["secret_key"]), deadline)
githash = find_commit(github, settings["app_repository"], settings["githash"])
what = f"{githash[:12]} to {settings['env']}"
request = settings["request"] or str(uuid.uuid4())
print(f"deploying {what}, request {request}")

# COMMAND ----------

run = find_run(github, settings, request, 0) if settings["request"] else None
if run:
    print("this request was started before")
    begun = re.match(r"deploy (\S+) to ([^:]+): ", run["display_title"])
    if begun and begun.groups() != (githash, settings["env"]):
        raise ValueError(
            f"request {request} is of another deployment ({run['display_title']}): leave it empty for a new one"
        )
else:
    run = start_run(github, settings, githash, request)
print(run["html_url"])
try:
    run = wait_for_end(github, settings, run)
except BaseException:
    print(f"The workflow was not ended. To go on waiting for it, run this notebook with request = {request}")
    raise

# COMMAND ----------

result = read_result(github, settings, githash, run)
lines = [run["html_url"], *(value for value in (result["message"], result["deployment_url"]) if value)]
if run["conclusion"] != "success":
    raise RuntimeError("\n  ".join([f"{what} was not deployed ({reason_of(github, settings, run)})", *lines]))
print("\n  ".join([f"{githash[:12]} is live in {settings['env']}", *lines]))

# COMMAND ----------

answer = {"githash": githash, "env": settings["env"], "conclusion": run["conclusion"]}
dbutils.notebook.exit(json.dumps({**answer, "run_url": run["html_url"], **result}))

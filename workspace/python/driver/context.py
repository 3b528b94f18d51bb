"""What `dbutils.notebook.entry_point.getDbutils().notebook().getContext()` tells of the run."""

import json


class Option:
    """A Scala Option as Py4J shows it."""

    def __init__(self, value):
        self._value = value

    def isDefined(self):
        return self._value is not None

    def isEmpty(self):
        return self._value is None

    def get(self):
        if self._value is None:
            raise ValueError("None.get")
        return self._value

    def getOrElse(self, default):
        return default if self._value is None else self._value

    def toString(self):
        return str(self)

    def __str__(self):
        return "None" if self._value is None else f"Some({self._value})"


class Tags:
    def __init__(self, values):
        self._values = values

    def get(self, name):
        return Option(self._values.get(name))

    def apply(self, name):
        return self._values[name]

    def toString(self):
        return str(self._values)


class EntryPoint:
    """Also plays `getDbutils()` and `notebook()`, which lead nowhere else."""

    def __init__(self, session):
        self._session = session

    def getDbutils(self):
        return self

    def notebook(self):
        return self

    def getContext(self):
        return NotebookContext(self._session.spec, self._session.spec["notebook"]["path"])


class NotebookContext:
    def __init__(self, spec, path):
        self._spec = spec
        self._path = path

    def notebookPath(self):
        return Option(self._path)

    def apiUrl(self):
        return Option(self._spec["host"])

    def apiToken(self):
        return Option(self._spec["token"])

    def browserHostName(self):
        return Option(self._spec["host"].partition("://")[2])

    def workspaceId(self):
        return Option(self._spec["workspace_id"])

    def userName(self):
        return Option(self._spec["user"])

    def currentRunId(self):
        return Option(self._spec["run_id"])

    def jobId(self):
        return Option(self._spec["job_id"])

    def tags(self):
        return Tags(self._tags())

    def _tags(self):
        return {
            "jobId": self._spec["job_id"],
            "runId": self._spec["run_id"],
            "multitaskParentRunId": self._spec["parent_run_id"],
            "taskKey": self._spec["task_key"],
            "orgId": self._spec["workspace_id"],
            "user": self._spec["user"],
        }

    def toJson(self):
        """Without the token, as Databricks' `safeToJson`."""
        return json.dumps(
            {
                "currentRunId": {"id": self._spec["run_id"]},
                "attributes": {"notebook_path": self._path, "api_url": self._spec["host"]},
                "extraContext": {"notebook_path": self._path, "api_url": self._spec["host"]},
                "tags": self._tags(),
            }
        )

    safeToJson = toJson

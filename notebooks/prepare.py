# Databricks notebook source
# MAGIC %md
# MAGIC # Prepare
# MAGIC Every notebook begins with `%run` of this one: it lets Python find `lib/` of the same release.
# MAGIC It makes no widgets: in a notebook that is included by `%run` they would have their defaults only.

# COMMAND ----------

import os
import sys


def _root_above(folder):
    while not os.path.exists(os.path.join(folder, "lib", "settings.py")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def release_root():
    """The folder that holds `lib/`, looked for upwards from the notebook's folder.

    The working directory usually is the notebook's folder; where it is not, the notebook's path says it.
    """
    root = _root_above(os.getcwd())
    if root is None:
        context = dbutils.notebook.entry_point.getDbutils().notebook().getContext()
        folder = os.path.dirname("/Workspace" + context.notebookPath().get())
        root = _root_above(folder)
        if root is None:
            raise FileNotFoundError(f"no lib/settings.py in {folder} or above it: is all of it deployed?")
    return root


# In front, so that this release's lib/ wins over anything of the same name.
sys.path.insert(0, release_root())

# Databricks notebook source
# MAGIC %md
# MAGIC # Test: units
# MAGIC The pytest suite of `lib/`, in `unit/`: each single test's result and duration goes to the deployment's MLflow run.
# MAGIC The TestTracker comes with the release, as the wheel that its build makes. pytest is not part of every runtime.

# COMMAND ----------

# MAGIC %pip install --quiet pytest

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("run_id", "")

# COMMAND ----------

from notebook_releases_testkit import run_tests

run_tests("../unit", run_id=dbutils.widgets.get("run_id"), test_suite_name="unit")

# COMMAND ----------

dbutils.notebook.exit("passed")

# Databricks notebook source
# MAGIC %md
# MAGIC # Test: ingest
# MAGIC The quality of what the notebook writes, in a schema of its own.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("env", "dev")
dbutils.widgets.text("schema", f"bike_hire_{dbutils.widgets.get('env')}")

# COMMAND ----------

from lib import settings, tables
from lib.scratch import scratch_schema

with scratch_schema(spark, dbutils.widgets.get("schema"), "test_ingest") as schema:
    dbutils.notebook.run("../pipeline/ingest", 300, {"schema": schema})
    hires = tables.read(spark, f"{schema}.hires")

# COMMAND ----------

assert len(hires) == len(settings.STATIONS) * settings.HISTORY_DAYS, f"{len(hires)} rows"
assert hires.notna().all().all(), "there are empty values"
assert (hires["hires"] >= 0).all(), "there are negative counts"
assert not hires.duplicated(["station", "day"]).any(), "a station has a day twice"
assert set(hires["station"]) == set(settings.STATIONS), sorted(set(hires["station"]))
assert max(hires["day"]) == settings.LAST_DAY, max(hires["day"])

# COMMAND ----------

dbutils.notebook.exit("passed")

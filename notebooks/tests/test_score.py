# Databricks notebook source
# MAGIC %md
# MAGIC # Test: score
# MAGIC The pipeline from end to end, in a schema of its own: an empty environment gets a whole forecast.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("env", "dev")
dbutils.widgets.text("schema", f"bike_hire_{dbutils.widgets.get('env')}")

# COMMAND ----------

from lib import settings, tables
from lib.scratch import scratch_schema

with scratch_schema(spark, dbutils.widgets.get("schema"), "test_score") as schema:
    message = dbutils.notebook.run("../pipeline/score", 600, {"schema": schema, "tracking": "off"})
    forecast = tables.read(spark, f"{schema}.forecast")
    steps = ("hires", "features", "model")
    missing = [name for name in steps if not tables.exists(spark, f"{schema}.{name}")]

print(message)

# COMMAND ----------

expected_rows = len(settings.STATIONS) * settings.HORIZON_DAYS
assert not missing, f"the pipeline did not write {missing}"
assert len(forecast) == expected_rows, f"{len(forecast)} rows, expected {expected_rows}"
assert message.startswith(f"scored {expected_rows} rows"), message
assert min(forecast["day"]) > settings.LAST_DAY, "the forecast has a day of the past"
assert forecast["expected_hires"].between(1, 200).all(), forecast["expected_hires"].describe()

# COMMAND ----------

dbutils.notebook.exit("passed")

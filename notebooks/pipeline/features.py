# Databricks notebook source
# MAGIC %md
# MAGIC # Features
# MAGIC What the model learns from, into `features`: last week, the mean of the last four weeks, the weekend.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("env", "dev")
dbutils.widgets.text("schema", f"bike_hire_{dbutils.widgets.get('env')}")
schema = dbutils.widgets.get("schema")

# COMMAND ----------

from lib import demand, tables

hires = tables.read(spark, f"{schema}.hires")
features = demand.add_features(hires, demand.history_days(hires))
written = tables.write(spark, features, f"{schema}.features")
print(f"{written} rows written to {schema}.features")

# COMMAND ----------

dbutils.notebook.exit(f"made features for {written} rows")

# Databricks notebook source
# MAGIC %md
# MAGIC # Score
# MAGIC The hires to expect in the coming days, by station, into `forecast`.
# MAGIC In a new environment there is no model yet: then the steps before are run first.
# MAGIC
# MAGIC Parameter `tracking` is handed to the training.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("env", "dev")
dbutils.widgets.text("schema", f"bike_hire_{dbutils.widgets.get('env')}")
schema = dbutils.widgets.get("schema")
dbutils.widgets.dropdown("tracking", "on", ["on", "off"])

# COMMAND ----------

from lib import demand, settings, tables

if not tables.exists(spark, f"{schema}.model"):
    parameters = {name: dbutils.widgets.get(name) for name in ("env", "schema", "tracking")}
    for step in ("ingest", "features", "train"):
        print(f"{step}: {dbutils.notebook.run(f'./{step}', 600, parameters)}")

# COMMAND ----------

hires = tables.read(spark, f"{schema}.hires")
model = tables.read(spark, f"{schema}.model")
weights = dict(zip(model["feature"], model["weight"], strict=True))

forecast = demand.add_features(hires, demand.coming_days(hires, settings.HORIZON_DAYS))
forecast["expected_hires"] = demand.predict(forecast, weights).round(1)
forecast = forecast[["station", "day", "expected_hires"]]
written = tables.write(spark, forecast, f"{schema}.forecast")

# COMMAND ----------

totals = forecast.groupby("station")["expected_hires"].sum()
dbutils.notebook.exit(
    f"scored {written} rows: the next {settings.HORIZON_DAYS} days at {len(totals)} stations, "
    f"{totals.sum():,.0f} hires expected, most at {totals.idxmax()} ({totals.max():,.0f})"
)

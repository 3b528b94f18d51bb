# Databricks notebook source
# MAGIC %md
# MAGIC # Ingest
# MAGIC The city's hires, one row a station and day, cleaned, into `hires`.
# MAGIC A real team reads an export here; the example makes its data itself.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("env", "dev")
dbutils.widgets.text("schema", f"bike_hire_{dbutils.widgets.get('env')}")
schema = dbutils.widgets.get("schema")

# COMMAND ----------

from lib import demand, settings, tables

tables.create_schema(spark, schema)

raw = demand.make_hires(settings.STATIONS, settings.HISTORY_DAYS, settings.LAST_DAY, settings.SEED)
hires = demand.clean(raw)
written = tables.write(spark, hires, f"{schema}.hires")
print(f"{len(raw)} rows read, {len(raw) - written} rejected, {written} written to {schema}.hires")

# COMMAND ----------

spark.table(tables.quoted(f"{schema}.hires")).createOrReplaceTempView("ingested")

# COMMAND ----------

# MAGIC %sql
# MAGIC SELECT station, count(*) AS days, round(avg(hires), 1) AS hires_a_day
# MAGIC FROM ingested
# MAGIC GROUP BY station
# MAGIC ORDER BY hires_a_day DESC

# COMMAND ----------

dbutils.notebook.exit(f"ingested {written} rows")

# Databricks notebook source
# MAGIC %md
# MAGIC # Train
# MAGIC A small ridge regression, measured on the last two weeks. The weights go into `model`,
# MAGIC parameters and errors to MLflow.
# MAGIC
# MAGIC Parameters: `experiment` (MLflow's), `ridge`, and `tracking`: `off` trains without MLflow, for tests.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("env", "dev")
dbutils.widgets.text("schema", f"bike_hire_{dbutils.widgets.get('env')}")
schema = dbutils.widgets.get("schema")
dbutils.widgets.text("experiment", f"/Shared/bike-hire-{dbutils.widgets.get('env')}")
dbutils.widgets.text("ridge", "1.0")
dbutils.widgets.dropdown("tracking", "on", ["on", "off"])

# COMMAND ----------

import pandas as pd
from lib import demand, tables

ridge = float(dbutils.widgets.get("ridge"))
features = tables.read(spark, f"{schema}.features")
weights, metrics = demand.train(features, ridge)
for name, value in metrics.items():
    print(f"{name}: {value:.3f} hires a day")

# COMMAND ----------

if dbutils.widgets.get("tracking") == "on":
    import mlflow

    mlflow.set_experiment(dbutils.widgets.get("experiment"))
    with mlflow.start_run(run_name=f"train {dbutils.widgets.get('env')}"):
        mlflow.log_params({"ridge": ridge, "rows": len(features), "features": ",".join(demand.FEATURES)})
        mlflow.log_metrics(metrics)
        mlflow.log_dict(weights, "weights.json")

# COMMAND ----------

model = pd.DataFrame(weights.items(), columns=["feature", "weight"])
tables.write(spark, model, f"{schema}.model")
dbutils.notebook.exit(f"trained on {len(features)} rows, rmse {metrics['rmse']:.2f}")

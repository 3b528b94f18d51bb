# Databricks notebook source
# MAGIC %md
# MAGIC # Test: train
# MAGIC Trains on a small sample. The error goes to the deployment's MLflow run, where the gate's limits look.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

dbutils.widgets.text("run_id", "")

# COMMAND ----------

from lib import demand, settings

raw = demand.make_hires(settings.STATIONS[:4], settings.HISTORY_DAYS, settings.LAST_DAY, seed=1)
sample = demand.clean(raw)
weights, metrics = demand.train(demand.add_features(sample, demand.history_days(sample)))
print(metrics)

assert set(weights) == {*demand.FEATURES, "intercept"}, weights
assert 0 < metrics["rmse"] < metrics["baseline_rmse"], metrics

# COMMAND ----------

# The client, not mlflow.start_run: that would mark the deployment's run as finished when it ends.
run_id = dbutils.widgets.get("run_id")
if run_id:
    from mlflow import MlflowClient

    client = MlflowClient()
    for name, value in metrics.items():
        client.log_metric(run_id, name, value)
else:
    print("no run_id: started by hand, nothing is logged")

# COMMAND ----------

dbutils.notebook.exit("passed")

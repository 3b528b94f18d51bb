# Databricks notebook source
# MAGIC %md
# MAGIC # Regression: forecast quality
# MAGIC On three different histories the model must be clearly better than "as last week", and close in total.

# COMMAND ----------

# MAGIC %run ../../prepare

# COMMAND ----------

from lib import demand, settings

for seed in (11, 22, 33):
    hires = demand.clean(demand.make_hires(settings.STATIONS, settings.HISTORY_DAYS, settings.LAST_DAY, seed))
    features = demand.add_features(hires, demand.history_days(hires))
    weights, metrics = demand.train(features)
    _, holdout = demand.split(features)
    bias = demand.predict(holdout, weights).sum() / holdout["hires"].sum() - 1
    print(f"seed {seed}: {metrics}, total off by {bias:+.1%}")
    assert metrics["rmse"] < 0.95 * metrics["baseline_rmse"], f"seed {seed}: {metrics}"
    assert abs(bias) < 0.05, f"seed {seed}: the total is off by {bias:+.1%}"

# COMMAND ----------

dbutils.notebook.exit("passed")

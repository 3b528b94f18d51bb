# Databricks notebook source
# MAGIC %md
# MAGIC # Test: features
# MAGIC The module's functions on hand-made rows. No tables.

# COMMAND ----------

# MAGIC %run ../prepare

# COMMAND ----------

from datetime import date, timedelta

import pandas as pd
from lib import demand

MONDAY = date(2026, 3, 2)
weekly = pd.DataFrame(
    [("Park", MONDAY + timedelta(weeks=week), 10 * (week + 1)) for week in range(5)],
    columns=["station", "day", "hires"],
)

# COMMAND ----------

# A day has features only if it has four weeks before it: the fifth Monday, with 10, 20, 30 and 40 before.
features = demand.add_features(weekly, demand.history_days(weekly))
assert len(features) == 1, features
row = features.iloc[0]
assert (row["last_week"], row["mean_4_weeks"], row["weekend"]) == (40, 25, 0), row

# COMMAND ----------

# A day to come has features and no count.
coming = demand.add_features(weekly, [MONDAY + timedelta(weeks=5)])
assert coming["hires"].isna().all() and coming.iloc[0]["last_week"] == 50, coming

# COMMAND ----------

dirty = pd.DataFrame(
    [("Park", MONDAY, 3), ("Park", MONDAY, 4), (None, MONDAY, 1), ("Park", MONDAY + timedelta(days=1), -2)],
    columns=["station", "day", "hires"],
)
assert demand.clean(dirty)["hires"].tolist() == [4]

# COMMAND ----------

for horizon in (0, 8):
    try:
        demand.coming_days(weekly, horizon)
    except ValueError as error:
        assert str(horizon) in str(error)
    else:
        raise AssertionError(f"a horizon of {horizon} days was accepted")

# COMMAND ----------

dbutils.notebook.exit("passed")

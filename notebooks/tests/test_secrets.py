# Databricks notebook source
# MAGIC %md
# MAGIC # Test: secrets
# MAGIC The secret that the pipeline's export would need is there and readable. Its value is never printed.

# COMMAND ----------

dbutils.widgets.text("secret_scope", "")
dbutils.widgets.text("secret_key", "api-token")

# COMMAND ----------

scope = dbutils.widgets.get("secret_scope")
key = dbutils.widgets.get("secret_key")
if not scope:
    dbutils.notebook.exit("skipped: no secret_scope given")

# COMMAND ----------

keys = [secret.key for secret in dbutils.secrets.list(scope)]
assert key in keys, f"scope {scope} has no key {key}; it has {keys}"
assert dbutils.secrets.get(scope, key).strip(), f"{scope}/{key} is empty"
print(f"{scope}/{key} is there and not empty")

# COMMAND ----------

dbutils.notebook.exit("passed")

// Databricks notebook source
// MAGIC %md
// MAGIC # Test: forecast settings, in Scala
// MAGIC A ScalaTest suite with the TestTracker: the numbers in `lib/settings.py` must be such as the model can use.
// MAGIC The jar of the TestTracker comes with the release, and serverless takes no jars: the gate runs this on a cluster.

// COMMAND ----------

// The release's own file: this notebook's folder is beside lib/.
val path = dbutils.notebook.getContext.notebookPath.get.stripPrefix("/Workspace")
val release = path.split("/").dropRight(2).mkString("/")
val settings = dbutils.fs.head(s"file:/Workspace$release/lib/settings.py")

// COMMAND ----------

import notebookreleases.testkit._
import org.scalatest.funsuite.AnyFunSuite

class ForecastTests extends AnyFunSuite with TestTracker {
  override def testSuiteName = "forecast"

  def days(name: String): Int =
    s"(?m)^$name = (\\d+)".r.findFirstMatchIn(settings).fold(fail(s"there is no $name"))(_.group(1).toInt)

  test("looks ahead no further than the same weekday of the week before is known") {
    val horizon = days("HORIZON_DAYS")
    assert(horizon >= 1 && horizon <= 7)
    testResult(s"$horizon days")
  }

  test("has four weeks of history, a week to train on, and the holdout's two weeks") {
    assert(days("HISTORY_DAYS") >= 28 + 7 + 14)
  }
}

// COMMAND ----------

dbutils.notebook.exit(NotebookTests.run(dbutils, new ForecastTests))

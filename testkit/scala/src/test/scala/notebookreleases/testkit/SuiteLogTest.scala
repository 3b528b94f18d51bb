package notebookreleases.testkit

import java.time.Instant
import org.scalatest.BeforeAndAfterEach
import org.scalatest.funsuite.AnyFunSuite

class SuiteLogTest extends AnyFunSuite with BeforeAndAfterEach {
  private var mlflow: FakeMlflow = _
  private val start = Instant.parse("2026-11-23T23:55:01.250Z")

  override def beforeEach(): Unit = mlflow = new FakeMlflow
  override def afterEach(): Unit = mlflow.stop()

  private def passed(name: String): TestRun = TestRun(name, start, 0.5, TestOutcome.Passed)
  private def failed(name: String): TestRun =
    TestRun(name, start, 1.25, TestOutcome.Failed, Some(new RuntimeException("off by 9%")), Map("REGION" -> Some("eu"), "NONE" -> None))

  private def log(tests: Seq[TestRun], limit: Int = SuiteLog.SuiteParameters): SuiteLog.Logged =
    SuiteLog.log(mlflow.run, "forecast", tests, tests.forall(_.outcome == TestOutcome.Passed), limit, new MlflowApi(_, _ => ()))

  test("results, durations and the verdict are logged, everything is in the artifact") {
    val logged = log(Seq(passed("is [close]"), failed("no bias")))
    assert(mlflow.params.toMap == Map(
      "forecast_is__close_" -> "passed",
      "forecast_no_bias" -> "Failed",
      "forecast_AllTestsPassed" -> "false"
    ))
    assert(mlflow.metrics.toMap == Map(
      "forecast_is__close__dur" -> ((0.5, start.toEpochMilli)),
      "forecast_no_bias_dur" -> ((1.25, start.toEpochMilli))
    ))
    assert(logged == SuiteLog.Logged("testkit/forecast.json", Some("forecast_AllTestsPassed"), 0))
    assert(mlflow.artifacts.keySet == Set("testkit/forecast.json"))
    assert(mlflow.artifact("testkit")("language").text.contains("scala"))
    val one = mlflow.test("no bias")
    assert(one("start_time").text.contains("2026-11-23T23:55:01.250Z"))
    assert(one("exception").text.contains("RuntimeException: off by 9%"))
    assert(one("trace").text.exists(_.contains("SuiteLogTest")))
    assert(one("environment") == Json.Object(Seq("NONE" -> Json.Null, "REGION" -> Json.Text("eu"))))
    assert(one("parameter").text.contains("forecast_no_bias") && one("metric").text.contains("forecast_no_bias_dur"))
    assert(mlflow.requests.size == 4, mlflow.requests)
  }

  test("a repeated name, and a suite that is logged again, get a number") {
    log(Seq(failed("one"), passed("one")))
    val again = log(Seq(passed("one")))
    assert(mlflow.params.toMap == Map(
      "forecast_one" -> "Failed",
      "forecast_one_2" -> "passed",
      "forecast_one_3" -> "passed",
      "forecast_AllTestsPassed" -> "false",
      "forecast_AllTestsPassed_2" -> "true"
    ))
    assert(again.artifact == "testkit/forecast_2.json" && mlflow.metrics.contains("forecast_one_3_dur"))
  }

  test("a long value is cut, the artifact has all of it") {
    val text = "é" * 400
    log(Seq(passed("one").copy(result = Some(text))))
    assert(mlflow.params("forecast_one") == "é" * 250)
    assert(mlflow.test("one")("result").text.contains(text))
  }

  test("many tests take few requests, and what does not fit is in the artifact only, failed tests last") {
    val tests = (1 to 1600).map(n => if (n % 100 == 0) failed(s"t$n") else passed(s"t$n"))
    mlflow.params ++= (1 to 50).map(n => s"other$n" -> "x")
    val logged = log(tests)
    assert(mlflow.params.size == SuiteLog.SuiteParameters)
    assert(logged.leftOut == 1600 - (1500 - 50 - 1))
    assert(mlflow.params("forecast_AllTestsPassed") == "false" && mlflow.params("forecast_t1600") == "Failed")
    assert(mlflow.metrics.size == 1600)
    assert(mlflow.test("t1599")("parameter") == Json.Null && mlflow.test("t1600")("parameter").text.nonEmpty)
    assert(mlflow.requests.count(_.endsWith("log-batch")) == 15)
  }

  test("a full run gets nothing but the artifact and the durations") {
    mlflow.params ++= (1 to 1600).map(n => s"other$n" -> "x")
    val logged = log(Seq(passed("one")))
    assert(logged.parameter.isEmpty && logged.leftOut == 1 && logged.artifact.matches("testkit/forecast_[0-9a-f]{8}\\.json"))
    assert(mlflow.params.size == 1600 && mlflow.metrics.keySet == Set("forecast_one_dur"))
  }

  test("another name is taken where somebody else was quicker") {
    mlflow.beforeBatch = () => {
      mlflow.beforeBatch = () => ()
      mlflow.params("forecast_one") = "Failed"
    }
    log(Seq(passed("one")))
    assert(mlflow.params("forecast_one") == "Failed" && mlflow.params("forecast_one_2") == "passed")
    assert(mlflow.params("forecast_AllTestsPassed") == "true" && !mlflow.params.contains("forecast_AllTestsPassed_2"))
  }

  test("what is refused for another reason is said, not tried for ever") {
    mlflow.beforeBatch = () => mlflow.params ++= (mlflow.params.size to 1599).map(n => s"other$n" -> "x")
    val thrown = intercept[MlflowException](log(Seq(passed("one"))))
    assert(thrown.code == "INVALID_PARAMETER_VALUE" && thrown.getMessage.contains("too many parameters"))
    assert(mlflow.requests.count(_.endsWith("log-batch")) == 1)
  }

  test("a server that is busy is asked again, five times at most") {
    mlflow.failNext(503, 429)
    log(Seq(passed("one")))
    assert(mlflow.params("forecast_one") == "passed")
    mlflow.failNext(503, 503, 503, 503, 503)
    val thrown = intercept[MlflowException](log(Seq(passed("one"))))
    assert(thrown.status == 503 && !thrown.getMessage.contains(mlflow.token))
  }

  test("MLflow's own server takes the artifact itself") {
    mlflow.stop()
    mlflow = new FakeMlflow(ownArtifacts = true)
    log(Seq(passed("one")))
    assert(mlflow.artifacts.keySet == Set("testkit/forecast.json"))
  }
}

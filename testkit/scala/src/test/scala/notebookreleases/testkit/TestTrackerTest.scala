package notebookreleases.testkit

import java.time.Instant
import org.scalatest.{BeforeAndAfterAll, Outcome, Retries}
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.tagobjects.Retryable

class TestTrackerTest extends AnyFunSuite {
  private def executed[T <: AnyFunSuite](suite: T): T = {
    Console.withOut(new java.io.ByteArrayOutputStream)(suite.execute(color = false))
    suite
  }

  class Mixed extends AnyFunSuite with TestTracker {
    override def testSuiteName = "mixed"
    override def environmentVariables = Seq("PATH", "NOT_SET_HERE")
    test("passes") { Thread.sleep(20) }
    test("says more") { testResult("rmse 1.5") }
    test("fails") { throw new IllegalStateException("broken") }
    test("is canceled") { cancel("not here") }
    test("is pending") { pending }
    ignore("is ignored") { fail() }
  }

  test("each test's name, start, duration, outcome, exception and environment are recorded") {
    val before = Instant.now()
    val suite = executed(new Mixed)
    assert(suite.testRuns.map(run => run.name -> run.value) == Seq(
      "passes" -> "passed",
      "says more" -> "rmse 1.5",
      "fails" -> "Failed",
      "is canceled" -> "canceled",
      "is pending" -> "pending"
    ))
    val passed = suite.testRuns.head
    assert(!passed.startTime.isBefore(before) && passed.duration >= 0.02 && passed.duration < 10)
    assert(passed.environment == Map("PATH" -> sys.env.get("PATH"), "NOT_SET_HERE" -> None))
    assert(suite.testRuns.map(_.problem) == Seq(
      None,
      None,
      Some("IllegalStateException: broken"),
      Some("TestCanceledException: not here"),
      None
    ))
    assert(!suite.AllTestsPassed())
    assert(suite.summary.matches("""mixed: 5 tests in \d+\.\d\d s: 2 passed, 1 Failed, 1 canceled, 1 pending"""))
  }

  class Empty extends AnyFunSuite with TestTracker

  test("a suite without tests has passed, and its name is unique") {
    val suite = executed(new Empty)
    assert(suite.testRuns.isEmpty && suite.AllTestsPassed())
    assert(suite.testSuiteName.matches("Empty_[0-9a-f]{8}") && suite.testSuiteName == suite.testSuiteName)
    assert(suite.testSuiteName != (new Empty).testSuiteName)
  }

  for (body <- Seq("canceled", "pending")) test(s"a test that is $body has not passed, and has not failed") {
    class One extends AnyFunSuite with TestTracker {
      test("one") { if (body == "pending") pending else cancel() }
    }
    val suite = executed(new One)
    assert(!suite.AllTestsPassed() && !suite.anyTestFailed)
  }

  class Flaky extends AnyFunSuite with TestTracker with Retries {
    private var tries = 0
    override def withFixture(test: NoArgTest): Outcome = withRetry(super.withFixture(test))
    test("flaky", Retryable) { tries += 1; assert(tries > 1) }
  }

  test("of a test that was tried again the last attempt counts") {
    val suite = executed(new Flaky)
    assert(suite.testRuns.map(_.outcome.name) == Seq("failed", "passed"))
    assert(suite.lastAttempts.size == 1)
    // ScalaTest reports a test that passed at its second try as canceled; the record says what happened.
    assert(suite.AllTestsPassed() && !suite.anyTestFailed)
  }

  class Broken extends AnyFunSuite with TestTracker with BeforeAndAfterAll {
    override def beforeAll(): Unit = throw new IllegalStateException("no cluster")
    test("never") {}
  }

  class BrokenAfter extends AnyFunSuite with BeforeAndAfterAll with TestTracker {
    override def afterAll(): Unit = throw new IllegalStateException("not cleaned")
    test("one") {}
  }

  class OutOfMemory extends AnyFunSuite with TestTracker {
    test("one") { throw new OutOfMemoryError("heap") }
  }

  test("a suite that is aborted has not passed") {
    assert(!executed(new BrokenAfter).AllTestsPassed())
    val fatal = new OutOfMemory
    intercept[OutOfMemoryError](executed(fatal))
    assert(!fatal.AllTestsPassed() && fatal.testRuns.map(_.outcome.name) == Seq("failed"))
    val thrown = intercept[TestsFailed](quietly(NotebookTests.run(new FakeNotebook(Map.empty), new Broken)))
    assert(thrown.getMessage.contains("none ran"))
  }

  class Passing extends AnyFunSuite with TestTracker {
    override def testSuiteName = "passing"
    test("one") {}
  }
  class Canceling extends AnyFunSuite with TestTracker {
    override def testSuiteName = "canceling"
    test("two") { cancel() }
  }

  private def quietly[T](work: => T): T = Console.withOut(new java.io.ByteArrayOutputStream)(work)

  test("a notebook exits with passed, or with the counts, or fails with the tests' names") {
    val notebook = new FakeNotebook(Map.empty)
    assert(quietly(NotebookTests.run(notebook, new Passing)) == "passed")
    assert(quietly(NotebookTests.run(notebook, new Passing, new Canceling)) == "1 passed, 1 canceled")
    val thrown = intercept[TestsFailed](quietly(NotebookTests.run(notebook, new Passing, new Mixed)))
    assert(thrown.getMessage.contains("mixed: 5 tests") && thrown.getMessage.contains("fails: IllegalStateException: broken"))
    assert(!thrown.getMessage.contains("one"))
  }

  test("the results go to the run that the notebook received; the token is in no text") {
    val mlflow = new FakeMlflow
    try {
      val notebook = new FakeNotebook(Map("run_id" -> "run1"), Some(mlflow.host), Some(mlflow.token))
      val out = new java.io.ByteArrayOutputStream
      assert(Console.withOut(out)(NotebookTests.run(notebook, new Passing)) == "passed")
      assert(mlflow.params.toMap == Map("passing_AllTestsPassed" -> "true", "passing_one" -> "passed"))
      assert(out.toString.contains("logged to MLflow run run1; everything is in testkit/passing.json"))
      assert(!out.toString.contains(mlflow.token))
      assert(!MlflowRun.ofNotebook(notebook).get.toString.contains(mlflow.token))
    } finally mlflow.stop()
  }

  test("tests that pass while logging fails fail the notebook, without the token") {
    val mlflow = new FakeMlflow
    val notebook = new FakeNotebook(Map("run_id" -> "run1"), Some(mlflow.host), Some("dapi-wrong"))
    val thrown = try intercept[LoggingFailed](quietly(NotebookTests.run(notebook, new Passing))) finally mlflow.stop()
    assert(thrown.getMessage.contains("HTTP 401") && !thrown.getMessage.contains("dapi-wrong"))
  }

  test("without a run id nothing is logged") {
    for (id <- Seq(Map.empty[String, String], Map("run_id" -> ""))) {
      assert(MlflowRun.ofNotebook(new FakeNotebook(id, Some("http://127.0.0.1:9"), Some("t"))).isEmpty)
    }
    val unknown = new FakeNotebook(Map("run_id" -> "run1"))
    val thrown = intercept[IllegalStateException](MlflowRun.ofNotebook(unknown, "run_id", _ => None))
    assert(thrown.getMessage.contains("run1") && thrown.getMessage.contains("DATABRICKS_HOST"))
    assert(MlflowRun.ofNotebook(unknown, "run_id", name => Some(s"of $name")).exists(_.host == "https://of DATABRICKS_HOST"))
    val variables = Map("DATABRICKS_HOST" -> "example.test/", "DATABRICKS_TOKEN" -> "t", "MLFLOW_RUN_ID" -> "r")
    assert(MlflowRun.fromEnvironment(variables.get(_)).map(_.host).contains("https://example.test"))
    assert(MlflowRun.fromEnvironment((variables - "MLFLOW_RUN_ID").get(_)).isEmpty)
  }
}

/** As much of `dbutils` as is asked. */
class FakeNotebook(parameters: Map[String, String], host: Option[String] = None, token: Option[String] = None) {
  object widgets { def get(name: String): String = parameters.getOrElse(name, throw new NoSuchElementException(name)) }
  object notebook { def getContext(): FakeContext = new FakeContext(host, token) }
}
class FakeContext(val apiUrl: Option[String], val apiToken: Option[String])

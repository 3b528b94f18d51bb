package notebookreleases.testkit

import java.time.Instant
import org.scalatest.{Args, Canceled, Failed, Outcome, Pending, Status, Succeeded, TestSuite, TestSuiteMixin}
import scala.collection.mutable
import scala.util.control.NonFatal

/**
 * Records each test of a ScalaTest suite, and logs the records to the deployment's MLflow run when the suite has ended:
 * {{{
 * class ForecastTests extends AnyFunSuite with TestTracker {
 *   override def testSuiteName = "forecast"
 *   test("no bias") { … }
 * }
 * NotebookTests.run(dbutils, new ForecastTests)
 * }}}
 * What is recorded, and under which names it is logged: testkit/README.md. Suites whose tests run in instances of their own
 * (`OneInstancePerTest`, `ParallelTestExecution`) and asynchronous ones are not tracked.
 */
trait TestTracker extends TestSuiteMixin { this: TestSuite =>

  private val recorded = mutable.ArrayBuffer.empty[TestRun]
  private val defaultName = Names.unique(TestTracker.plainName(getClass))
  private val said = new ThreadLocal[String]
  private var logged = 0
  private var aborted: Option[String] = None
  private var run: Option[MlflowRun] = None
  private[testkit] var ended = false
  private[testkit] var loggingProblem: Option[Throwable] = None

  /** Begins all names in MLflow. Default: the class's name, made unique; give it one of your own to follow a test over deployments. */
  def testSuiteName: String = defaultName

  /** Names of the environment variables to record with each test. Never choose one with a secret. Default: none. */
  def environmentVariables: Seq[String] = Nil

  /** The run to log to. Default: what [[NotebookTests]] was given, else the environment's; without one, nothing is logged. */
  def mlflowRun: Option[MlflowRun] = synchronized(run).orElse(MlflowRun.fromEnvironment)

  /** Every attempt of every test, in the order of their ends. */
  def testRuns: Seq[TestRun] = recorded.synchronized(recorded.toList)

  /** Of each test the last attempt: a test that passed on a retry has passed. */
  def lastAttempts: Seq[TestRun] = {
    val runs = testRuns
    val last = runs.map(test => test.name -> test).toMap
    runs.map(_.name).distinct.map(last)
  }

  /** Whether the last attempt of every test passed; true for none. Canceled and pending tests have not passed. */
  def AllTestsPassed(): Boolean =
    abortReason.isEmpty && lastAttempts.forall(_.outcome == TestOutcome.Passed)

  /** Whether a test's last attempt failed, or the suite did not come to its end. */
  def anyTestFailed: Boolean = abortReason.nonEmpty || lastAttempts.exists(_.outcome == TestOutcome.Failed)

  /** `forecast: 3 tests in 1.24 s: 2 passed, 1 Failed`. */
  def summary: String = {
    val runs = lastAttempts
    val counts = TestTracker.counts(runs)
    val seconds = testRuns.map(_.duration).sum
    val plural = if (runs.size == 1) "" else "s"
    val told = if (counts.isEmpty) "none ran" else counts
    val why = abortReason.map(reason => s", $reason").getOrElse("")
    s"$testSuiteName: ${runs.size} test$plural in ${TestTracker.seconds(seconds)} s: $told$why"
  }

  /** To be called in a test that passes: what MLflow gets as its result in the place of `passed`. */
  protected def testResult(text: String): Unit = said.set(text)

  private[testkit] def abortReason: Option[String] = synchronized(aborted)
  private[testkit] def logTo(target: Option[MlflowRun]): Unit = synchronized { run = target }

  abstract override def withFixture(test: NoArgTest): Outcome = {
    said.remove()
    val startTime = Instant.now()
    val begun = System.nanoTime()
    def record(outcome: TestOutcome, exception: Option[Throwable]): Unit = {
      val duration = (System.nanoTime() - begun) / 1e9
      val environment = environmentVariables.map(name => name -> sys.env.get(name)).toMap
      val result = Option(said.get)
      recorded.synchronized {
        recorded += TestRun(test.name, startTime, duration, outcome, exception, environment, result)
      }
      ()
    }
    try {
      val outcome = super.withFixture(test)
      outcome match {
        case Succeeded           => record(TestOutcome.Passed, None)
        case Failed(exception)   => record(TestOutcome.Failed, Some(exception))
        case Canceled(exception) => record(TestOutcome.Canceled, Some(exception))
        case Pending             => record(TestOutcome.Pending, None)
      }
      outcome
    } catch {
      // ScalaTest lets pass what shall end the whole suite: errors of the JVM.
      case fatal: Throwable =>
        record(TestOutcome.Failed, Some(fatal))
        throw fatal
    } finally said.remove()
  }

  abstract override def run(testName: Option[String], args: Args): Status =
    try {
      val status = super.run(testName, args)
      status.waitUntilCompleted()
      if (!status.succeeds() && !lastAttempts.exists(_.outcome == TestOutcome.Failed)) abort("the suite was aborted")
      status
    } catch {
      case thrown: Throwable =>
        abort(s"the suite was aborted by ${thrown.getClass.getSimpleName}: ${thrown.getMessage}")
        throw thrown
    } finally {
      ended = true
      log()
    }

  private def abort(reason: String): Unit = synchronized { aborted = Some(reason) }

  /** Logs what was not logged before, and says where. A failure is said and kept, because the tests' results stand. */
  private def log(): Unit = {
    println(summary)
    val all = testRuns
    val fresh = all.drop(logged)
    mlflowRun match {
      case None => println(s"$testSuiteName: no run id, so nothing is logged to MLflow")
      case Some(_) if logged > 0 && fresh.isEmpty => ()
      case Some(target) =>
        try {
          tell(target, SuiteLog.log(target, testSuiteName, fresh, AllTestsPassed()))
          logged = all.size
          loggingProblem = None
        } catch {
          case NonFatal(error) =>
            loggingProblem = Some(error)
            println(s"$testSuiteName: ${fresh.size} results could not be logged to $target: ${error.getMessage}")
        }
    }
  }

  private def tell(target: MlflowRun, result: SuiteLog.Logged): Unit = {
    println(s"$testSuiteName: logged to MLflow run ${target.runId}; everything is in ${result.artifact}")
    if (result.leftOut > 0 || result.parameter.isEmpty) {
      val verdict = if (result.parameter.isEmpty) " and AllTestsPassed" else ""
      println(
        s"$testSuiteName: the run's parameters are full (1,600, some kept for the deployment): " +
          s"${result.leftOut} results$verdict are in ${result.artifact} only"
      )
    }
  }
}

private object TestTracker {
  /** Without what the compiler, or a notebook's interpreter, puts around it. */
  def plainName(of: Class[_]): String =
    of.getName.stripSuffix("$").split("[.$]").filter(part => part.nonEmpty && part != "iw").lastOption.getOrElse("Suite")

  def seconds(value: Double): String = "%.2f".formatLocal(java.util.Locale.ROOT, value)

  /** `2 passed, 1 canceled`; empty for no tests. */
  def counts(runs: Seq[TestRun]): String =
    TestOutcome.all
      .map(outcome => runs.count(_.outcome == outcome) -> outcome.word)
      .collect { case (count, word) if count > 0 => s"$count $word" }
      .mkString(", ")
}

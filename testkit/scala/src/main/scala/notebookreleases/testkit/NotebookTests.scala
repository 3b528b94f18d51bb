package notebookreleases.testkit

/** Tests failed; the message names them. */
final class TestsFailed(message: String) extends RuntimeException(message)

/** The tests passed, but their results could not be put into the MLflow run. */
final class LoggingFailed(message: String, cause: Throwable) extends RuntimeException(message, cause)

/** Runs suites inside a notebook. */
object NotebookTests {
  private val Named = 20

  /**
   * Runs the suites one after the other, prints ScalaTest's report, and logs to the run that the notebook received (its
   * parameter `run_id`; without one it only prints). Returns what a test notebook exits with: `passed`, or the counts where
   * tests were canceled or are pending, e.g. `2 passed, 1 canceled`.
   *
   * @param dbutils the notebook's
   * @throws TestsFailed with the names of the failed tests: it fails the notebook
   * @throws LoggingFailed if no test failed, but the results could not be logged
   */
  def run(dbutils: Any, suites: TestTracker*): String = {
    val target = MlflowRun.ofNotebook(dbutils)
    for (suite <- suites) {
      if (target.nonEmpty) suite.logTo(target)
      suite.asInstanceOf[org.scalatest.Suite].execute(color = false, durations = true)
    }
    val failed = suites.filter(suite => suite.anyTestFailed || !suite.ended)
    if (failed.nonEmpty) throw new TestsFailed(messageOf(failed))
    for (suite <- suites; problem <- suite.loggingProblem)
      throw new LoggingFailed(
        s"${suite.testSuiteName}: the results could not be logged to MLflow: ${problem.getMessage}",
        problem
      )
    if (suites.forall(_.AllTestsPassed())) "passed" else TestTracker.counts(suites.flatMap(_.lastAttempts))
  }

  private def messageOf(failed: Seq[TestTracker]): String = {
    val tests = failed.flatMap(_.lastAttempts).filter(_.outcome == TestOutcome.Failed)
    val lines = tests.take(Named).map { test =>
      s"  ${test.name}${test.problem.fold("")(text => s": ${text.split("\n").head}")}"
    }
    val more = if (tests.size > Named) Seq(s"  and ${tests.size - Named} more: see the report above") else Nil
    (failed.map(_.summary) ++ lines ++ more).mkString("\n")
  }
}

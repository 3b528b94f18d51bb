package notebookreleases.testkit

import java.io.{PrintWriter, StringWriter}
import java.time.Instant
import java.time.temporal.ChronoUnit

/** What became of a test; `word` is what MLflow gets. */
sealed abstract class TestOutcome(val name: String, val word: String) {
  override def toString: String = name
}

object TestOutcome {
  case object Passed extends TestOutcome("passed", "passed")

  /** The gate's word, so that one search finds both. */
  case object Failed extends TestOutcome("failed", "Failed")

  /** It could not be run here: `cancel`, `assume`. */
  case object Canceled extends TestOutcome("canceled", "canceled")

  /** Known to be unfinished. */
  case object Pending extends TestOutcome("pending", "pending")

  val all: Seq[TestOutcome] = Seq(Passed, Failed, Canceled, Pending)
}

/**
 * One attempt of one test; a test that was tried again has several. The fields are described in testkit/README.md.
 *
 * @param name as ScalaTest shows it, without the suite
 * @param duration seconds
 * @param exception what failed, canceled or suspended the test
 * @param environment the variables that the suite chose; none for one that was not set
 * @param result what a passed test says instead of `passed`
 */
final case class TestRun(
    name: String,
    startTime: Instant,
    duration: Double,
    outcome: TestOutcome,
    exception: Option[Throwable] = None,
    environment: Map[String, Option[String]] = Map.empty,
    result: Option[String] = None
) {

  /** What MLflow gets as the test's result, not yet cut. */
  def value: String = if (outcome == TestOutcome.Passed) result.getOrElse(outcome.word) else outcome.word

  /** `Type: message`. */
  def problem: Option[String] = exception.map { thrown =>
    val message = Option(thrown.getMessage)
    message.fold(thrown.getClass.getSimpleName)(text => s"${thrown.getClass.getSimpleName}: $text")
  }

  private[testkit] def json: Seq[(String, Json)] = Seq(
    "name" -> Json.Text(name),
    "start_time" -> Json.Text(TestRun.shown(startTime)),
    "duration" -> Json.Number(duration),
    "outcome" -> Json.Text(outcome.name),
    "result" -> Json.orNull(result),
    "exception" -> Json.orNull(problem),
    "trace" -> Json.orNull(exception.map(TestRun.trace)),
    "environment" -> Json.Object(environment.toSeq.sortBy(_._1).map { case (key, value) => key -> Json.orNull(value) })
  )
}

private object TestRun {
  /** UTC with three digits of a second, always. */
  def shown(moment: Instant): String =
    java.time.format.DateTimeFormatter
      .ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
      .withZone(java.time.ZoneOffset.UTC)
      .format(moment.truncatedTo(ChronoUnit.MILLIS))

  def trace(thrown: Throwable): String = {
    val text = new StringWriter
    thrown.printStackTrace(new PrintWriter(text, true))
    text.toString
  }
}

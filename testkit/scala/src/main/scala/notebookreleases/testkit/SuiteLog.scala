package notebookreleases.testkit

import scala.collection.mutable

/** Puts a suite's records into an MLflow run: in few requests, within Databricks' limits, without touching the run's status. */
private[testkit] object SuiteLog {

  /** Databricks: "MLflow resource limits". The difference is left to the deployment's own parameters and other suites. */
  val RunParameters = 1600
  val SuiteParameters = 1500
  val BatchParameters = 100
  val BatchItems = 1000

  /** How often other names are chosen because somebody else logs to the same run at the same time. */
  val Attempts = 5

  /**
   * What came of it.
   *
   * @param artifact `testkit/<suite>.json` in the run
   * @param parameter `<suite>_AllTestsPassed`, or with a number; none where the run was full
   * @param leftOut how many tests' results are in the artifact only
   */
  final case class Logged(artifact: String, parameter: Option[String], leftOut: Int)

  private final class Entry(val wanted: String, val value: String, val test: Option[TestRun], var fits: Boolean = true) {
    var name: String = wanted
    var number: Int = 1
    def parameters: Int = if (fits) 1 else 0
    def items: Int = parameters + test.size
  }

  private final class Taken(var parameters: Map[String, String], var metrics: Set[String]) {
    def choose(entry: Entry): Unit = {
      val (name, number) = Names.free(entry.wanted, parameters.contains, metrics)
      entry.name = name
      entry.number = number
      parameters += name -> Names.cut(entry.value)
    }
  }

  /** Logs all tests of a suite. Throws [[MlflowException]]. */
  def log(
      run: MlflowRun,
      suite: String,
      tests: Seq[TestRun],
      allPassed: Boolean,
      limit: Int = SuiteParameters,
      api: MlflowRun => MlflowApi = new MlflowApi(_)
  ): Logged = {
    val client = api(run)
    val before = client.read()
    val taken = takenIn(before)
    val room = math.max(0, limit - taken.parameters.size)
    // It may use what is left to others: one parameter that says how it ended.
    val verdictFits = taken.parameters.size < RunParameters
    val verdict = new Entry(Names.legal(s"${suite}_AllTestsPassed"), allPassed.toString, None, verdictFits)
    taken.choose(verdict)
    val entries = tests.map(test => new Entry(Names.legal(s"${suite}_${test.name}"), test.value, Some(test)))
    entries.foreach(taken.choose)
    // Where not all fit, what failed is what people look for.
    val (failed, others) = entries.partition(_.test.exists(_.outcome == TestOutcome.Failed))
    val byImportance = failed ++ others
    byImportance.drop(math.max(0, room - 1)).foreach(_.fits = false)
    batches(verdict +: byImportance).foreach(send(client, _, taken))
    val suffix =
      if (!verdict.fits) Names.unique("")
      else if (verdict.number > 1) s"_${verdict.number}"
      else ""
    val logged = Logged(
      s"testkit/${Names.legal(suite)}$suffix.json",
      if (verdict.fits) Some(verdict.name) else None,
      entries.count(!_.fits)
    )
    val content = contentOf(run, suite, allPassed, logged, entries)
    client.logText(logged.artifact, content.toString, before("info")("artifact_uri").text.getOrElse(""))
    logged
  }

  private def contentOf(run: MlflowRun, suite: String, allPassed: Boolean, logged: Logged, entries: Seq[Entry]): Json =
    Json.Object(
      Seq(
        "suite" -> Json.Text(suite),
        "all_tests_passed" -> Json.Bool(allPassed),
        "all_tests_passed_parameter" -> Json.orNull(logged.parameter),
        "run_id" -> Json.Text(run.runId),
        "testkit" -> Json.Object(Seq("language" -> Json.Text("scala"), "version" -> Json.Text(Version))),
        "tests" -> Json.Array(for (entry <- entries; test <- entry.test) yield {
          val names = Seq(
            "parameter" -> (if (entry.fits) Json.Text(entry.name) else Json.Null),
            "metric" -> Json.Text(s"${entry.name}_dur")
          )
          Json.Object(test.json ++ names)
        })
      )
    )

  val Version = "0.1.0"

  private def takenIn(run: Json): Taken = {
    val data = run("data")
    val parameters = data("params").items.flatMap(one => one("key").text.map(_ -> one("value").text.getOrElse("")))
    new Taken(parameters.toMap, data("metrics").items.flatMap(_("key").text).toSet)
  }

  /** As few requests as the limits allow: 100 parameters each, 1,000 items with the metrics. */
  private def batches(entries: Seq[Entry]): Seq[Seq[Entry]] = {
    val done = Seq.newBuilder[Seq[Entry]]
    val batch = mutable.ArrayBuffer.empty[Entry]
    for (entry <- entries) {
      val full = batch.map(_.parameters).sum + entry.parameters > BatchParameters ||
        batch.map(_.items).sum + entry.items > BatchItems
      if (full) {
        done += batch.toList
        batch.clear()
      }
      batch += entry
    }
    done += batch.toList
    done.result()
  }

  /** One batch. Where another test logged one of its names since they were read, other names are chosen. */
  private def send(client: MlflowApi, batch: Seq[Entry], taken: Taken, attempt: Int = 1): Unit = {
    val params = batch.filter(_.fits).map(entry => entry.name -> Names.cut(entry.value))
    val metrics = for (entry <- batch; test <- entry.test)
      yield (s"${entry.name}_dur", test.duration, test.startTime.toEpochMilli)
    if (params.nonEmpty || metrics.nonEmpty)
      try client.logBatch(params, metrics)
      catch {
        case refused: MlflowException
            if refused.code == "INVALID_PARAMETER_VALUE" && attempt < Attempts &&
              rename(batch, takenIn(client.read()), taken) =>
          send(client, batch, taken, attempt + 1)
      }
  }

  /**
   * New names for what the run holds with another value; false if there is nothing like that. A parameter with our value
   * may be ours, from a request that was carried out in part: it keeps its name.
   */
  private def rename(batch: Seq[Entry], now: Taken, taken: Taken): Boolean = {
    taken.metrics ++= now.metrics
    val conflicts = batch.filter { entry =>
      val ours = Names.cut(entry.value)
      entry.fits && now.parameters.getOrElse(entry.name, ours) != ours
    }
    taken.parameters ++= now.parameters
    conflicts.foreach(taken.choose)
    conflicts.nonEmpty
  }
}

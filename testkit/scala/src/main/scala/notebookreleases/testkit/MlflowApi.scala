package notebookreleases.testkit

import java.io.IOException
import java.net.URI
import java.net.http.{HttpClient, HttpRequest, HttpResponse}
import java.net.http.HttpRequest.BodyPublishers
import java.nio.charset.StandardCharsets.UTF_8
import java.time.Duration
import scala.util.Try

/** MLflow refused a request, or did not answer. `code` is its `error_code`, empty where there was none. */
final class MlflowException(val status: Int, val code: String, message: String) extends RuntimeException(message)

/** The few calls that a suite needs. API: https://docs.databricks.com/api/workspace/experiments. */
private[testkit] final class MlflowApi(run: MlflowRun, pause: Long => Unit = Thread.sleep(_)) {
  import MlflowApi._

  // Not HTTP/2, which asks a plain-text server for an upgrade first; proxies stumble over that.
  private val client =
    HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Timeout).build()

  /** The run's data: `params`, `metrics`, `info`. */
  def read(): Json = call("GET", s"/api/2.0/mlflow/runs/get?run_id=${encoded(run.runId)}", None)("run")

  def logBatch(params: Seq[(String, String)], metrics: Seq[(String, Double, Long)]): Unit = {
    val body = Json.Object(
      Seq(
        "run_id" -> Json.Text(run.runId),
        "params" -> Json.Array(params.map { case (key, value) =>
          Json.Object(Seq("key" -> Json.Text(key), "value" -> Json.Text(value)))
        }),
        "metrics" -> Json.Array(metrics.map { case (key, value, moment) =>
          Json.Object(
            Seq(
              "key" -> Json.Text(key),
              "value" -> Json.Number(value),
              "timestamp" -> Json.Whole(moment),
              "step" -> Json.Whole(0)
            )
          )
        })
      )
    )
    call("POST", "/api/2.0/mlflow/runs/log-batch", Some(body))
    ()
  }

  /**
   * Sends a text as an artifact. Databricks gives out an address of the cloud's storage to send it to, as for its own
   * clients; MLflow's own server takes it itself, below the run's `artifact_uri`.
   */
  def logText(path: String, text: String, artifactUri: String): Unit = {
    val asked = Json.Object(Seq("run_id" -> Json.Text(run.runId), "path" -> Json.Array(Seq(Json.Text(path)))))
    val answer =
      try call("POST", "/api/2.0/mlflow/artifacts/credentials-for-write", Some(asked))
      catch {
        case refused: MlflowException if Set(404, 405, 501)(refused.status) && artifactUri.startsWith(OwnScheme) =>
          Json.Null
      }
    answer("credential_infos").items.headOption match {
      case Some(credential) => upload(path, text.getBytes(UTF_8), credential)
      case None if artifactUri.startsWith(OwnScheme) =>
        val root = artifactUri.stripPrefix(OwnScheme).dropWhile(_ == '/').stripSuffix("/")
        val place = s"$root/$path".split("/").map(encoded).mkString("/")
        val address = s"${run.host}/api/2.0/mlflow-artifacts/artifacts/$place"
        send(path, "PUT", address, text.getBytes(UTF_8), Seq("Authorization" -> s"Bearer ${run.token}"))
      case None => throw new MlflowException(200, "", s"MLflow gave no address to send the artifact $path to")
    }
  }

  private def upload(path: String, content: scala.Array[Byte], credential: Json): Unit = {
    val fixed = credential("headers").items.flatMap(header => header("name").text.zip(header("value").text))
    val address = credential("signed_uri").text.getOrElse("")
    def step(method: String, query: String, data: scala.Array[Byte], more: Seq[(String, String)]): Unit = {
      val separator = if (address.contains("?")) "&" else "?"
      send(path, method, if (query.isEmpty) address else s"$address$separator$query", data, fixed ++ more)
    }
    credential("type").text.getOrElse("") match {
      case "AWS_PRESIGNED_URL" | "GCP_SIGNED_URL" => step("PUT", "", content, Nil)
      case "AZURE_SAS_URI"                        => step("PUT", "", content, Seq("x-ms-blob-type" -> "BlockBlob"))
      case "AZURE_ADLS_GEN2_SAS_URI" =>
        step("PUT", "resource=file", scala.Array.empty, Nil)
        step("PATCH", "action=append&position=0", content, Nil)
        step("PATCH", s"action=flush&position=${content.length}", scala.Array.empty, Nil)
      case other => throw new MlflowException(200, "", s"artifacts are kept in storage of the unknown type $other")
    }
  }

  /** The address is a credential: it is in no message. */
  private def send(
      path: String,
      method: String,
      address: String,
      data: scala.Array[Byte],
      headers: Seq[(String, String)]
  ): Unit = {
    val request = HttpRequest.newBuilder(URI.create(address)).timeout(Timeout)
    headers.foreach { case (name, value) => request.header(name, value) }
    val answer =
      try client.send(request.method(method, BodyPublishers.ofByteArray(data)).build(), Text)
      catch {
        case error: IOException =>
          throw new MlflowException(0, "", s"the artifact $path was not sent: ${error.getClass.getSimpleName}")
      }
    if (answer.statusCode >= 300)
      throw new MlflowException(answer.statusCode, "", s"the artifact $path was not sent: HTTP ${answer.statusCode}")
  }

  /** All calls may be repeated: a parameter that is there with the same value, and a metric of the same moment, are accepted. */
  private def call(method: String, path: String, body: Option[Json], attempt: Int = 1): Json = {
    val request = HttpRequest
      .newBuilder(URI.create(run.host + path))
      .timeout(Timeout)
      .header("Authorization", s"Bearer ${run.token}")
      .header("Content-Type", "application/json")
      .method(method, body.fold(BodyPublishers.noBody())(json => BodyPublishers.ofString(json.toString)))
      .build()
    val answered: Either[String, HttpResponse[String]] =
      try Right(client.send(request, Text))
      catch { case error: IOException => Left(s"${error.getClass.getSimpleName}: ${error.getMessage}") }
    answered match {
      case Right(answer) if answer.statusCode < 300 => Json.parse(answer.body)
      case Right(answer) if attempt < Attempts && Set(429, 500, 502, 503, 504)(answer.statusCode) =>
        val asked = answer.headers.firstValue("Retry-After")
        val seconds = if (asked.isPresent) Try(asked.get.trim.toLong).toOption else None
        pause(math.min(seconds.map(_ * 1000).getOrElse(500L << attempt), LongestPauseMs))
        call(method, path, body, attempt + 1)
      case Left(_) if attempt < Attempts =>
        pause(500L << attempt)
        call(method, path, body, attempt + 1)
      case Left(why) => throw new MlflowException(0, "", s"${run.host} did not answer: $why")
      case Right(answer) =>
        val json = Try(Json.parse(answer.body)).getOrElse(Json.Null)
        val code = json("error_code").text.getOrElse("")
        val said = json("message").text.getOrElse("")
        val place = path.takeWhile(_ != '?')
        throw new MlflowException(
          answer.statusCode,
          code,
          s"$method $place: HTTP ${answer.statusCode} ${Seq(code, said).filter(_.nonEmpty).mkString(": ")}"
        )
    }
  }
}

private object MlflowApi {
  val Timeout: Duration = Duration.ofSeconds(60)
  val Attempts = 5
  val LongestPauseMs = 30000L
  val OwnScheme = "mlflow-artifacts:"
  val Text: HttpResponse.BodyHandler[String] = HttpResponse.BodyHandlers.ofString(UTF_8)

  def encoded(part: String): String = java.net.URLEncoder.encode(part, UTF_8.name).replace("+", "%20")
}

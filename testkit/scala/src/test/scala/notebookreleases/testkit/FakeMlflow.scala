package notebookreleases.testkit

import com.sun.net.httpserver.{HttpExchange, HttpServer}
import java.net.{InetAddress, InetSocketAddress}
import java.nio.charset.StandardCharsets.UTF_8
import scala.collection.mutable

/** MLflow's API with Databricks' limits, in this process. */
final class FakeMlflow(ownArtifacts: Boolean = false) {
  val token = "dapi-very-secret"
  val params = mutable.LinkedHashMap.empty[String, String]
  val metrics = mutable.LinkedHashMap.empty[String, (Double, Long)]
  val artifacts = mutable.Map.empty[String, Json]
  val requests = mutable.ArrayBuffer.empty[String]

  /** Called before a batch is looked at: another test may be quicker. */
  var beforeBatch: () => Unit = () => ()
  private val failures = mutable.Queue.empty[Int]

  private val server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress, 0), 0)
  server.createContext("/", exchange => answer(exchange))
  server.start()

  val host = s"http://127.0.0.1:${server.getAddress.getPort}"
  val run = new MlflowRun(host, token, "run1")

  def stop(): Unit = server.stop(0)
  def failNext(statuses: Int*): Unit = failures ++= statuses
  def artifact: Json = artifacts.values.head
  def test(name: String): Json = artifact("tests").items.find(_("name").text.contains(name)).get

  private def answer(exchange: HttpExchange): Unit = synchronized {
    val body = new String(exchange.getRequestBody.readAllBytes(), UTF_8)
    val path = exchange.getRequestURI.getPath
    requests += s"${exchange.getRequestMethod} $path"
    val permitted = path.startsWith("/signed/") || exchange.getRequestHeaders.getFirst("Authorization") == s"Bearer $token"
    val (status, text) =
      if (!permitted) (401, problem("UNAUTHENTICATED", "no token"))
      else if (failures.nonEmpty) (failures.dequeue(), problem("TEMPORARILY_UNAVAILABLE", "later"))
      else route(path, body)
    val bytes = text.getBytes(UTF_8)
    exchange.sendResponseHeaders(status, bytes.length.toLong)
    exchange.getResponseBody.write(bytes)
    exchange.close()
  }

  private def route(path: String, body: String): (Int, String) = path match {
    case "/api/2.0/mlflow/runs/get"       => (200, runJson.toString)
    case "/api/2.0/mlflow/runs/log-batch" => beforeBatch(); batch(Json.parse(body))
    case "/api/2.0/mlflow/artifacts/credentials-for-write" if !ownArtifacts =>
      val name = Json.parse(body)("path").items.head.text.get
      val credential = Seq(
        "path" -> Json.Text(name),
        "signed_uri" -> Json.Text(s"$host/signed/$name"),
        "type" -> Json.Text("AWS_PRESIGNED_URL")
      )
      (200, Json.Object(Seq("credential_infos" -> Json.Array(Seq(Json.Object(credential))))).toString)
    case signed if signed.startsWith("/signed/") => stored(signed.stripPrefix("/signed/"), body)
    case own if own.startsWith("/api/2.0/mlflow-artifacts/artifacts/7/run1/artifacts/") && ownArtifacts =>
      stored(own.stripPrefix("/api/2.0/mlflow-artifacts/artifacts/7/run1/artifacts/"), body)
    case _ => (404, problem("ENDPOINT_NOT_FOUND", path))
  }

  private def stored(name: String, body: String): (Int, String) = {
    artifacts(name) = Json.parse(body)
    (200, "{}")
  }

  private def runJson: Json = {
    val all = params.map { case (key, value) => Json.Object(Seq("key" -> Json.Text(key), "value" -> Json.Text(value))) }
    val numbers = metrics.keys.map(key => Json.Object(Seq("key" -> Json.Text(key), "value" -> Json.Number(1))))
    val data = Json.Object(Seq("params" -> Json.Array(all.toSeq), "metrics" -> Json.Array(numbers.toSeq)))
    val uri = if (ownArtifacts) "mlflow-artifacts:/7/run1/artifacts" else "dbfs:/databricks/mlflow-tracking/7/run1/artifacts"
    val info = Json.Object(Seq("artifact_uri" -> Json.Text(uri)))
    Json.Object(Seq("run" -> Json.Object(Seq("info" -> info, "data" -> data))))
  }

  private def batch(body: Json): (Int, String) = {
    val sent = body("params").items.map(one => one("key").text.get -> one("value").text.get)
    val numbers = body("metrics").items
    val wrong =
      if (sent.size > 100 || sent.size + numbers.size > 1000) Some("too many items")
      else if (sent.exists(_._2.getBytes(UTF_8).length > 500)) Some("a value is too long")
      else if ((params.keySet ++ sent.map(_._1)).size > 1600) Some("too many parameters")
      else sent.find { case (key, value) => params.get(key).exists(_ != value) }.map(one => s"${one._1} is immutable")
    wrong match {
      case Some(reason) => (400, problem("INVALID_PARAMETER_VALUE", reason))
      case None =>
        params ++= sent
        for (one <- numbers) {
          val value = one("value") match {
            case Json.Number(number) => number
            case Json.Whole(number)  => number.toDouble
            case other               => sys.error(s"no number: $other")
          }
          metrics(one("key").text.get) = (value, one("timestamp").asInstanceOf[Json.Whole].value)
        }
        (200, "{}")
    }
  }

  private def problem(code: String, message: String): String =
    Json.Object(Seq("error_code" -> Json.Text(code), "message" -> Json.Text(message))).toString
}

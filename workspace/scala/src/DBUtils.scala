package localworkspace

/** A widget was read that has neither a definition nor a parameter. */
final class InputWidgetNotDefined(message: String) extends NoSuchElementException(message)

/** A notebook started by `dbutils.notebook.run` failed, timed out or could not be started. */
final class WorkflowException(message: String) extends RuntimeException(message)

/** Ends the notebook; being a control throwable, no `case NonFatal(e)` and no `case e: Exception` of the notebook stops it. */
private[localworkspace] final class NotebookExit(val value: String)
    extends scala.util.control.ControlThrowable(value)

/** `dbutils` as Scala notebooks know it. Its widgets and secrets are those of the notebook's Python cells. */
final class DBUtils private[localworkspace] (wire: Wire, context: => NotebookContext) {
  val widgets = new WidgetsUtils(new Driver(wire))
  val secrets = new SecretUtils(new Driver(wire))
  val notebook = new NotebookUtils(new Driver(wire), context)
  val fs = new DbfsUtils(new Driver(wire))
}

/** Turns the driver's errors into the exceptions that Databricks throws. */
private[localworkspace] final class Driver(wire: Wire) {
  def ask(method: String, arguments: String*): List[String] =
    try wire.call(method, arguments: _*)
    catch {
      case failed: CallFailed =>
        throw (failed.kind match {
          case "InputWidgetNotDefined"      => new InputWidgetNotDefined(failed.getMessage)
          case "NotebookExecutionError"     => new WorkflowException(failed.getMessage)
          case "IllegalArgumentException"   => new IllegalArgumentException(failed.getMessage)
          case "FileNotFoundError"          => new java.io.FileNotFoundException(failed.getMessage)
          case "FileExistsError" | "OSError" | "IsADirectoryError" | "PermissionError" =>
            new java.io.IOException(failed.getMessage)
          case kind => new RuntimeException(s"$kind: ${failed.getMessage}")
        })
    }
}

final class WidgetsUtils private[localworkspace] (driver: Driver) {
  def get(name: String): String = driver.ask("widgets.get", name).head
  def getArgument(name: String): String = get(name)
  def getArgument(name: String, defaultValue: String): String =
    driver.ask("widgets.getArgument", name, defaultValue).head
  def getAll(): Map[String, String] = Pairs(driver.ask("widgets.getAll"))
  def text(name: String, defaultValue: String, label: String = ""): Unit =
    driver.ask("widgets.text", name, defaultValue)
  def dropdown(name: String, defaultValue: String, choices: Seq[String], label: String = ""): Unit =
    driver.ask("widgets.dropdown", name +: defaultValue +: choices: _*)
  def combobox(name: String, defaultValue: String, choices: Seq[String], label: String = ""): Unit =
    driver.ask("widgets.text", name, defaultValue)
  def multiselect(name: String, defaultValue: String, choices: Seq[String], label: String = ""): Unit =
    driver.ask("widgets.text", name, defaultValue)
  def remove(name: String): Unit = driver.ask("widgets.remove", name)
  def removeAll(): Unit = driver.ask("widgets.removeAll")
}

final case class SecretMetadata(key: String)
final case class SecretScope(name: String) { def getName(): String = name }

final class SecretUtils private[localworkspace] (driver: Driver) {
  def get(scope: String, key: String): String =
    new String(getBytes(scope, key), java.nio.charset.StandardCharsets.UTF_8)
  def getBytes(scope: String, key: String): Array[Byte] =
    java.util.Base64.getDecoder.decode(driver.ask("secrets.get", scope, key).head)
  def list(scope: String): Seq[SecretMetadata] = driver.ask("secrets.list", scope).map(SecretMetadata(_))
  def listScopes(): Seq[SecretScope] = driver.ask("secrets.listScopes").map(SecretScope(_))
}

final class NotebookUtils private[localworkspace] (driver: Driver, context: => NotebookContext) {
  def exit(value: String): Nothing = throw new NotebookExit(value)

  /** Another notebook as a run of its own; returns its exit value, `null` where it gave none. 0 seconds is no limit. */
  def run(path: String, timeoutSeconds: Int = 0, arguments: collection.Map[String, String] = Map.empty): String = {
    val pairs = arguments.toSeq.flatMap { case (name, value) => Seq(name, value) }
    driver.ask("notebook.run", path +: timeoutSeconds.toString +: pairs: _*).headOption.orNull
  }

  def getContext(): NotebookContext = context
}

final case class RunId(id: Long) { override def toString: String = s"RunId($id)" }

/** What `dbutils.notebook.getContext` tells of the run. */
final class NotebookContext private[localworkspace] (values: Map[String, String]) {
  val notebookPath: Option[String] = values.get("path")
  val apiUrl: Option[String] = values.get("host")
  val apiToken: Option[String] = values.get("token")
  val browserHostName: Option[String] = apiUrl.map(_.replaceFirst("^.*://", ""))
  val workspaceId: Option[String] = values.get("workspace_id")
  val userName: Option[String] = values.get("user")
  val currentRunId: Option[RunId] = values.get("run_id").map(id => RunId(id.toLong))
  val jobId: Option[String] = values.get("job_id")
  val tags: Map[String, String] = Map(
    "jobId" -> values.getOrElse("job_id", ""),
    "runId" -> values.getOrElse("run_id", ""),
    "multitaskParentRunId" -> values.getOrElse("parent_run_id", ""),
    "taskKey" -> values.getOrElse("task_key", ""),
    "orgId" -> values.getOrElse("workspace_id", ""),
    "user" -> values.getOrElse("user", ""),
  )

  /** Without the token. */
  override def toString: String = s"NotebookContext(${notebookPath.getOrElse("")}, run ${currentRunId.getOrElse("")})"
}

/** `size` in bytes (0 for a folder), `modificationTime` in milliseconds since 1970. */
final case class FileInfo(path: String, name: String, size: Long, modificationTime: Long) {
  def isDir: Boolean = name.endsWith("/")
  def isFile: Boolean = !isDir
}

final class DbfsUtils private[localworkspace] (driver: Driver) {
  def ls(dir: String): Seq[FileInfo] =
    driver.ask("fs.ls", dir).grouped(4).map { file =>
      FileInfo(file(0), file(1), file(2).toLong, file(3).toLong)
    }.toList
  def head(file: String, maxBytes: Int = 65536): String = driver.ask("fs.head", file, maxBytes.toString).head
  def put(file: String, contents: String, overwrite: Boolean = false): Boolean =
    done("fs.put", file, contents, overwrite.toString)
  def mkdirs(dir: String): Boolean = done("fs.mkdirs", dir)
  def cp(from: String, to: String, recurse: Boolean = false): Boolean = done("fs.cp", from, to, recurse.toString)
  def mv(from: String, to: String, recurse: Boolean = false): Boolean = done("fs.mv", from, to, recurse.toString)
  def rm(dir: String, recurse: Boolean = false): Boolean = done("fs.rm", dir, recurse.toString)

  private def done(method: String, arguments: String*): Boolean = driver.ask(method, arguments: _*).head.toBoolean
}

private[localworkspace] object Pairs {
  def apply(flat: List[String]): Map[String, String] = flat.grouped(2).collect { case List(name, value) => name -> value }.toMap
}

package notebookreleases.testkit

import scala.util.Try

/**
 * The MLflow run to log to, and how to reach it.
 *
 * @param host the workspace's address, `https://…`
 */
final class MlflowRun(val host: String, private[testkit] val token: String, val runId: String) {

  /** Without the token. */
  override def toString: String = s"MLflow run $runId on $host"
}

object MlflowRun {

  /**
   * The run that a test notebook received: its parameter `run_id`, and the workspace of its context, else of
   * `DATABRICKS_HOST` and `DATABRICKS_TOKEN`. None where the notebook was started without one. `dbutils` is taken as it
   * is and asked by reflection, because there is no public artifact with all of its methods to compile a jar with.
   *
   * @param parameter the notebook's parameter that holds the run's id
   * @throws IllegalStateException if there is a run id, but no address or token
   */
  def ofNotebook(dbutils: Any, parameter: String = "run_id"): Option[MlflowRun] =
    ofNotebook(dbutils, parameter, variable)

  private[testkit] def ofNotebook(
      dbutils: Any,
      parameter: String,
      variable: String => Option[String]
  ): Option[MlflowRun] = {
    val runId = tried(ask(dbutils, "widgets").flatMap(ask(_, "get", parameter))).map(_.toString).filter(_.nonEmpty)
    // Compute that several users share may refuse the context to a notebook.
    val context = tried(ask(dbutils, "notebook").flatMap(ask(_, "getContext")))
    def known(name: String, instead: String): Option[String] =
      context.flatMap(of => tried(ask(of, name))).flatMap(option).map(_.toString).orElse(variable(instead))
    runId.map { id =>
      val run = for {
        host <- known("apiUrl", "DATABRICKS_HOST")
        token <- known("apiToken", "DATABRICKS_TOKEN")
        run <- of(host, token, id)
      } yield run
      run.getOrElse(
        throw new IllegalStateException(
          s"The notebook is to log to the MLflow run $id, but its context gives no address or no token: " +
            "set DATABRICKS_HOST and DATABRICKS_TOKEN on its compute"
        )
      )
    }
  }

  /** From `DATABRICKS_HOST`, `DATABRICKS_TOKEN` and `MLFLOW_RUN_ID`; none where one of them is missing. */
  def fromEnvironment: Option[MlflowRun] = fromEnvironment(variable)

  private[testkit] def fromEnvironment(variable: String => Option[String]): Option[MlflowRun] =
    for {
      host <- variable("DATABRICKS_HOST")
      token <- variable("DATABRICKS_TOKEN")
      runId <- variable("MLFLOW_RUN_ID")
      run <- of(host, token, runId)
    } yield run

  private def of(host: String, token: String, runId: String): Option[MlflowRun] =
    if (runId.isEmpty || host.isEmpty) None
    else Some(new MlflowRun((if (host.contains("://")) host else s"https://$host").stripSuffix("/"), token, runId))

  private def variable(name: String): Option[String] = sys.env.get(name).filter(_.nonEmpty)

  private def tried(work: => Option[AnyRef]): Option[AnyRef] = Try(work).toOption.flatten

  private def option(value: AnyRef): Option[AnyRef] = value match {
    case Some(inner: AnyRef) => Some(inner)
    case _                   => None
  }

  /** Calls a public method with these strings; none where there is no such method, or where it gave nothing. */
  private def ask(target: Any, name: String, arguments: String*): Option[AnyRef] = {
    val methods = target.getClass.getMethods.filter { method =>
      method.getName == name && method.getParameterCount == arguments.length &&
      method.getParameterTypes.forall(_ == classOf[String])
    }
    methods.headOption.flatMap { method =>
      method.setAccessible(true)
      Option(method.invoke(target, arguments: _*))
    }
  }
}

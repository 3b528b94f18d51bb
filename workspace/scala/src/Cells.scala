package localworkspace

import scala.language.dynamics

/** The names that every cell sees, by an import that comes before the first one. One JVM runs one notebook, so there is one set. */
object Cells {
  @volatile private[localworkspace] var wire: Wire = _
  @volatile private[localworkspace] var context: NotebookContext = _

  lazy val dbutils: DBUtils = new DBUtils(wire, context)

  /** A value as text, for the log and the export. */
  def display(value: Any): Unit = shown(scala.runtime.ScalaRunTime.stringOf(value) + "\n", "")
  def displayHTML(html: String): Unit = shown("", html)
  def getArgument(name: String): String = dbutils.widgets.getArgument(name)
  def getArgument(name: String, defaultValue: String): String = dbutils.widgets.getArgument(name, defaultValue)

  val spark: NoSpark = new NoSpark("spark")
  val sc: NoSpark = new NoSpark("sc")
  val sqlContext: NoSpark = new NoSpark("sqlContext")
  def sql(text: String): Nothing = spark.refuse()
  def table(name: String): Nothing = spark.refuse()

  private def shown(text: String, html: String): Unit = {
    System.out.flush()
    System.err.flush()
    wire.send("display", text, html)
  }
}

/** In the place of Spark: whatever is called says why there is none, and what to do. */
final class NoSpark private[localworkspace] (name: String) extends Dynamic {
  /** `import spark.implicits._` does no harm. */
  object implicits

  def selectDynamic(member: String): NoSpark = refuse()
  def applyDynamic(member: String)(arguments: Any*): NoSpark = refuse()
  def applyDynamicNamed(member: String)(arguments: (String, Any)*): NoSpark = refuse()

  def refuse(): Nothing = throw new UnsupportedOperationException(NoSpark.message(name))
  override def toString: String = s"$name: not available"
}

object NoSpark {
  def message(name: String): String =
    s"$name: Spark is not available in Scala cells of the local workspace. Use a %sql or %python cell, or run the notebook on Databricks."
}

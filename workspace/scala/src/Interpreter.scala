package localworkspace

import java.io.{PrintWriter, StringWriter}
import scala.collection.mutable
import scala.reflect.internal.util.{CodeAction, NoPosition, Position}
import scala.tools.nsc.Settings
import scala.tools.nsc.interpreter.{IMain, Results}
import scala.tools.nsc.interpreter.shell.{ReplReporterImpl, ShellConfig}

/** How a cell ended. */
sealed trait Outcome
object Outcome {
  case object Success extends Outcome
  final case class Exit(value: String) extends Outcome
  final case class Failed(name: String, message: String, trace: String) extends Outcome
}

/**
 * The Scala compiler's interpreter, a cell at a time. `print` takes what the compiler has to say of values and warnings.
 * Jars are given at the start: the compiler's way to add some later fails on paths with a space.
 */
final class Interpreter(print: String => Unit, jars: Seq[String] = Nil) {
  private val settings = {
    val made = new Settings(message => System.err.println(message))
    made.usejavacp.value = true
    made.classpath.value = jars.mkString(java.io.File.pathSeparator)
    // With the wrappers as classes, a lambda of a cell works in another thread while the cell still runs.
    made.processArgumentString("-Yrepl-class-based")
    made
  }
  private val reporter = new CellReporter(settings)
  private val compiler = new IMain(settings, reporter)
  /** Which cell the interpreter's packages `$line1`, `$line2`, … are. */
  private val labels = mutable.Map.empty[String, String]

  /** Makes the names of [[Cells]] known and warms the compiler up. */
  def prepare(): Unit = {
    compiler.initializeCompiler()
    run("import localworkspace.Cells._", "") match {
      case Outcome.Success => ()
      case other           => throw new IllegalStateException(s"The interpreter cannot start: $other")
    }
  }

  /** Runs a cell; `label` names it in errors. */
  def run(source: String, label: String): Outcome = {
    reporter.begin()
    compiler.compile(source, synthetic = false) match {
      case Left(_) if onlyComments(source) => Outcome.Success
      case Left(result) =>
        val said = reporter.take()
        val text =
          if (result == Results.Incomplete) "error: the cell ends in the middle of a statement: a bracket or a quote is not closed\n"
          else if (said.isEmpty) "error: the cell could not be compiled\n"
          else said
        compileError(text, label)
      case Right(request) =>
        labels(request.lineRep.packageName) = label
        try {
          val values = compiler.classLoader.asContext(String.valueOf(request.lineRep.call("\u0024print")))
          compiler.recordRequest(request)
          val text = reporter.take() + reporter.clean(values)
          if (label.nonEmpty && text.nonEmpty) print(if (text.endsWith("\n")) text else text + "\n")
          Outcome.Success
        } catch { case thrown: Throwable => failure(causeOf(thrown)) }
    }
  }

  /** The exception itself, out of those of reflection and of class initialisers around it. */
  private def causeOf(thrown: Throwable): Throwable = thrown match {
    case wrapper @ (_: java.lang.reflect.InvocationTargetException | _: ExceptionInInitializerError)
        if wrapper.getCause != null =>
      causeOf(wrapper.getCause)
    case other => other
  }

  private def failure(thrown: Throwable): Outcome = thrown match {
    case exit: NotebookExit => Outcome.Exit(exit.value)
    case other =>
      val message = Option(other.getMessage).getOrElse("")
      Outcome.Failed(name(other.getClass.getName), message, Traces.of(other, name, place))
  }

  private def compileError(text: String, label: String): Outcome = {
    val shown = text.trim.linesIterator.toList
    val hint =
      if (text.contains("object apache is not a member of package org")) "\n" + NoSpark.message("org.apache.spark") else ""
    Outcome.Failed("CompileError", shown.head + hint, s"$label\n${shown.mkString("\n")}$hint")
  }

  private def onlyComments(source: String): Boolean =
    source.replaceAll("(?s)/\\*.*?\\*/", "").linesIterator.forall(line => line.isBlank || line.trim.startsWith("//"))

  /** `$line7.$read$$iw$Model` is the notebook's `Model`. */
  private def name(className: String): String =
    className.replaceAll("^\\$line\\d+\\.\\$read(\\$\\$iw)*[.$]?", "")

  private def place(frame: StackTraceElement): Option[String] =
    "^\\$line\\d+".r.findFirstIn(frame.getClassName).map { line =>
      val label = labels.getOrElse(line, "another cell")
      s"$label, line ${frame.getLineNumber}"
    }
}

/** Keeps what the compiler says of a cell, with lines as the cell counts them. */
private final class CellReporter(settings: Settings)
    extends ReplReporterImpl(ShellConfig(settings), settings, new PrintWriter(new StringWriter)) {
  private val said = new StringBuilder

  def begin(): Unit = said.clear()
  def take(): String = { val text = said.toString; said.clear(); text }
  def clean(text: String): String = unmangleInterpreterOutput(text)

  override def doReport(at: Position, message: String, severity: Severity, actions: List[CodeAction]): Unit =
    if (severity != INFO) {
      val position = if (at eq null) NoPosition else at.finalPosition
      val kind = if (severity == ERROR) "error" else "warning"
      val where = if (position.isDefined) s"line ${position.line}: " else ""
      said ++= s"$where$kind: ${unmangleInterpreterOutput(message)}\n"
      if (position.isDefined) said ++= s"${position.lineContent}\n${" " * (position.column - 1)}^\n"
    }

  override def printResult(result: Either[String, String]): Unit = ()
}

private object Traces {
  /** An exception as Java prints it, without the interpreter's frames, with the notebook's by cell and line. */
  def of(thrown: Throwable, name: String => String, place: StackTraceElement => Option[String]): String = {
    val text = new StringBuilder
    var next = Option(thrown)
    var depth = 0
    while (next.isDefined && depth < 20) {
      val current = next.get
      if (depth > 0) text ++= "Caused by: "
      text ++= name(current.getClass.getName)
      if (current.getMessage != null) text ++= s": ${current.getMessage}"
      text ++= "\n"
      for (frame <- current.getStackTrace.takeWhile(!ours(_)))
        text ++= (place(frame) match {
          case Some(where) => s"  at ${(name(frame.getClassName) :: frame.getMethodName :: Nil).filter(_.nonEmpty).mkString(".")} ($where)\n"
          case None        => s"  at $frame\n"
        })
      depth += 1
      next = Option(current.getCause).filter(_ ne current)
    }
    text.toString
  }

  /** Where the notebook ends and the interpreter begins. */
  private def ours(frame: StackTraceElement): Boolean =
    frame.getClassName.matches("\\$line\\d+\\.\\$eval.*") || frame.getClassName == "localworkspace.Interpreter"
}

package localworkspace

import java.io.{ByteArrayOutputStream, FileInputStream, FileOutputStream, OutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.LinkedBlockingQueue

/**
 * Runs the Scala cells of one notebook: `Main COMMANDS EVENTS`, two numbers of open descriptors. It prepares the
 * interpreter at once, so that one that was started ahead only has to wait for its notebook, and ends when the driver does.
 */
object Main {
  def main(arguments: Array[String]): Unit = arguments match {
    case Array("--train")         => train()
    case Array(commands, events) =>
      serve(new Wire(new FileInputStream(s"/dev/fd/$commands"), new FileOutputStream(s"/dev/fd/$events")))
    case _ =>
      System.err.println("Usage: Main COMMANDS EVENTS")
      System.exit(2)
  }

  private def serve(wire: Wire): Unit = {
    val stdout = new Output(wire, "stdout")
    val stderr = new Output(wire, "stderr")
    System.setOut(new PrintStream(stdout, true, UTF_8))
    System.setErr(new PrintStream(stderr, true, UTF_8))
    Cells.wire = wire
    val commands = new LinkedBlockingQueue[List[String]]
    listen(wire, commands)
    var interpreter = prepared(Nil)
    while (true) commands.take() match {
      case "begin" :: jars :: values =>
        Cells.context = new NotebookContext(Pairs(values))
        // The first one was not in vain: the second starts in a small part of its time.
        if (jars.nonEmpty) interpreter = prepared(jars.linesIterator.toSeq)
      case "cell" :: label :: source :: Nil =>
        val outcome = interpreter.run(source, label)
        System.out.flush()
        System.err.flush()
        outcome match {
          case Outcome.Success                      => wire.send("done", "success")
          case Outcome.Exit(value)                  => wire.send("done", "exit", value)
          case Outcome.Failed(name, message, trace) => wire.send("done", "failed", name, message, trace)
        }
      case other => throw new IllegalStateException(s"Unknown command ${other.headOption}")
    }
  }

  private def prepared(jars: Seq[String]): Interpreter = {
    val interpreter = new Interpreter(text => System.out.print(text), jars)
    interpreter.prepare()
    interpreter
  }

  private def listen(wire: Wire, commands: LinkedBlockingQueue[List[String]]): Unit = {
    val reader = new Thread(() => {
      var open = true
      while (open) wire.receive() match {
        case Some("answer" :: id :: values) => wire.answered(id, values)
        case Some(command)                  => commands.put(command)
        case None                           => open = false
      }
      Runtime.getRuntime.halt(0)
    }, "commands")
    reader.setDaemon(true)
    reader.start()
  }

  /** Loads what notebooks commonly use, for the archive of classes that set-up makes. */
  private def train(): Unit = {
    val interpreter = new Interpreter(text => Console.print(text))
    interpreter.prepare()
    val cells = Seq(
      "val numbers = Seq(1, 2, 3).map(_ * 2)",
      "case class P(x: Int)\nobject P { def zero = P(0) }\nP.zero",
      "import org.scalatest.funsuite.AnyFunSuite\nclass S extends AnyFunSuite {\n  test(\"a\") { assert(1 == 1) }\n  test(\"b\") { cancel(\"c\") }\n}\n(new S).execute(color = false)",
      "val wrong: Int = undefined",
      "sys.error(\"trained\")",
    )
    cells.zipWithIndex.foreach { case (cell, index) => interpreter.run(cell, s"cell $index") }
    java.net.http.HttpClient.newHttpClient()
    System.exit(0)
  }
}

/** Standard output or error of the notebook: sent line by line, or as soon as somebody flushes. */
private final class Output(wire: Wire, stream: String) extends OutputStream {
  private val kept = new ByteArrayOutputStream
  private val name = stream.getBytes(UTF_8)
  private val out = "out".getBytes(UTF_8)

  override def write(byte: Int): Unit = synchronized { kept.write(byte) }
  override def write(bytes: Array[Byte], from: Int, length: Int): Unit = synchronized {
    kept.write(bytes, from, length)
    if (kept.size > 8192) flush()
  }
  override def flush(): Unit = synchronized {
    if (kept.size > 0) {
      wire.sendBytes(out, name, kept.toByteArray)
      kept.reset()
    }
  }
}

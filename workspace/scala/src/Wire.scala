package localworkspace

import java.io.{DataInputStream, DataOutputStream, EOFException, InputStream, OutputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.{CompletableFuture, ConcurrentHashMap}
import java.util.concurrent.atomic.AtomicLong

/** What the driver refused or failed; `kind` is the name of its exception's class. */
final class CallFailed(val kind: String, message: String) extends Exception(message)

/**
 * The wire to the Python driver (`workspace/python/driver/scala.py`): frames of byte strings, each a count and then
 * length and bytes of each part, in network byte order. Safe to use from several threads.
 */
final class Wire(input: InputStream, output: OutputStream) {
  private val in = new DataInputStream(input)
  private val out = new DataOutputStream(output)
  private val waiting = new ConcurrentHashMap[String, CompletableFuture[List[String]]]
  private val lastId = new AtomicLong

  def send(parts: String*): Unit = sendBytes(parts.map(_.getBytes(UTF_8)): _*)

  def sendBytes(parts: Array[Byte]*): Unit = synchronized {
    out.writeInt(parts.length)
    for (part <- parts) {
      out.writeInt(part.length)
      out.write(part)
    }
    out.flush()
  }

  /** The next frame; none when the driver has gone. */
  def receive(): Option[List[String]] =
    try Some(List.fill(in.readInt())(new String(in.readNBytes(in.readInt()), UTF_8)))
    catch { case _: EOFException => None }

  /** Asks the driver and waits for its answer, however long that takes. Throws [[CallFailed]]. */
  def call(method: String, arguments: String*): List[String] = {
    val id = lastId.incrementAndGet().toString
    val answer = new CompletableFuture[List[String]]
    waiting.put(id, answer)
    send(Seq("call", id, method) ++ arguments: _*)
    answer.get() match {
      case "ok" :: values                => values
      case "error" :: kind :: message :: _ => throw new CallFailed(kind, message)
      case other                         => throw new IllegalStateException(s"No answer: ${other.headOption}")
    }
  }

  def answered(id: String, values: List[String]): Unit = Option(waiting.remove(id)).foreach(_.complete(values))
}

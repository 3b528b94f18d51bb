package notebookreleases.testkit

import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest
import java.util.UUID

/** Names and values that MLflow takes. The rules are in testkit/README.md: the Python test kit follows the same. */
private[testkit] object Names {

  /** Room for `_dur` and a number below the 250 characters that MLflow's own server takes. */
  val NameCharacters = 240

  /** Databricks' limit of a parameter's value. */
  val ValueBytes = 500

  /** The name with `_` for every character outside `[A-Za-z0-9_]`; a long one is cut and ends in a digest of the whole. */
  def legal(name: String): String = {
    val plain = name.replaceAll("[^A-Za-z0-9_]", "_")
    if (plain.length <= NameCharacters) plain else s"${plain.take(NameCharacters - 9)}_${digest(plain).take(8)}"
  }

  /** The value in at most 500 bytes of UTF-8, cut at a whole character. */
  def cut(value: String): String = {
    val bytes = value.getBytes(UTF_8)
    if (bytes.length <= ValueBytes) new String(bytes, UTF_8)
    else {
      var end = ValueBytes
      // A byte 10xxxxxx goes on with a character that began before it.
      while ((bytes(end) & 0xc0) == 0x80) end -= 1
      new String(bytes, 0, end, UTF_8)
    }
  }

  /** The first of `name`, `name_2`, `name_3`, … that is taken neither as a parameter nor, with `_dur`, as a metric; and its number. */
  def free(name: String, parameters: String => Boolean, metrics: String => Boolean): (String, Int) =
    Iterator
      .from(1)
      .map(number => (if (number == 1) name else s"${name}_$number", number))
      .find { case (candidate, _) => !parameters(candidate) && !metrics(s"${candidate}_dur") }
      .get

  /** `base` made unique; what is no letter, digit or `_` in it becomes `_`. */
  def unique(base: String): String = s"${base.replaceAll("[^A-Za-z0-9_]", "_")}_${UUID.randomUUID().toString.take(8)}"

  private def digest(text: String): String =
    MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8)).map(byte => f"$byte%02x").mkString
}

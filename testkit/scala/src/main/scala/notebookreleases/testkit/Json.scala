package notebookreleases.testkit

/** As much of JSON as MLflow's API needs, so that the jar depends on nothing. */
private[testkit] sealed trait Json {

  /** An object's field; [[Json.Null]] where there is none. */
  def apply(name: String): Json = this match {
    case Json.Object(fields) => fields.collectFirst { case (key, value) if key == name => value }.getOrElse(Json.Null)
    case _                   => Json.Null
  }
  def items: Seq[Json] = this match {
    case Json.Array(values) => values
    case _                  => Nil
  }
  def text: Option[String] = this match {
    case Json.Text(value) => Some(value)
    case _                => None
  }
  override def toString: String = { val out = new StringBuilder; Json.write(this, out); out.toString }
}

private[testkit] object Json {
  final case class Text(value: String) extends Json
  final case class Number(value: Double) extends Json
  final case class Whole(value: Long) extends Json
  final case class Bool(value: Boolean) extends Json
  final case class Array(values: Seq[Json]) extends Json
  final case class Object(fields: Seq[(String, Json)]) extends Json
  case object Null extends Json

  def orNull(value: Option[String]): Json = value.fold[Json](Null)(Text(_))

  /** Throws IllegalArgumentException with the position where it is no JSON. */
  def parse(text: String): Json = new Parser(text).whole()

  private def write(json: Json, out: StringBuilder): Unit = json match {
    case Text(value)   => quote(value, out)
    case Number(value) => out ++= (if (value.isNaN || value.isInfinite) "null" else value.toString)
    case Whole(value)  => out ++= value.toString
    case Bool(value)   => out ++= value.toString
    case Null          => out ++= "null"
    case Array(values) => list('[', values, ']', out)(write(_, out))
    case Object(fields) =>
      list('{', fields, '}', out) { case (name, value) =>
        quote(name, out)
        out += ':'
        write(value, out)
      }
  }

  private def list[T](open: Char, values: Seq[T], close: Char, out: StringBuilder)(one: T => Unit): Unit = {
    out += open
    var first = true
    for (value <- values) {
      if (!first) out += ','
      first = false
      one(value)
    }
    out += close
  }

  private def quote(value: String, out: StringBuilder): Unit = {
    out += '"'
    value.foreach {
      case '"'  => out ++= "\\\""
      case '\\' => out ++= "\\\\"
      // Also lone halves of a pair, which UTF-8 has no bytes for.
      case char if char < ' ' || char.isSurrogate => out ++= f"\\u${char.toInt}%04x"
      case char                                   => out += char
    }
    out += '"'
  }

  private final class Parser(text: String) {
    private var at = 0

    def whole(): Json = {
      val value = next()
      blank()
      if (at < text.length) wrong()
      value
    }

    private def next(): Json = {
      blank()
      peek match {
        case '{' => Object(sequence('}') { val name = string(); blank(); take(':'); name -> next() })
        case '[' => Array(sequence(']')(next()))
        case '"' => Text(string())
        case 't' => word("true", Bool(true))
        case 'f' => word("false", Bool(false))
        case 'n' => word("null", Null)
        case _   => number()
      }
    }

    private def sequence[T](close: Char)(one: => T): Seq[T] = {
      at += 1
      val values = Seq.newBuilder[T]
      blank()
      var more = peek != close
      while (more) {
        blank()
        values += one
        blank()
        more = peek == ','
        if (more) at += 1
      }
      take(close)
      values.result()
    }

    private def string(): String = {
      take('"')
      val out = new StringBuilder
      while (peek != '"') {
        val char = peek
        at += 1
        if (char != '\\') out += char
        else {
          val escaped = peek
          at += 1
          escaped match {
            case 'n' => out += '\n'
            case 't' => out += '\t'
            case 'r' => out += '\r'
            case 'b' => out += '\b'
            case 'f' => out += '\f'
            case 'u' =>
              if (at + 4 > text.length) wrong()
              out += Integer.parseInt(text.substring(at, at + 4), 16).toChar
              at += 4
            case other => out += other
          }
        }
      }
      at += 1
      out.toString
    }

    private def number(): Json = {
      val start = at
      while (at < text.length && "+-.eE0123456789".indexOf(text(at).toInt) >= 0) at += 1
      val digits = text.substring(start, at)
      try if (digits.forall(char => char.isDigit || char == '-')) Whole(digits.toLong) else Number(digits.toDouble)
      catch { case _: NumberFormatException => wrong() }
    }

    private def word[T](expected: String, value: T): T =
      if (text.startsWith(expected, at)) { at += expected.length; value }
      else wrong()

    private def peek: Char = if (at < text.length) text(at) else wrong()
    private def take(char: Char): Unit = if (peek == char) at += 1 else wrong()
    private def blank(): Unit = while (at < text.length && text(at).isWhitespace) at += 1
    private def wrong(): Nothing = throw new IllegalArgumentException(s"No JSON at character $at")
  }
}

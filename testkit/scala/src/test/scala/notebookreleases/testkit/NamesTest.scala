package notebookreleases.testkit

import java.nio.charset.StandardCharsets.UTF_8
import org.scalatest.funsuite.AnyFunSuite

/** The same cases as the Python test kit's. */
class NamesTest extends AnyFunSuite {
  test("a legal name has an underscore for each other character") {
    val cases = Map(
      "suite_test_ok" -> "suite_test_ok",
      "suite_TestFit.test_bias[3-7]" -> "suite_TestFit_test_bias_3_7_",
      "a forecast should \"be close\"" -> "a_forecast_should__be_close_",
      "größe" -> "gr__e",
      "fire \ud83d\udd25" -> "fire__",
      "" -> ""
    )
    for ((name, expected) <- cases) assert(Names.legal(name) == expected)
  }

  test("a name of 240 characters stays, and a longer one ends in the digest of all of it") {
    assert(Names.legal("a" * 240) == "a" * 240)
    // printf '%s' aaa…b | sha256sum, with 240 a's
    val digest = java.security.MessageDigest.getInstance("SHA-256").digest(("a" * 240 + "b").getBytes(UTF_8))
    assert(Names.legal("a" * 240 + "b") == "a" * 231 + "_" + digest.take(4).map("%02x".format(_)).mkString)
    assert(Names.legal("a" * 240 + "b") != Names.legal("a" * 240 + "c"))
  }

  test("a value is cut at a whole character") {
    for (text <- Seq("x" * 500, "é" * 250, "", "passed")) assert(Names.cut(text) == text)
    for (character <- Seq("x", "é", "€", "\ud83d\udd25"); before <- 0 to 3) {
      val text = "-" * before + character * 600
      val short = Names.cut(text)
      assert(text.startsWith(short))
      val size = short.getBytes(UTF_8).length
      assert(size <= 500 && size > 500 - character.getBytes(UTF_8).length)
    }
    assert(Names.cut("a\ud83d") == "a?")
  }

  test("the first free number is taken, looking at parameters and durations") {
    assert(Names.free("x", Set.empty[String], Set.empty[String]) == (("x", 1)))
    assert(Names.free("x", Set("x"), Set.empty[String]) == (("x_2", 2)))
    assert(Names.free("x", Set("x", "x_2"), Set("x_3_dur")) == (("x_4", 4)))
  }

  test("JSON is read as it was written") {
    val text = "quote \" back \\ line \n tab \t nul \u0000 é € \ud83d\udd25"
    val json = Json.Object(
      Seq(
        "a" -> Json.Text(text),
        "b" -> Json.Array(Seq(Json.Whole(-5), Json.Number(1.5e-7), Json.Bool(true), Json.Null)),
        "c" -> Json.Object(Nil)
      )
    )
    assert(Json.parse(json.toString) == json)
    assert(Json.parse(" { \"a\" : [ ] , \"b\":\"\\u00e9\\/\" } ")("b").text.contains("é/"))
    for (wrong <- Seq("", "{", "[1,]", "{\"a\"}", "nul", "1 2", "\"a", "\"\\u12")) {
      assertThrows[IllegalArgumentException](Json.parse(wrong))
    }
  }
}

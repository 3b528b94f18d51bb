/** Values and names stay values and names, whatever is in them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Sql, type Parameter } from "./helper";

const NASTY = [
  "it's",
  "\\",
  "\\'",
  "'; DROP TABLE main.engines_parameters.t; --",
  "\\'; DROP TABLE main.engines_parameters.t; --",
  'double " and `back` quotes',
  "line\nfeed\r\ntab\t",
  "/* comment */ -- and another",
  ":name and :v and $" + "{v} and {v}",
  "?",
  "\\u0041 \\n \\x41 \\101",
  "100%_\\%\\_",
  "snow ☃, smile 😀, \u2028, é, e\u0301",
  "\u0000\u0001\u001a",
  " ",
  "",
];

describe("statement parameters", function () {
  this.timeout(120_000);
  let sql: Sql;
  const t = "main.engines_parameters.t";
  before(async () => {
    sql = await Sql.connect();
    await sql.schema("engines_parameters");
    await sql.rows(`CREATE TABLE ${t} (id INT, v STRING)`);
  });

  it("bind nasty texts in queries, INSERT, UPDATE, MERGE and DELETE", async () => {
    for (const [id, value] of NASTY.entries()) {
      const parameters: Parameter[] = [
        { name: "v", value },
        { name: "name", value: "wrong" },
        { name: "id", value: String(id), type: "INT" },
        { name: "t", value: t },
      ];
      const shown = JSON.stringify(value);
      assert.deepEqual(await sql.rows("SELECT :v", parameters), [[value]], shown);
      await sql.rows(
        "MERGE INTO IDENTIFIER(:t) AS t USING (SELECT :id AS id, :v AS v) AS s ON t.v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)",
        parameters,
      );
      assert.deepEqual(
        await sql.rows(`SELECT id, v FROM ${t} WHERE v = :v`, parameters),
        [[String(id), value]],
        shown,
      );
      assert.deepEqual(
        await sql.rows("UPDATE IDENTIFIER(:t) SET id = :id + 100 WHERE v = :v", parameters),
        [["1"]],
        shown,
      );
      await sql.rows(`INSERT INTO ${t} (v) VALUES (:v)`, parameters);
      assert.deepEqual(await sql.rows(`SELECT count(*) FROM ${t} WHERE v = :v`, parameters), [["2"]], shown);
      assert.deepEqual(await sql.rows(`DELETE FROM ${t} WHERE v = :v`, parameters), [["2"]], shown);
    }
  });

  it("bind any text", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { minLength: 8, maxLength: 8 }),
        async (values) => {
          const parameters = values.map((value, index) => ({ name: `p${index}`, value }));
          const list = parameters.map(({ name }) => `:${name}`).join(", ");
          assert.deepEqual(await sql.rows(`SELECT ${list}`, parameters), [values]);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("have types", async () => {
    const parameters: Parameter[] = [
      { name: "s", value: "5" },
      { name: "i", value: "-5", type: "INT" },
      { name: "l", value: "9007199254740993", type: "BIGINT" },
      { name: "d", value: "1.5e3", type: "DOUBLE" },
      { name: "b", value: "true", type: "BOOLEAN" },
      { name: "day", value: "2026-02-03", type: "DATE" },
      { name: "at", value: "2026-02-03T04:05:06.789+02:00", type: "TIMESTAMP" },
      { name: "m", value: "12.30", type: "DECIMAL(10,2)" },
      { name: "nothing", type: "STRING" },
      { name: "void", value: null, type: "VOID" },
    ];
    assert.deepEqual(
      await sql.rows(
        "SELECT :s, 1-:i, :l, :d, :b, :day, :at, :m, :nothing IS NULL, :void IS NULL",
        parameters,
      ),
      [
        [
          "5",
          "6",
          "9007199254740993",
          "1500.0",
          "true",
          "2026-02-03",
          "2026-02-03T02:05:06.789Z",
          "12.30",
          "true",
          "true",
        ],
      ],
    );
    const { manifest } = await sql.send("SELECT :s, :i, :l, :d, :b, :day, :at, :m", parameters);
    assert.deepEqual(
      manifest.schema.columns.map((column: { type_text: string }) => column.type_text),
      ["STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "DECIMAL(10,2)"],
    );
  });

  it("refuse what is no value of their type", async () => {
    for (const [type, value] of [
      ["INT", "1; DROP TABLE x"],
      ["INT", "2147483648"],
      ["BIGINT", "1.5"],
      ["DOUBLE", "1) OR (1=1"],
      ["BOOLEAN", "maybe"],
      ["DATE", "2026-01-01' OR '1"],
      ["TIMESTAMP", "now"],
      ["DECIMAL(10,2)", "x"],
    ] as const) {
      assert.match(
        await sql.failure("SELECT :v", [{ name: "v", value, type }]),
        /^\[CAST_INVALID_INPUT\].*parameter v/,
        value,
      );
    }
  });

  it("are no parameters in strings, comments, quoted names and field paths", async () => {
    const parameters = [{ name: "v", value: "bound" }];
    assert.deepEqual(await sql.rows("SELECT ':v' AS `a:v`, \":v\", :v /* :other */ -- :other", parameters), [
      [":v", ":v", "bound"],
    ]);
  });

  it("name tables through IDENTIFIER, and nothing but names", async () => {
    const named = (value: string) => [{ name: "t", value }];
    assert.deepEqual(await sql.rows("SELECT count(*) FROM IDENTIFIER(:t)", named(t)), [["0"]]);
    assert.deepEqual(
      await sql.rows("SELECT count(*) FROM IDENTIFIER('main.' || :t)", named("engines_parameters.t")),
      [["0"]],
    );
    await sql.rows(
      "CREATE TABLE IF NOT EXISTS IDENTIFIER(:t) (a INT)",
      named("main.engines_parameters.made"),
    );
    await sql.rows("DROP TABLE IDENTIFIER(:t)", named("`main`.`engines_parameters`.`made`"));
    for (const bad of [`${t}; DROP TABLE ${t}`, `${t} WHERE 1=1`, "a b", "", "`a", "a..b", `(SELECT 1)`]) {
      assert.match(await sql.failure("SELECT * FROM IDENTIFIER(:t)", named(bad)), /PARSE_SYNTAX_ERROR/, bad);
    }
  });
});

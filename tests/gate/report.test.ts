/** What people and machines read of a gate. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { junitXml } from "../../providers/gate/junit";
import { failure, headline, summaryMarkdown, table, type Report } from "../../providers/gate/report";
import { failedOutcome, outcome } from "./outcome";

const report: Report = {
  retries: 1,
  ...{ app: "churn", env: "staging", githash: "a".repeat(40) },
  ...{ deploymentUrl: "https://w/ml/1", runUrls: ["https://w/run/2", "https://w/run/3"] },
  outcomes: [
    outcome("tests/fine", { result: "rmse 2.5", url: "https://w/t1" }),
    outcome("tests/shaky", { flaky: true, attempts: 2, error: "ValueError: once", trace: "trace of once" }),
    {
      ...failedOutcome("tests/broken", "AssertionError: 1\nis not 2", "Traceback\n```\nx"),
      url: "https://w/t3",
    },
  ],
  verdicts: [
    { name: "rmse", before: 2, now: 2.5, limit: "at most 5 % worse", kept: false, note: "25 % worse than 2" },
  ],
};

describe("a gate's report", () => {
  it("in the terminal: a line a test and a limit, each failure with its error and address", () => {
    assert.equal(headline(report), "1 of 3 tests failed, 1 flaky, 1 limit broken");
    const text = failure(report);
    assert.match(
      text,
      /^The gate is closed: 1 of 3 tests failed, .* What was live in staging is live still\.$/m,
    );
    assert.match(text, /^ {2}✓ tests\/fine +1\.0 s {2}rmse 2\.5$/m);
    assert.match(text, /^ {2}✓ tests\/shaky .*\(flaky: passed at attempt 2\)$/m);
    assert.match(text, /^ {2}✗ tests\/broken .*Failed$/m);
    assert.match(text, /^ {2}✗ rmse +2\.5 \(before: 2; limit: at most 5 % worse\) {2}25 % worse than 2$/m);
    assert.match(text, /tests\/broken: AssertionError: 1\n {4}is not 2\n {4}https:\/\/w\/t3/);
    for (const address of [report.deploymentUrl, ...report.runUrls]) {
      assert.ok(text.includes(address), address);
    }
  });

  it("of a test that was not run here says so with the reason, never that it passed", () => {
    const missing = "not run here: no java found on PATH";
    const outcomes = [outcome("tests/fine"), failedOutcome("tests/scala", missing, "")];
    const notRun = [outcomes[0]!, { ...outcomes[1]!, notRun: true as const }];
    assert.equal(headline({ outcomes: notRun, verdicts: [] }), "1 of 2 tests not run here");
    assert.equal(
      headline({ outcomes: [...notRun, failedOutcome("tests/broken", "1")], verdicts: [] }),
      "1 of 3 tests failed, 1 not run here",
    );
    const closed = { ...report, outcomes: notRun, verdicts: [] };
    assert.match(failure(closed), /^The gate is closed: 1 of 2 tests not run here\./);
    assert.match(failure(closed), /^ {2}✗ tests\/scala +1\.0 s {2}not run here: no java found on PATH$/m);
    assert.match(
      summaryMarkdown(closed),
      /^\| ✗ \| tests\/scala \| 1\.0 \| not run here: no java found on PATH \|$/m,
    );
    const xml = junitXml("s", notRun);
    assert.match(xml, /<testsuite name="s" tests="2" failures="0" errors="1" skipped="0"/);
    assert.match(xml, /name="scala" .*<error message="not run here: no java found on PATH" type="not run">/);
  });

  it("of a result of many lines or characters shows the first of them", () => {
    const line = table({ outcomes: [outcome("t", { result: `${"x".repeat(500)}\nmore` })], verdicts: [] });
    assert.match(line, /x{100}…$/);
    assert.equal(line.split("\n").length, 1);
  });

  it("in Markdown: tables of tests and limits with old and new value, failures in blocks that nothing ends", () => {
    const text = summaryMarkdown(report);
    assert.match(text, /^# churn in staging: the gate is closed$/m);
    assert.match(text, /^\| ✓ \| \[tests\/fine\]\(https:\/\/w\/t1\) \| 1\.0 \| rmse 2\.5 \|$/m);
    assert.match(text, /^\| ✗ \| rmse \| 2 \| 2\.5 \| at most 5 % worse \| 25 % worse than 2 \|$/m);
    assert.match(text, /^````text\nTraceback\n```\nx\n````$/m);
    assert.match(text, /^## tests\/shaky \(passed when it was tried again\)$/m);
    const odd = summaryMarkdown({ ...report, outcomes: [outcome("a|b", { result: "<b>|*x*" })] });
    assert.match(odd, /\| a\\\|b \| 1\.0 \| \\<b\\>\\\|\\\*x\\\* \|/);
  });
});

describe("junit.xml", () => {
  it("has the counts, the failures, and the flaky failures of what passed in the end", () => {
    const xml = junitXml("churn staging", report.outcomes);
    assert.match(
      xml,
      /<testsuite name="churn staging" tests="3" failures="1" errors="0" skipped="0" time="3\.000">/,
    );
    assert.match(xml, /<testcase classname="tests" name="fine" time="1\.000"><system-out>rmse 2\.5</);
    assert.match(
      xml,
      /name="shaky" time="1\.000"><flakyFailure message="ValueError: once" type="flaky">trace of once</,
    );
    assert.match(xml, /name="broken" .*<failure message="AssertionError: 1" type="failed">Traceback&#10;/);
  });

  it("holds no character that XML does not take, whatever a test says", () => {
    const xml = junitXml("s", [
      failedOutcome("t", "\u0000\u001b[31mred\u001b[0m <&>\"' \ud800 \uffff 😀", "\u000b]]>"),
    ]);
    assert.match(xml, /message="red &lt;&amp;&gt;&quot;&apos; {3}😀"/);
    assert.match(xml, />\]\]&gt;</);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (error, result) => {
        const text = junitXml(error, [failedOutcome(result, error), outcome(error, { result })]);
        // https://www.w3.org/TR/xml/#charsets
        assert.match(text, /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u);
        // Tags are ours alone: what is left without them has no markup.
        assert.doesNotMatch(text.replace(/<\/?[A-Za-z?][^<>]*>/g, ""), /[<>]/);
      }),
    );
  });
});
